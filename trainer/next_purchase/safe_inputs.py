"""Histories made safe inside the graph: one number outside its table or range would fail all users of the batch."""

from keras import ops

from serving.features import UNKNOWN
from trainer.next_purchase.tensors import Tensor

MOST = {"days_ago": 36_500.0, "orders_ago": 10_000, "quantity": 1e6}
"""What is more than this is taken for this, and what is less than nothing for nothing."""


def known(item: Tensor, vocabulary_size: int) -> Tensor:
    """Items, UNKNOWN where they lie in no table."""
    return ops.where((item >= 0) & (item < vocabulary_size), item, UNKNOWN)


def safe(inputs: dict[str, Tensor], vocabulary_size: int) -> dict[str, Tensor]:
    """INPUT_TYPES that can be computed with: [B, L] each."""
    in_range = {name: ops.clip(inputs[name], 0, most) for name, most in MOST.items()}
    return {"item_index": known(inputs["item_index"], vocabulary_size), **in_range}
