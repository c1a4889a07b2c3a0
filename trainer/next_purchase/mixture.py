"""Several sources share the probability of the next line among them, in one softmax over all that they say.

    P(y) = (sum over all places of all sources that name y of exp(logit)) / (the sum over all places)

So how much to repeat, to follow, to explore and to read on down a list is learnt with everything else. After
Merity et al. 2017, "Pointer sentinel mixture models" (arXiv:1609.07843), section 2.2.
"""

from typing import NamedTuple

import tensorflow
from keras import ops

from trainer.next_purchase.tensors import FAR, Tensor

_LEAST = 1e-30
_MOST_LOGIT = 60.0
"""Above the strongest of the other sources; the exponential of more would not be a number."""


class Pointer(NamedTuple):
    """Places that name an item each."""

    logits: Tensor
    """[N, places]"""
    item: Tensor
    """[N, places]"""


class Listing(NamedTuple):
    """Items in the order of a list, at some of the positions."""

    position: Tensor
    """Number among the N positions: [R]"""
    logits: Tensor
    """[R, V], the column being the place in the list."""
    total: Tensor
    """Logarithm of the sum of their exponentials: [R]"""


class Sources(NamedTuple):
    """What speaks at N positions."""

    explore: Tensor
    """[N, V]"""
    pointers: tuple[Pointer, ...]
    listing: Listing


def log_probabilities(sources: Sources, place: Tensor) -> Tensor:
    """Of every item at N positions: [N, V]; `place` [V] is where each item stands in the list."""
    most = ops.max(sources.explore, axis=-1, keepdims=True)
    for pointer in sources.pointers:
        most = ops.maximum(most, ops.max(pointer.logits, axis=-1, keepdims=True))
    number = ops.arange(ops.shape(most)[0], dtype="int32")[:, None]
    weight = ops.exp(sources.explore - most)
    for pointer in sources.pointers:
        where = ops.stack([ops.broadcast_to(number, ops.shape(pointer.item)), pointer.item], axis=-1)
        weight = tensorflow.tensor_scatter_nd_add(weight, where, ops.exp(pointer.logits - most))
    listing = sources.listing
    listed = ops.take(listing.logits, place, axis=1) - ops.take(most, listing.position, axis=0)
    listed = ops.exp(ops.minimum(listed, _MOST_LOGIT))
    weight = tensorflow.tensor_scatter_nd_add(weight, listing.position[:, None], listed)
    return ops.log(weight / ops.sum(weight, axis=-1, keepdims=True) + _LEAST)


def log_probability(sources: Sources, item: Tensor, place: Tensor) -> Tensor:
    """Of one item at each of N positions: [N]. As above, without making those of all items."""
    named, everything = [_picked(sources.explore, item)], [ops.logsumexp(sources.explore, axis=-1)]
    for pointer in sources.pointers:
        names = pointer.item == item[:, None]
        named.append(ops.logsumexp(ops.where(names, pointer.logits, -FAR), axis=-1))
        everything.append(ops.logsumexp(pointer.logits, axis=-1))
    listing = sources.listing
    where, nothing = listing.position[:, None], ops.full_like(named[0], -FAR)
    listed = _picked(listing.logits, ops.take(place, ops.take(item, listing.position)))
    named.append(tensorflow.tensor_scatter_nd_update(nothing, where, listed))
    everything.append(tensorflow.tensor_scatter_nd_update(nothing, where, listing.total))
    return ops.logsumexp(ops.stack(named, -1), axis=-1) - ops.logsumexp(ops.stack(everything, -1), axis=-1)


def _picked(values: Tensor, column: Tensor) -> Tensor:
    return ops.take_along_axis(values, column[:, None], axis=1)[:, 0]
