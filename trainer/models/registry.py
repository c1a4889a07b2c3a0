"""All models by name: where each is, and with which settings it is built for a quick and for a full backtest.

A model is imported when it is built: some bring a large library along.
"""

import importlib
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from trainer.models.model import Model
from trainer.models.schedule import Schedule

Settings = Mapping[str, Any]
AS_IT_IS: Settings = MappingProxyType({})
"""Nothing is set: the constructor's own values."""


class Effort(StrEnum):
    """How much time a model may take."""

    QUICK = "quick"
    """Seconds each, on a shop of half a million lines."""
    FULL = "full"
    """As good as the model gets; a few minutes each."""


class Entry(NamedTuple):
    """One model."""

    place: str
    """Module under `trainer.models` and class: `module:Class`."""
    full: Settings = AS_IT_IS
    quick: Settings | None = AS_IT_IS
    """None: it takes too long, and is left out."""
    is_seeded: bool = False
    """Whether chance plays a part, so that the constructor takes a `seed`."""
    by_default: bool = True
    """Whether it is asked when nobody chooses."""


HURRIED = Schedule(steps=60)
"""Half an epoch over a large shop: what a recurrent network can learn in seconds."""
NO_DECAY = 1e6
"""Days: so slow that everything counts alike."""

ENTRIES: dict[str, Entry] = {
    "popularity": Entry("popularity:Popularity"),
    "recent-popularity": Entry("recent_popularity:RecentPopularity"),
    "own-frequency": Entry("own_frequency:OwnFrequency"),
    "own-recency": Entry("own_frequency:OwnRecency"),
    "item-to-item": Entry("item_to_item:ItemToItem"),
    "markov": Entry("markov:Markov"),
    "tifu-knn": Entry("tifu_knn:TifuKnn"),
    "ease": Entry("ease:Ease", quick={"penalty": (5,)}),
    "als": Entry("als:Als", quick={"settings": [(128, 2, 1)]}, is_seeded=True),
    "bpr": Entry("bpr:Bpr", quick={"settings": [(128, 0.05, 0.0003, 20)]}, is_seeded=True),
    "matrix-factorization": Entry(
        "matrix_factorization:MatrixFactorization", quick={"n_factors": 32, "epochs": 5}, is_seeded=True
    ),
    "transaction-lstm": Entry("transaction_lstm:TransactionLSTM", quick=None, is_seeded=True),
    "transaction-lstm-user": Entry(
        "transaction_lstm:TransactionLSTM",
        {"name": "transaction-lstm-user", "with_user": True},
        {"name": "transaction-lstm-user", "with_user": True, "units": 64, "width": 32, "schedule": HURRIED},
        is_seeded=True,
    ),
    "lstm": Entry("recency_lstm:RecencyLSTM", quick=None, is_seeded=True),
    "lstm-recency": Entry(
        "recency_lstm:RecencyLSTM", {"name": "lstm-recency", "with_recency": True}, quick=None, is_seeded=True
    ),
    "lstm-recency-attention": Entry(
        "recency_lstm:RecencyLSTM",
        {"name": "lstm-recency-attention", "with_recency": True, "with_attention": True},
        {"name": "lstm-recency-attention", "with_recency": True, "with_attention": True, "schedule": HURRIED},
        is_seeded=True,
    ),
    "word2vec-lstm": Entry("word2vec_lstm:Word2VecLSTM", quick=None, is_seeded=True),
    "autoencoder": Entry("autoencoder:Autoencoder", is_seeded=True),
    "predictor": Entry(
        "soft_split:SoftSplit",
        {"name": "predictor", "input_decay": NO_DECAY, "output_decay": None},
        quick=None,
        is_seeded=True,
    ),
    "predictor-decay": Entry(
        "soft_split:SoftSplit", {"name": "predictor-decay", "output_decay": None}, quick=None, is_seeded=True
    ),
    "predictor-learnt-decay": Entry(
        "soft_split:SoftSplit",
        {"name": "predictor-learnt-decay", "learns_decay": True, "output_decay": None},
        quick=None,
        is_seeded=True,
    ),
    "equally-weighted": Entry(
        "soft_split:SoftSplit",
        {"name": "equally-weighted", "input_decay": NO_DECAY, "output_decay": NO_DECAY},
        quick=None,
        is_seeded=True,
    ),
    "soft-split": Entry(
        "soft_split:SoftSplit", quick={"schedule": Schedule(steps=250, learning_rate=2e-3)}, is_seeded=True
    ),
    "soft-split-learnt-decay": Entry(
        "soft_split:SoftSplit",
        {"name": "soft-split-learnt-decay", "learns_decay": True},
        quick=None,
        is_seeded=True,
    ),
    "soft-split-new-items": Entry(
        "soft_split:SoftSplit",
        {"name": "soft-split-new-items", "leave_out_bought": True},
        quick=None,
        is_seeded=True,
    ),
    **{
        f"next-purchase-without-{part}": Entry(
            "next_purchase_without:NextPurchaseWithout", {"part": part}, quick=None, is_seeded=True, by_default=False
        )
        for part in ("lstm", "repeat", "trends", "rerank")
    },
    "next-purchase-counting": Entry(
        "next_purchase:NextPurchase",
        {"name": "next-purchase-counting", "in_stream": "counts"},
        quick=None,
        is_seeded=True,
        by_default=False,
    ),
    "next-purchase": Entry(
        "next_purchase:NextPurchase",
        quick={"epochs": 1, "width": 64, "most_examples": 200_000, "in_stream": "counts", "rerank": False},
        is_seeded=True,
    ),
}
"""In the order in which tables show them: rules first, the champion last."""


def names(effort: Effort) -> tuple[str, ...]:
    """The models that such a backtest asks when nobody chooses."""
    return tuple(
        name
        for name, entry in ENTRIES.items()
        if entry.by_default and (effort is Effort.FULL or entry.quick is not None)
    )


def create(name: str, effort: Effort = Effort.FULL, seed: int = 0) -> Model:
    """The model, not yet fit; KeyError if there is none of this name.

    One that is left out of quick backtests is built for a full one when it is asked for by name.
    """
    entry = ENTRIES[name]
    settings = entry.full if effort is Effort.FULL or entry.quick is None else entry.quick
    model: Model = constructor(name)(**settings, **({"seed": seed} if entry.is_seeded else {}))
    return model


def constructor(name: str) -> Any:
    """Where it is built; ImportError where a library that it needs is missing."""
    module, _, class_name = ENTRIES[name].place.partition(":")
    return getattr(importlib.import_module(f"trainer.models.{module}"), class_name)
