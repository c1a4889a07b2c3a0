"""What a user did with each item bought before, computed from the lines inside the graph.

For every line the other lines of the same item are found by comparing all lines with all lines [B, L, L];
what is summed over them is the item's. The newest line of each item speaks for the item, so that each item
is scored once.
"""

from typing import NamedTuple

import numpy as np
from keras import layers, ops

from serving.features import FIRST_ITEM, OPEN_ORDER
from trainer.next_purchase.tensors import Tensor, log1p, starting_at

DECAYS_BY_ORDER = (0.5, 0.2, 0.05)
"""Where learning starts: how much of its weight a purchase loses with each order ..."""
DECAYS_BY_DAY = (1 / 10, 1 / 30, 1 / 90)
"""... and with each day."""
_N_COUNTS = 1 + len(DECAYS_BY_ORDER) + len(DECAYS_BY_DAY)
_MAX_DUE = 4.0
N_ABOUT_USER = 4
"""Of the features of an item the last ones, which are the same for all items of a user."""


class OwnItems(NamedTuple):
    """B users with L lines each."""

    is_newest: Tensor
    """1 for the line that speaks for its item, 0 for all others and padding: [B, L]"""
    is_known: Tensor
    """1 for items, 0 for padding and unknown ones: [B, L]"""
    count: Tensor
    """In how many lines the line's item lies: [B, L]"""
    about_user: Tensor
    """[B, N_ABOUT_USER]"""
    features: Tensor
    """[B, L, N], those about the user last; they mean something where `is_newest` is 1."""


class _Lines(NamedTuple):
    """The inputs as numbers to compute with, and what follows from them at once: [B, L] each, unless said
    otherwise."""

    known: Tensor
    """1 for items, 0 for padding and unknown ones."""
    days: Tensor
    orders: Tensor
    quantity: Tensor
    spend: Tensor
    same: Tensor
    """1 where two lines hold the same item: [B, L, L]"""
    is_newest: Tensor


class OwnItemFeatures(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Counts, decayed counts, recency, intervals, quantities and spend; the rates of decay are learnt."""

    def build(self, _shape: object) -> None:
        self.by_order = self._rates("decay_by_order", DECAYS_BY_ORDER)
        self.by_day = self._rates("decay_by_day", DECAYS_BY_DAY)
        self.built = True

    def call(self, inputs: dict[str, Tensor], price: Tensor) -> OwnItems:
        """`price` is what a line's item costs, 0 where nobody knows: [B, L]."""
        lines = _lines(inputs, price)
        counts, quantity, spend = self._summed_by_item(lines)
        about_user = _about_user(lines)
        columns = [
            *_rhythm(lines, counts[..., 0]),
            *(counts[..., number] for number in range(1, _N_COUNTS)),
            *_amounts(lines, quantity, spend),
            *(ops.broadcast_to(value, ops.shape(lines.days)) for value in about_user),
        ]
        features, user = ops.stack(columns, axis=-1), ops.concatenate(about_user, axis=-1)
        return OwnItems(lines.is_newest, lines.known, counts[..., 0], user, features)

    def _summed_by_item(self, lines: _Lines) -> tuple[Tensor, Tensor, Tensor]:
        """For each line's item: how often, plainly and decayed [B, L, _N_COUNTS], how many and for how much."""
        # A softplus keeps a weight from growing with age.
        faded_by_order = ops.exp(-ops.softplus(self.by_order) * lines.orders[..., None])
        faded_by_day = ops.exp(-ops.softplus(self.by_day) * lines.days[..., None])
        plain = ops.ones_like(lines.days)[..., None]
        amounts = [lines.quantity[..., None], lines.spend[..., None]]
        of_lines = ops.concatenate([plain, faded_by_order, faded_by_day, *amounts], axis=-1)
        sums = ops.matmul(lines.same, of_lines * lines.known[..., None])
        return sums[..., :_N_COUNTS], sums[..., _N_COUNTS], sums[..., _N_COUNTS + 1]

    def _rates(self, name: str, rates: tuple[float, ...]) -> Tensor:
        start = np.log(np.expm1(np.array(rates)))
        return self.add_weight(name=name, shape=start.shape, initializer=starting_at(start))


def _lines(inputs: dict[str, Tensor], price: Tensor) -> _Lines:
    item, quantity = inputs["item_index"], inputs["quantity"]
    known = ops.cast(item >= FIRST_ITEM, "float32")
    same = ops.cast(item[:, :, None] == item[:, None, :], "float32")
    place = ops.cast(ops.arange(ops.shape(item)[1]), "float32")[None]
    is_newest = known * ops.cast(ops.max(same * place[None], axis=-1) == place, "float32")
    orders = ops.cast(inputs["orders_ago"], "float32")
    return _Lines(known, inputs["days_ago"], orders, quantity, quantity * price, same, is_newest)


def _rhythm(lines: _Lines, count: Tensor) -> list[Tensor]:
    """How often and how lately the item was bought, and whether it is due."""
    several = ops.cast(count > 1.5, "float32")
    oldest = ops.max(lines.same * lines.days[:, None, :], axis=-1)
    interval = (oldest - lines.days) / ops.maximum(count - 1.0, 1.0)
    orders = ops.maximum(lines.orders, 1.0)
    return [
        count / _n_orders(lines),
        ops.log(ops.maximum(count, 1.0)),
        several,
        1.0 / orders,
        ops.log(orders),
        ops.cast(lines.orders == OPEN_ORDER, "float32"),
        log1p(lines.days),
        log1p(interval),
        several * ops.clip(lines.days / ops.maximum(interval, 1.0), 0.0, _MAX_DUE),
    ]


def _amounts(lines: _Lines, quantity: Tensor, spend: Tensor) -> list[Tensor]:
    """How much of the item was bought, now and in all, and its share of what the user spends."""
    spent = ops.sum(lines.spend * lines.known, axis=-1, keepdims=True)
    return [
        log1p(quantity) / 3.0,
        log1p(lines.quantity) / 3.0,
        log1p(spend) / 4.0,
        spend / (spent + 1e-6) * 10.0,
    ]


def _about_user(lines: _Lines) -> list[Tensor]:
    """How many orders, how long away, how long between orders, and how many different items: [B, 1] each."""
    n_orders = _n_orders(lines)
    first = ops.max(lines.days, axis=-1, keepdims=True)
    newest = ops.min(ops.where(lines.known > 0, lines.days, first), axis=-1, keepdims=True)
    return [
        ops.log(n_orders),
        log1p(newest),
        log1p((first - newest) / ops.maximum(n_orders - 1.0, 1.0)),
        log1p(ops.sum(lines.is_newest, axis=-1, keepdims=True)) - 4.0,
    ]


def _n_orders(lines: _Lines) -> Tensor:
    return ops.maximum(ops.max(lines.orders, axis=-1, keepdims=True), 1.0)
