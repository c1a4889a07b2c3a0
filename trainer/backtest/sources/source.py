"""What every source gives: purchases, what its items are called, and what was read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from trainer.backtest.results import Count, Data
from trainer.errors import NotEnoughData
from trainer.purchases import Purchases


class Source(NamedTuple):
    purchases: Purchases
    descriptions: Mapping[str, str]
    """What people call an item: by item id, where the source says."""
    data: Data


def source(
    name: str,
    purchases: Purchases,
    counts: Mapping[str, int],
    descriptions: Mapping[str, str] = MappingProxyType({}),
    notes: tuple[str, ...] = (),
) -> Source:
    """NotEnoughData where no user has two orders: nothing could be asked then. `counts` is what was left out, and
    what else is worth a number; `notes` what was taken for granted."""
    orders_of_users = np.bincount(purchases.user[purchases.order_starts], minlength=1)
    if orders_of_users.max() < 2:
        left_out = "".join(f"; {what}: {n:,}" for what, n in counts.items() if n)
        raise NotEnoughData(f"{name}: no user has two orders, so there is no next one to ask about{left_out}")
    sizes = {
        "lines": len(purchases),
        "orders": len(purchases.order_starts),
        "users": purchases.n_users,
        "users with two orders or more": int((orders_of_users > 1).sum()),
        "items": purchases.n_items,
    }
    return Source(
        purchases,
        {item_id: descriptions[item_id] for item_id in purchases.item_ids if item_id in descriptions},
        Data(
            name,
            tuple(Count(what, n) for what, n in {**sizes, **counts}.items() if n),
            _day(purchases, 0),
            _day(purchases, -1),
            purchases.is_timed,
            notes,
        ),
    )


def _day(purchases: Purchases, line: int) -> str:
    return datetime.fromtimestamp(int(purchases.at[line]), UTC).date().isoformat() if purchases.is_timed else ""
