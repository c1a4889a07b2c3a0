"""Bought lines as files of columns: written user by user, put in the order of time, and read where they lie.

A log of any length passes through here. What is held in memory at a time is one user's orders, the names of users
and items, and some 30 bytes per line while it is sorted; afterwards the columns stay on disk, and the system reads
what is looked at.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from serving.features import FIRST_ITEM, Int32s, Int64s
from trainer.errors import DataFolderUnusable, NotEnoughData
from trainer.kept_orders import KeptOrder
from trainer.purchases import Purchases

LINE = np.dtype(
    [
        ("at", np.int64),
        ("user", np.int32),
        ("item", np.int32),
        ("order", np.int32),
        ("quantity", np.float32),
        ("price", np.float32),
    ]
)
"""One line: time in milliseconds; user, item and order as numbers in the order in which they were written."""
ROWS_AT_A_TIME = 65_536


class LineFile:
    """All lines of all users, one user after the other.

    with LineFile(folder) as lines:
        lines.add("customer-7", orders)
    purchases = lines.by_time()

    The files belong to whoever uses the folder last; DataFolderUnusable where they cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users: list[str] = []
        self._items: dict[str, int] = {}
        self._n_orders = 0
        self._rows: list[tuple[float, ...]] = []
        self._file: IO[bytes] = _opened(folder / "lines")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, user_id: str, orders: Iterable[KeptOrder]) -> None:
        """A user's orders, oldest first."""
        user = len(self._users)
        self._users.append(user_id)
        for order in orders:
            for line in order.lines:
                item = self._items.setdefault(line.item_id, len(self._items))
                price = math.nan if line.price is None else line.price
                self._rows.append((order.bought_at, user, item, self._n_orders, line.quantity, price))
            self._n_orders += 1
        if len(self._rows) >= ROWS_AT_A_TIME:
            self._write()

    def by_time(self, most_lines: int | None = None) -> Purchases:
        """The lines in the order of time, and of several orders of one moment in the order in which they were added;
        the newest `most_lines`, whole orders. NotEnoughData where there is none."""
        self._write()
        self._file.close()
        if not self._items:
            raise NotEnoughData("the purchase log holds no purchase; publish some first: nextup publish FILE")
        lines = np.memmap(self._folder / "lines", LINE, "r")
        place = _newest(np.argsort(lines["at"], kind="stable"), lines["order"], most_lines)
        user, users = _numbered(lines["user"][place], len(self._users))
        user = self._kept("user", user, np.int32)
        item, items = _numbered(lines["item"][place], len(self._items))
        item = self._kept("item", item + FIRST_ITEM, np.int32)
        item_ids = tuple(self._items)
        return Purchases(
            tuple(item_ids[code] for code in items),
            tuple(self._users[code] for code in users),
            user,
            item,
            self._kept("at", lines["at"][place] // 1000, np.int64),
            self._kept("order", np.cumsum(_begins(lines["order"][place])) - 1, np.int32),
            self._kept("quantity", lines["quantity"][place], np.float32),
            self._kept("price", lines["price"][place], np.float32),
        )

    def _write(self) -> None:
        np.array(self._rows, LINE).tofile(self._file)
        self._rows.clear()

    def _kept(self, name: str, values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        """The same values, on disk."""
        path = self._folder / name
        values.astype(dtype, copy=False).tofile(path)
        return np.asarray(np.memmap(path, dtype, "r"))


def _opened(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except OSError as error:
        raise DataFolderUnusable(f"{path} cannot be written: {error.strerror}; see trainer.datadir") from None


def _newest(place: Int64s, order: Int32s, most: int | None) -> Int64s:
    """The last so many places, without an order of which a part would be missing."""
    if most is None or most >= len(place):
        return place
    kept = place[-most:]
    is_cut = order[kept] == order[place[-most - 1]]
    return kept[~is_cut] if not is_cut.all() else kept


def _begins(order: Int32s) -> NDArray[np.bool_]:
    """Whether another order begins with each line: [n]."""
    begins = np.ones(len(order), np.bool_)
    np.not_equal(order[1:], order[:-1], out=begins[1:])
    return begins


def _numbered(codes: Int32s, n_codes: int) -> tuple[Int32s, Int64s]:
    """`trainer.numbering.by_first_appearance` of codes below `n_codes`, without sorting them.

    >>> _numbered(np.array([7, 3, 7, 5]), 8)
    (array([0, 1, 0, 2], dtype=int32), array([7, 3, 5]))
    """
    first = np.full(n_codes, len(codes))
    # Where a code comes up again, the assignment that is made last counts.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    by_first = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(codes))]
    number = np.zeros(n_codes, np.int32)
    number[by_first] = np.arange(len(by_first))
    return number[codes], by_first
