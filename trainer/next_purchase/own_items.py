"""What a user did with each item bought before, computed from the lines inside the graph.

For every line i the other lines of the same item are found by comparing all lines with all lines [B, L, L];
what is summed over them is the item's. The newest line of each item speaks for the item, so that each item
is scored once.
"""

from typing import NamedTuple

import numpy as np
from keras import layers, ops

from serving.features import FIRST_ITEM
from trainer.next_purchase.tensors import Tensor, log1p, starting_at

DECAYS_BY_ORDER = (0.5, 0.2, 0.05)
"""Where learning starts: how much of its weight a purchase loses with each order ..."""
DECAYS_BY_DAY = (1 / 10, 1 / 30, 1 / 90)
"""... and with each day."""
N_SUMS = 1 + len(DECAYS_BY_ORDER) + len(DECAYS_BY_DAY)
_MAX_DUE = 4.0


class OwnItems(NamedTuple):
    """B users with L lines each."""

    is_newest: Tensor
    """1 for the line that speaks for its item, 0 for all others and padding: [B, L]"""
    features: Tensor
    """[B, L, N]"""


class OwnItemFeatures(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Counts, decayed counts, recency, intervals, quantities and spend; the rates of decay are learnt."""

    def build(self, _shape: object) -> None:
        self.by_order = self._rates("decay_by_order", DECAYS_BY_ORDER)
        self.by_day = self._rates("decay_by_day", DECAYS_BY_DAY)
        self.built = True

    def call(self, inputs: dict[str, Tensor], price: Tensor) -> OwnItems:
        """`price` is what a line's item costs, 0 where nobody knows: [B, L]."""
        item, days, quantity = inputs["item_index"], inputs["days_ago"], inputs["quantity"]
        orders = ops.cast(inputs["orders_ago"], "float32")
        known = ops.cast(item >= FIRST_ITEM, "float32")
        place = ops.cast(ops.arange(ops.shape(item)[1]), "float32")
        same = ops.cast(item[:, :, None] == item[:, None, :], "float32")
        is_newest = known * ops.cast(ops.max(same * place[None, None], axis=-1) == place[None], "float32")
        spend = quantity * price
        sums = ops.matmul(same, self._summed(days, orders, quantity, spend) * known[..., None])
        count, oldest = sums[..., 0], ops.max(same * days[:, None, :], axis=-1)
        n_orders = ops.maximum(ops.max(orders, axis=-1, keepdims=True), 1.0)
        first_order = ops.max(days, axis=-1, keepdims=True)
        newest_order = ops.min(ops.where(known > 0, days, first_order), axis=-1, keepdims=True)
        interval = (oldest - days) / ops.maximum(count - 1.0, 1.0)
        several = ops.cast(count > 1.5, "float32")
        due = several * ops.clip(days / ops.maximum(interval, 1.0), 0.0, _MAX_DUE)
        user = [
            ops.log(n_orders),
            log1p(newest_order),
            log1p((first_order - newest_order) / ops.maximum(n_orders - 1.0, 1.0)),
            log1p(ops.sum(is_newest, axis=-1, keepdims=True)) - 4.0,
        ]
        quantity_of_item, spend_of_item = sums[..., N_SUMS], sums[..., N_SUMS + 1]
        share = spend_of_item / (ops.sum(spend * known, axis=-1, keepdims=True) + 1e-6)
        columns = [
            count / n_orders,
            ops.log(ops.maximum(count, 1.0)),
            *(sums[..., n] for n in range(1, N_SUMS)),
            1.0 / ops.maximum(orders, 1.0),
            ops.log(ops.maximum(orders, 1.0)),
            ops.cast(orders < 0.5, "float32"),
            log1p(days),
            due,
            several,
            log1p(interval),
            log1p(quantity_of_item) / 3.0,
            log1p(quantity) / 3.0,
            log1p(spend_of_item) / 4.0,
            share * 10.0,
            *(ops.broadcast_to(value, ops.shape(days)) for value in user),
        ]
        return OwnItems(is_newest, ops.stack(columns, axis=-1))

    def _summed(self, days: Tensor, orders: Tensor, quantity: Tensor, spend: Tensor) -> Tensor:
        """What is added up over the lines of an item: [B, L, N_SUMS + 2]."""
        # A softplus keeps a weight from growing with age.
        faded_by_order = ops.exp(-ops.softplus(self.by_order) * orders[..., None])
        faded_by_day = ops.exp(-ops.softplus(self.by_day) * days[..., None])
        plain = [ops.ones_like(days)[..., None], faded_by_order, faded_by_day]
        return ops.concatenate([*plain, quantity[..., None], spend[..., None]], axis=-1)

    def _rates(self, name: str, rates: tuple[float, ...]) -> Tensor:
        start = np.log(np.expm1(np.array(rates)))
        return self.add_weight(name=name, shape=start.shape, initializer=starting_at(start))
