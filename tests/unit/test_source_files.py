"""Purchases from CSV and Parquet files: what is understood, what is left out, and what is refused with its row."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from serving.features import FIRST_ITEM
from trainer.backtest.sources.columns import ONLINE_RETAIL, FileColumns, FileRules
from trainer.backtest.sources.files import (
    ONE_LINE_ONE_ORDER,
    ONE_MOMENT_ONE_ORDER,
    read_customers_and_everybody,
    read_file,
)
from trainer.backtest.sources.source import Source
from trainer.errors import NotEnoughData, UnreadableData
from trainer.progress import Silent
from trainer.purchases import Purchases

Table: TypeAlias = dict[str, list[Any]]
Write: TypeAlias = Callable[[Table], Path]

PLAIN = FileColumns(user="user", item="item", time="time")
ALL = FileColumns("user", "item", "time", "order", "quantity", "price", "name")
UNTIMED = FileColumns(user="user", item="item")
ORDERED = FileRules(ordered=True)
DAY_1, DAY_2 = 1_293_840_000, 1_293_926_400
"""2011-01-01 and the day after, unix time."""


@pytest.fixture(params=["csv", "parquet"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Writes a table as a file of either format."""
    return lambda table: written(table, tmp_path / f"lines.{request.param}")


def written(table: Table, path: Path) -> Path:
    if path.suffix == ".csv":
        pacsv.write_csv(pa.table(table), path)
    else:
        papq.write_table(pa.table(table), path)
    return path


def csv(tmp_path: Path, *lines: str, name: str = "lines.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, columns: FileColumns = PLAIN, rules: FileRules = FileRules()) -> Source:  # noqa: B008 it is frozen
    return read_file(path, columns, rules, Silent())


def rows(purchases: Purchases) -> list[tuple[str, str]]:
    users = [purchases.user_ids[number] for number in purchases.user]
    return list(zip(users, [purchases.item_ids[index - FIRST_ITEM] for index in purchases.item], strict=True))


def counts(source: Source) -> dict[str, int]:
    return {count.what: count.n for count in source.data.counts}


def test_a_row_is_a_line_of_an_order_with_all_that_its_columns_say(write: Write) -> None:
    source = read(
        write(
            {
                "time": ["2011-01-02", "2011-01-01", "2011-01-02"],
                "user": ["u", "u", "u"],
                "order": ["2", "1", "2"],
                "item": ["b", "a", "a"],
                "quantity": [2, 1, 0.5],
                "price": [0.85, 3, None],
                "name": ["Bee", "Ant", "Ant"],
            }
        ),
        ALL,
    )
    purchases = source.purchases
    assert rows(purchases) == [("u", "a"), ("u", "b"), ("u", "a")]
    assert purchases.order.tolist() == [0, 1, 1]
    assert purchases.at.tolist() == [DAY_1, DAY_2, DAY_2]
    assert purchases.quantity.tolist() == [1, 2, 0.5]
    np.testing.assert_array_equal(purchases.price, np.array([3, 0.85, np.nan], np.float32))
    assert source.descriptions == {"a": "Ant", "b": "Bee"}


def test_what_was_read_is_told(write: Write) -> None:
    times = ["2011-01-01", "2011-01-01", "2011-01-03", "2011-01-02", "2011-01-04"]
    data = read(write({"user": ["u", "u", "u", "v", None], "item": list("ababa"), "time": times})).data
    assert {count.what: count.n for count in data.counts} == {
        "lines": 4,
        "orders": 3,
        "users": 2,
        "users with two orders or more": 1,
        "items": 2,
        "rows read": 5,
        "left out: no user": 1,
    }
    assert (data.first_at, data.last_at, data.is_timed) == ("2011-01-01", "2011-01-03", True)


def test_without_an_order_column_one_moment_is_one_order_and_that_is_said(write: Write) -> None:
    source = read(write({"user": ["u"] * 3, "item": list("abc"), "time": ["2011-01-01", "2011-01-02", "2011-01-02"]}))
    assert source.purchases.order.tolist() == [0, 1, 1]
    assert source.data.notes == (ONE_MOMENT_ONE_ORDER,)


def test_ordered_rows_without_times_stay_as_they_lie(write: Write) -> None:
    source = read(write({"user": ["v", "u", "v"], "item": ["z", "a", "b"]}), UNTIMED, ORDERED)
    assert rows(source.purchases) == [("v", "z"), ("u", "a"), ("v", "b")]
    assert not source.purchases.is_timed
    assert (source.data.first_at, source.data.is_timed, source.data.notes) == ("", False, (ONE_LINE_ONE_ORDER,))


TIMES: list[tuple[str, list[Any]]] = [
    ("days as text", ["2011-01-01", "2011-01-02"]),
    ("text", ["2011-01-01 00:00:00", "2011-01-02T00:00"]),
    ("text with a zone", ["2011-01-01T01:00:00+01:00", "2011-01-02T00:00:00Z"]),
    ("text with fractions", ["2011-01-01 00:00:00.000001", "2011-01-02 00:00:00.999999999"]),
    ("timestamps", [datetime(2011, 1, 1), datetime(2011, 1, 2)]),
    ("timestamps with a zone", [datetime(2011, 1, d, 5, tzinfo=timezone(timedelta(hours=5))) for d in (1, 2)]),
    ("dates", [date(2011, 1, 1), date(2011, 1, 2)]),
    ("seconds", [DAY_1, DAY_2]),
    ("fractions of seconds", [DAY_1 + 0.25, DAY_2 + 0.75]),
    ("milliseconds", [DAY_1 * 1_000, DAY_2 * 1_000 + 999]),
    ("microseconds", [DAY_1 * 1_000_000, DAY_2 * 1_000_000]),
    ("nanoseconds", [DAY_1 * 1_000_000_000, DAY_2 * 1_000_000_000]),
]


@pytest.mark.parametrize(("kind", "times"), TIMES)
def test_times_are_understood_in_many_forms(write: Write, kind: str, times: list[Any]) -> None:
    purchases = read(write({"user": ["u", "u"], "item": ["a", "b"], "time": times})).purchases
    assert purchases.at.tolist() == [DAY_1, DAY_2], kind


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_the_same_moments(tmp_path: Path, unit: str) -> None:
    times = pa.array([datetime(2011, 1, 1), datetime(2011, 1, 2)], pa.timestamp(unit))
    path = tmp_path / "lines.parquet"
    papq.write_table(pa.table({"user": ["u", "u"], "item": ["a", "b"], "time": times}), path)
    assert read(path).purchases.at.tolist() == [DAY_1, DAY_2]


@pytest.mark.parametrize(
    ("times", "utc"),
    [
        (["2011-07-01T01:00", "2011-12-01T01:00"], ["2011-07-01T00:00", "2011-12-01T01:00"]),
        (["2011-07-01T01:00Z", "2011-12-01T01:00Z"], ["2011-07-01T01:00", "2011-12-01T01:00"]),
        ([datetime(2011, 7, 1, 1), datetime(2011, 12, 1, 1)], ["2011-07-01T00:00", "2011-12-01T01:00"]),
        (["2011-03-27T01:30", "2011-10-30T01:30"], ["2011-03-27T01:00", "2011-10-30T00:30"]),
    ],
    ids=["text", "text with a zone", "timestamps", "hours that the clock leaps over and shows twice"],
)
def test_times_that_name_no_zone_are_wall_time_where_the_shop_is(
    write: Write, times: list[Any], utc: list[str]
) -> None:
    path = write({"user": ["u", "u"], "item": ["a", "b"], "time": times})
    read_there = read(path, replace(PLAIN, timezone="Europe/London"))
    expected = [int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()) for time in utc]
    assert read_there.purchases.at.tolist() == expected


def test_a_zone_that_nobody_knows_is_refused(write: Write) -> None:
    with pytest.raises(UnreadableData, match="unknown time zone 'London'; expected a name like Europe/London"):
        read(write({"user": ["u"], "item": ["a"], "time": ["2011-01-01"]}), replace(PLAIN, timezone="London"))


@pytest.mark.parametrize("times", [["1/13/2011 8:26", "1/14/2011 8:26"], [20110113, 20110114]])
def test_other_forms_of_time_need_their_format(write: Write, times: list[Any]) -> None:
    path = write({"user": ["u", "u"], "item": ["a", "b"], "time": times})
    format_ = "%m/%d/%Y %H:%M" if isinstance(times[0], str) else "%Y%m%d"
    source = read(path, rules=FileRules(time_format=format_))
    assert (source.data.first_at, source.data.last_at) == ("2011-01-13", "2011-01-14")
    with pytest.raises(
        UnreadableData, match=r"row \d: time is '(1/13/2011 8:26|20110113)', expected a time .* needs --time-format"
    ):
        read(path)


@pytest.mark.parametrize(
    "times",
    [
        ["2011-01-01", "soon", "2011-01-03"],
        ["2011-01-01", "2011-01-02T00:00Z", "2011-01-03"],
        [str(DAY_1), str(DAY_2 * 1_000), str(DAY_2)],
        [str(DAY_1), "inf", str(DAY_2)],
        [str(DAY_1), "17", str(DAY_2)],
    ],
)
def test_a_time_that_is_not_like_the_others_is_refused_with_its_row(tmp_path: Path, times: list[str]) -> None:
    path = csv(tmp_path, "user,item,time", *(f"u,a,{time}" for time in times))
    with pytest.raises(UnreadableData, match=rf"row 3: time is '{times[1]}', expected a time like the others"):
        read(path)


@pytest.mark.parametrize("position", [0, 1, 500, 999])
def test_the_row_of_a_wrong_number_is_found_wherever_it_is(write: Write, position: int) -> None:
    quantity = ["1"] * 1_000
    quantity[position] = "1,5"
    path = write({"user": ["u"] * 1_000, "item": ["a"] * 1_000, "time": ["2011-01-01"] * 1_000, "quantity": quantity})
    row = position + (2 if path.suffix == ".csv" else 1)
    with pytest.raises(UnreadableData, match=rf"row {row:,}: quantity is '1,5', expected a number"):
        read(path, FileColumns("user", "item", "time", quantity="quantity"))


def test_rows_that_do_not_fit_the_header_are_counted_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    lines = ["user,item,time", "u,a,2011-01-01", "u,a", "u,a,2011-01-02,x", "u,b,2011-01-02"]
    source = read(csv(tmp_path, *lines))
    assert rows(source.purchases) == [("u", "a"), ("u", "b")]
    assert counts(source)["left out: cells that do not fit the header"] == 2
    assert counts(source)["rows read"] == 4
    with pytest.raises(UnreadableData, match="row 6: time is 'never'"):
        read(csv(tmp_path, *lines, "u,b,never"))


def test_rows_that_cannot_be_lines_are_left_out_each_for_one_reason(write: Write) -> None:
    table: Table = {
        "user": ["u", None, "u", "u", "u", "u", "u", "u", "u"],
        "item": ["a", None, " ", "a", "a", "a", "a", "a", "b"],
        "time": ["2011-01-01", None, None, None, "1969-12-31", "2011-01-01", "2011-01-01", "2011-01-01", "2011-01-02"],
        "order": ["1", "1", "1", "1", "1", None, "1", "1", "2"],
        "quantity": [1, 1, 1, 1, 1, 1, 0, -1, None],
        "price": [1.0, 1, 1, 1, 1, 1, 1, 1, None],
    }
    source = read(write(table), FileColumns("user", "item", "time", "order", "quantity", "price"))
    left_out = {what.removeprefix("left out: "): n for what, n in counts(source).items() if what.startswith("left out")}
    assert left_out == {
        "no user": 1,
        "no item": 1,
        "no time": 1,
        "a time before 1970": 1,
        "no order": 1,
        "a quantity of zero": 1,
        "returns": 1,
    }
    assert rows(source.purchases) == [("u", "a"), ("u", "b")]
    assert counts(source)["rows read"] == sum(left_out.values()) + len(source.purchases)


def test_a_price_below_zero_is_no_purchase(write: Write) -> None:
    table: Table = {
        "user": ["u"] * 3,
        "item": list("abc"),
        "time": [DAY_1, DAY_1, DAY_2],
        "price": [1.5, -11_062.06, 2],
    }
    source = read(write(table), FileColumns("user", "item", "time", price="price"))
    assert rows(source.purchases) == [("u", "a"), ("u", "c")]


ANONYMOUS: Table = {
    "user": ["u", None, "u", None, None],
    "item": ["a", "b", "c", "d", "e"],
    "time": ["2011-01-01", "2011-01-02", "2011-01-03", "2011-01-04", "2011-01-04"],
    "order": ["1", "2", "3", "u", "u"],
}
WITH_ORDER = FileColumns("user", "item", "time", "order")


def test_rows_without_a_user_are_left_out_unless_wanted(write: Write) -> None:
    source = read(write(ANONYMOUS), WITH_ORDER)
    assert rows(source.purchases) == [("u", "a"), ("u", "c")]
    assert counts(source)["left out: no user"] == 3


def test_each_order_without_a_user_can_be_a_user_of_its_own(write: Write) -> None:
    """Also where the order is called like somebody who is known."""
    source = read(write(ANONYMOUS), WITH_ORDER, FileRules(anonymous="own"))
    assert source.purchases.user.tolist() == [0, 1, 0, 2, 2]
    assert source.purchases.user_ids == ("u", "2", "u")
    assert counts(source)["rows without a user, of which each order is a user of its own"] == 3
    assert "left out: no user" not in counts(source)


def test_one_reading_gives_the_customers_alone_and_everybody(write: Write) -> None:
    path = write(ANONYMOUS)
    customers, everybody = read_customers_and_everybody(path, WITH_ORDER, FileRules(), Silent())
    alone, own = read(path, WITH_ORDER), read(path, WITH_ORDER, FileRules(anonymous="own"))
    assert rows(customers.purchases) == rows(alone.purchases)
    assert rows(everybody.purchases) == rows(own.purchases)
    assert (customers.data, everybody.data) == (alone.data, own.data)
    customers, everybody = read_customers_and_everybody(path, PLAIN, FileRules(), Silent())
    assert customers is everybody, "without orders nobody can be told apart"


def test_nobody_is_a_user_of_their_own_without_orders(write: Write) -> None:
    with pytest.raises(UnreadableData, match="names their order"):
        read(write(ANONYMOUS), PLAIN, FileRules(anonymous="own"))


RETURNED: Table = {
    "user": ["u"] * 5,
    "item": ["a", "a", "b", "a", "b"],
    "time": [f"2011-01-0{day}" for day in (1, 2, 3, 4, 5)],
    "order": ["1", "2", "3", "C4", "C5"],
    "quantity": [2, 2, 1, -1, -1],
}


def test_returns_are_left_out_or_taken_out_of_what_was_bought(write: Write) -> None:
    columns = FileColumns("user", "item", "time", "order", "quantity")
    left_out = read(write(RETURNED), columns)
    assert rows(left_out.purchases) == [("u", "a"), ("u", "a"), ("u", "b")]
    assert counts(left_out)["left out: returns"] == 2
    taken_back = read(write(RETURNED), columns, FileRules(returns="take-back"))
    assert rows(taken_back.purchases) == [("u", "a"), ("u", "a")]
    assert taken_back.purchases.quantity.tolist() == [2, 1]
    assert counts(taken_back)["left out: returns and what they took back"] == 3


def test_ids_are_text_as_it_stands_and_whole_numbers_have_no_fraction(tmp_path: Path) -> None:
    source = read(csv(tmp_path, "user,item,time", "0012,007,2011-01-01", "0012,7,2011-01-02"))
    assert rows(source.purchases) == [("0012", "007"), ("0012", "7")]
    table: Table = {"user": [17850.0, 17850.0, None], "item": [7, 8, 9], "time": [DAY_1, DAY_2, DAY_2]}
    source = read(written(table, tmp_path / "lines.parquet"))
    assert rows(source.purchases) == [("17850", "7"), ("17850", "8")]


def test_dictionaries_and_decimals_of_parquet_are_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    table = {
        "user": pa.array(["u", "u", None]).dictionary_encode(),
        "item": pa.array(["a", "b", "c"], pa.large_string()),
        "time": pa.array([DAY_1, DAY_2, DAY_2]),
        "price": pa.array([Decimal("1.25"), None, Decimal(1)]),
    }
    papq.write_table(pa.table(table), path)
    purchases = read(path, FileColumns("user", "item", "time", price="price")).purchases
    assert rows(purchases) == [("u", "a"), ("u", "b")]
    assert purchases.price[0] == 1.25


def test_the_most_frequent_description_of_a_kept_line_counts_and_the_first_of_equals(write: Write) -> None:
    table: Table = {
        "user": ["u"] * 7,
        "item": list("aaabbcd"),
        "time": [f"2011-01-0{day}" for day in range(1, 8)],
        "quantity": [1, 1, 1, 1, 1, 1, -1],
        "name": ["?", "Ant", "Ant", "Bee", "Bumble bee", None, "damaged"],
    }
    columns = FileColumns("user", "item", "time", quantity="quantity", description="name")
    assert read(write(table), columns).descriptions == {"a": "Ant", "b": "Bee"}


def test_quotes_newlines_and_compression_are_understood(tmp_path: Path) -> None:
    text = 'user,item,time\nu,"a, ""big"" one",2011-01-01\nu,"b\nc",2011-01-02\n'
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert rows(read(path).purchases) == [("u", 'a, "big" one'), ("u", "b\nc")]


def test_a_tsv_file_is_parted_by_tabs(tmp_path: Path) -> None:
    path = csv(tmp_path, "user\titem\ttime", "u\ta,b\t2011-01-01", "u\tc\t2011-01-02", name="lines.tsv")
    assert rows(read(path).purchases) == [("u", "a,b"), ("u", "c")]


def test_a_missing_column_is_named_beside_those_that_are_there(write: Write) -> None:
    path = write({"user": ["u"], "product": ["a"], "when": ["2011-01-01"]})
    with pytest.raises(UnreadableData, match="no column item, time; there are user, product, when"):
        read(path)


@pytest.mark.parametrize("text", ["", "user,item,time\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(text)
    with pytest.raises(UnreadableData, match=r"lines\.csv: (Empty CSV file|the file has no rows)"):
        read(path)


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="has no rows"):
        read(written({"user": [], "item": [], "time": []}, tmp_path / "lines.parquet"))


@pytest.mark.parametrize("name", ["lines.parquet", "lines.csv", "lines.xlsx"])
def test_what_is_no_such_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "lines.parquet").write_bytes(b"no parquet at all")
    (tmp_path / "lines.csv").write_bytes(b"user,item,time\nu,\xff,2011-01-01\n")
    with pytest.raises(UnreadableData, match=name):
        read(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match=r"none\.csv"):
        read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("column", "cells", "match"),
    [
        ("user", [[1], [2]], "user holds list.*expected text or whole numbers"),
        ("item", [b"\xff", b"a"], "row 1: item is .*xff.*, expected text or whole numbers"),
        ("time", [[1], [2]], "time holds list"),
        ("time", [timedelta(1), timedelta(2)], "time holds duration.*expected times"),
        ("quantity", [datetime(2011, 1, 1)] * 2, "quantity holds timestamp.*expected a number"),
    ],
)
def test_columns_of_other_types_are_refused(tmp_path: Path, column: str, cells: list[Any], match: str) -> None:
    table: Table = {"user": ["u", "u"], "item": ["a", "b"], "time": [DAY_1, DAY_2], "quantity": [1, 1]}
    with pytest.raises(UnreadableData, match=match):
        read(
            written(table | {column: cells}, tmp_path / "lines.parquet"),
            FileColumns("user", "item", "time", quantity="quantity"),
        )


@pytest.mark.parametrize(("columns", "rules"), [(PLAIN, ORDERED), (UNTIMED, FileRules())])
def test_a_file_has_times_or_is_ordered(write: Write, columns: FileColumns, rules: FileRules) -> None:
    with pytest.raises(UnreadableData, match="one of both"):
        read(write({"user": ["u"], "item": ["a"], "time": [DAY_1]}), columns, rules)


@pytest.mark.parametrize("users", [["u", "v", "w"], [None, None, None]])
def test_a_shop_where_nobody_came_twice_is_refused(write: Write, users: list[Any]) -> None:
    table: Table = {"user": users, "item": ["a", "b", "c"], "time": [DAY_1, DAY_2, DAY_2]}
    with pytest.raises(NotEnoughData, match="no user has two orders"):
        read(write(table))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=5).filter(str.strip)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        TEXTS,
        st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
        st.integers(-3, 9),
        st.none() | st.floats(0, 100, width=32),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(ROWS)
def test_the_same_rows_give_the_same_purchases_from_csv_and_parquet(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[Any, ...]]
) -> None:
    # Two orders of one user, without which there is nothing to compare.
    known = [("u", "a", datetime(2011, 1, 1), 1, 1.0), ("u", "b", datetime(2011, 1, 2), 1, None)]
    names = ["user", "item", "time", "quantity", "price"]
    table = dict(zip(names, map(list, zip(*known, *lines, strict=True)), strict=True))
    folder = tmp_path_factory.mktemp("round")
    columns = FileColumns("user", "item", "time", quantity="quantity", price="price")
    one, other = (read(written(table, folder / name), columns) for name in ("lines.csv", "lines.parquet"))
    assert one.data.counts == other.data.counts
    assert one.purchases.item_ids == other.purchases.item_ids
    assert one.purchases.user_ids == other.purchases.user_ids
    for column in ("user", "item", "at", "order", "quantity", "price"):
        np.testing.assert_array_equal(getattr(one.purchases, column), getattr(other.purchases, column))


def test_the_bundled_shop_is_read_whole() -> None:
    path = Path(__file__).parents[2] / "deploy" / "data" / "online_retail.parquet"
    source = read(path, ONLINE_RETAIL)
    assert counts(source) == {
        "lines": 397_924,
        "orders": 18_536,
        "users": 4_339,
        "users with two orders or more": 2_845,
        "items": 3_665,
        "rows read": 541_909,
        "left out: no user": 135_080,
        "left out: returns": 8_905,
    }
    assert (source.data.first_at, source.data.last_at) == ("2010-12-01", "2011-12-09")
    assert source.descriptions["85123A"] == "WHITE HANGING HEART T-LIGHT HOLDER"
