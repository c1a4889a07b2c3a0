"""Lines on disk: in the order of time, numbered by first appearance, and only as many as were wanted."""

import random
from pathlib import Path

import numpy as np
import pytest

from trainer.column_files import LineFile
from trainer.errors import DataFolderUnusable, NotEnoughData
from trainer.kept_orders import KeptLine, KeptOrder
from trainer.numbering import Ids, SourceLines, numbered
from trainer.purchases import Purchases

ITEMS = [f"item {number}" for number in range(30)]


def order(at_s: int, *items: str) -> KeptOrder:
    return KeptOrder(f"order at {at_s}", at_s * 1000, [KeptLine(item, 2, None) for item in items])


def some_orders(seed: int, n_users: int) -> dict[str, list[KeptOrder]]:
    chance = random.Random(seed)
    return {
        f"user {user}": [
            order(chance.randrange(500), *chance.choices(ITEMS, k=chance.randint(1, 5)))
            for _ in range(chance.randint(1, 6))
        ]
        for user in range(n_users)
    }


def by_time(folder: Path, users: dict[str, list[KeptOrder]], most_lines: int | None = None) -> Purchases:
    with LineFile(folder) as lines:
        for user_id, orders in users.items():
            lines.add(user_id, orders)
        return lines.by_time(most_lines)


def in_memory(users: dict[str, list[KeptOrder]]) -> Purchases:
    """The same by the numbering that every other source goes through."""
    orders = [(user_id, order) for user_id, orders in users.items() for order in orders]
    rows = [
        (list(users).index(user), number, order.bought_at, line.item_id, line.quantity)
        for number, (user, order) in enumerate(orders)
        for line in order.lines
    ]
    user, number, at, item, quantity = zip(*rows, strict=True)
    items = Ids(np.array([ITEMS.index(each) for each in item]), ITEMS)
    nowhere = np.full(len(rows), np.nan)
    users_of = Ids(np.array(user), list(users))
    return numbered(
        SourceLines(users_of, items, np.array(at) * 1000, np.array(number), np.array(quantity, np.float64), nowhere)
    )


@pytest.mark.parametrize("seed", range(5))
def test_lines_are_what_every_other_source_makes_of_them(tmp_path: Path, seed: int) -> None:
    users = some_orders(seed, 40)
    found, expected = by_time(tmp_path, users), in_memory(users)
    assert (found.item_ids, found.user_ids) == (expected.item_ids, expected.user_ids)
    for column in ("user", "item", "at", "order", "quantity", "price"):
        ours, theirs = getattr(found, column), getattr(expected, column)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_columns_lie_on_disk_and_outlive_the_folder_they_were_made_in(tmp_path: Path) -> None:
    found = by_time(tmp_path / "columns", some_orders(1, 5))
    for file in (tmp_path / "columns").iterdir():
        file.unlink()
    assert not found.item.flags.writeable
    assert found.item.min() == 2


def test_of_too_many_lines_the_newest_are_kept_and_no_order_is_cut(tmp_path: Path) -> None:
    users = {"u": [order(1, "a", "b"), order(3, "c", "d")], "v": [order(2, "e", "f")]}
    newest = by_time(tmp_path, users, most_lines=3)
    assert (newest.user_ids, newest.item_ids) == (("u",), ("c", "d"))
    assert newest.order.tolist() == [0, 0]
    assert by_time(tmp_path, users, most_lines=4).item_ids == ("e", "f", "c", "d")


def test_an_order_that_is_longer_than_all_that_is_kept_is_cut(tmp_path: Path) -> None:
    assert by_time(tmp_path, {"u": [order(1, "a", "b", "c")]}, most_lines=2).item_ids == ("b", "c")


def test_nothing_bought_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="nextup publish"):
        by_time(tmp_path, {})


def test_a_folder_that_cannot_be_made_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match=r"file/columns/lines cannot be written: .*trainer\.datadir"):
        LineFile(tmp_path / "file" / "columns")
