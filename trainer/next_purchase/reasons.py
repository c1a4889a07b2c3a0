"""Which bought line speaks for a candidate."""

from keras import ops

from serving.candidates import NO_REASON
from serving.features import FIRST_ITEM
from trainer.next_purchase.tensors import FAR, Tensor


def closest_lines(candidate: Tensor, bought: Tensor, items: Tensor) -> Tensor:
    """The newest line of the candidate itself, or else the most related one: columns of `bought` [B, L] for
    candidates [B, K], by item vectors [V, E]; NO_REASON where nothing was bought: [B, K]."""
    vectors = ops.normalize(items)
    related = ops.einsum("bke,ble->bkl", ops.take(vectors, candidate, axis=0), ops.take(vectors, bought, axis=0))
    same = ops.cast(bought[:, None, :] == candidate[..., None], "float32")
    # Of several lines of one item the newest: a place counts for less than any difference in relation.
    place = ops.cast(ops.arange(ops.shape(bought)[1]), "float32") * 1e-6
    speaks = ops.where(bought[:, None, :] >= FIRST_ITEM, related + same + place, -FAR)
    most, line = ops.top_k(speaks, 1)
    return ops.where(most[..., 0] > -FAR / 2, ops.cast(line[..., 0], "int32"), NO_REASON)
