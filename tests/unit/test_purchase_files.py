"""Order lines in files become purchases and returns; what cannot is counted and told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq
import pytest

from streams.clients.errors import UnreadableFile
from streams.clients.purchase_files import ONLINE_RETAIL, OPEN_ORDERS, PurchaseColumns, read_events
from streams.clients.read_report import ReadReport
from streams.contract import messages
from streams.contract.messages import Erasure, Event, Line, Purchase, Return

BUNDLED = Path(__file__).parents[2] / "deploy" / "data" / "online_retail.parquet"
COLUMNS = PurchaseColumns("user", "event", "item", "time", "quantity", "price")
ON_MARS = PurchaseColumns("user", "event", "item", "time", timezone="Mars")
NOON = datetime(2011, 6, 1, 12, tzinfo=UTC)
Cells = tuple[Any, Any, Any, Any, Any, Any]


def table(rows: Sequence[Cells]) -> pa.Table:
    names = ("user", "event", "item", "time", "quantity", "price")
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def read_csv(folder: Path, *lines: str, columns: PurchaseColumns = COLUMNS) -> tuple[list[Event], ReadReport]:
    path = folder / "orders.csv"
    path.write_text("\n".join(("user,event,item,time,quantity,price", *lines)) + "\n", encoding="utf-8")
    return read(path, columns)


def read(path: Path, columns: PurchaseColumns | None = COLUMNS) -> tuple[list[Event], ReadReport]:
    report = ReadReport()
    return list(read_events(path, columns, report)), report


def test_rows_of_one_order_become_one_purchase(tmp_path: Path) -> None:
    events, report = read_csv(
        tmp_path,
        "u1,e1,a,2011-06-01T12:00:00Z,2,0.5",
        "u1,e1,b,2011-06-01T12:01:00Z,1,3",
        "u2,e2,a,2011-06-01T12:02:00Z,1.5,",
    )
    assert events == [
        Purchase("e1", "u1", NOON, [Line("a", 2, 0.5), Line("b", 1, 3.0)]),
        Purchase("e2", "u2", NOON + timedelta(minutes=2), [Line("a", 1.5)]),
    ]
    assert report.rows == 3
    assert report.read == {"purchase": 2}
    assert report.fraction == 1.0


def test_quantity_and_price_may_be_unknown(tmp_path: Path) -> None:
    columns = PurchaseColumns("user", "event", "item", "time")
    events, _ = read_csv(tmp_path, "u,e,a,2011-06-01T12:00:00Z,7,9", columns=columns)
    assert events == [Purchase("e", "u", NOON, [Line("a")])]
    only_price = PurchaseColumns("user", "event", "item", "time", price="price")
    events, _ = read_csv(tmp_path, "u,e,a,2011-06-01T12:00:00Z,7,9", columns=only_price)
    assert events == [Purchase("e", "u", NOON, [Line("a", 1, 9.0)])]


def test_parquet_and_csv_give_the_same_events(tmp_path: Path) -> None:
    rows = table([("u1", "e1", "a", NOON, 2, 0.5), ("u2", "e2", "b", NOON, 1, None)])
    papq.write_table(rows, tmp_path / "orders.parquet")
    pacsv.write_csv(rows, tmp_path / "orders.csv")
    assert read(tmp_path / "orders.parquet")[0] == read(tmp_path / "orders.csv")[0]


def test_ids_are_text_whatever_the_table_makes_of_them(tmp_path: Path) -> None:
    events, _ = read_csv(tmp_path, "0012,0034,0056,2011-06-01T12:00:00Z,1,1")
    assert (events[0].user_id, events[0].event_id) == ("0012", "0034")
    rows = table([(17850.0, 536365, "85123A", NOON, 1, 1.0), (None, 536366, "85123A", NOON, 1, 1.0)])
    papq.write_table(rows, tmp_path / "orders.parquet")
    events, report = read(tmp_path / "orders.parquet")
    assert [(event.user_id, event.event_id) for event in events] == [("17850", "536365")]
    assert report.left_out == {"no user_id": 1}


def test_times_without_a_zone_are_wall_time(tmp_path: Path) -> None:
    london = PurchaseColumns("user", "event", "item", "time", timezone="Europe/London")
    lines = ("u,summer,a,2011-06-01T12:00:00,1,1", "u,winter,a,2011-12-01 12:00,1,1", "u,zone,a,2011-06-01T12:00Z,1,1")
    events, _ = read_csv(tmp_path, *lines, columns=london)
    assert [event.occurred_at.hour for event in events] == [11, 12, 12]
    assert {event.occurred_at.tzinfo for event in events} == {UTC}


def test_times_may_have_a_format_of_their_own(tmp_path: Path) -> None:
    columns = PurchaseColumns("user", "event", "item", "time", time_format="%m/%d/%Y %H:%M")
    events, _ = read_csv(tmp_path, "u,e,a,6/1/2011 12:00,1,1", columns=columns)
    assert events[0].occurred_at == NOON


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("ms", "UTC"), pa.date32()])
def test_parquet_times_of_any_kind_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    times = pa.array([datetime(2011, 6, 1)]).cast(kind)
    rows = table([("u", "e", "a", None, 1, 1.0)]).set_column(3, "time", times)
    papq.write_table(rows, tmp_path / "orders.parquet")
    assert read(tmp_path / "orders.parquet")[0][0].occurred_at == datetime(2011, 6, 1, tzinfo=UTC)


def test_a_prefix_or_a_negative_quantity_makes_a_return(tmp_path: Path) -> None:
    columns = PurchaseColumns("user", "event", "item", "time", "quantity", "price", returns_prefix="C")
    events, report = read_csv(
        tmp_path, "u,C1,a,2011-06-01T12:00Z,-2,1", "u,C2,a,2011-06-01T12:00Z,2,1", "u,3,a,2011-06-01T12:00Z,-2,1",
        columns=columns,
    )  # fmt: skip
    assert events == [Return(event_id, "u", NOON, [Line("a", 2, 1.0)]) for event_id in ("C1", "C2", "3")]
    assert report.read == {"return": 3}


def test_an_order_with_both_kinds_of_lines_is_a_purchase_and_a_return_of_it(tmp_path: Path) -> None:
    events, _ = read_csv(tmp_path, "u,e,a,2011-06-01T12:00Z,3,1", "u,e,b,2011-06-01T12:00Z,-1,1")
    assert events == [
        Purchase("e", "u", NOON, [Line("a", 3, 1.0)]),
        Return("e/return", "u", NOON, [Line("b", 1, 1.0)], purchase_event_id="e"),
    ]


def test_interleaved_orders_come_in_the_order_of_their_first_rows(tmp_path: Path) -> None:
    lines = [f"u,e{n % 3},i{n},2011-06-01T12:00Z,1,1" for n in range(9)]
    events, _ = read_csv(tmp_path, *lines)
    assert [event.event_id for event in events] == ["e0", "e1", "e2"]
    assert all(isinstance(event, Purchase) and len(event.items) == 3 for event in events)


def test_orders_are_handed_out_while_the_file_is_read(tmp_path: Path) -> None:
    report = ReadReport()
    rows = table([("u", f"e{n}", "a", NOON, 1, 1.0) for n in range(10_000)])
    papq.write_table(rows, tmp_path / "orders.parquet")
    events = read_events(tmp_path / "orders.parquet", COLUMNS, report)
    assert next(events).event_id == "e0"
    assert report.rows == OPEN_ORDERS + 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",e,a,2011-06-01T12:00Z,1,1", "no user_id"),
        ("u,,a,2011-06-01T12:00Z,1,1", "no event_id"),
        ("u,e,,2011-06-01T12:00Z,1,1", "no item_id"),
        ("u,e,a,,1,1", "no occurred_at"),
        ("u,e,a,2011-06-01T12:00Z,,1", "no quantity"),
        ("u,e,a,2011-06-01T12:00Z,0,1", "invalid-field quantity"),
        ("u,e,a,2011-06-01T12:00Z,many,1", "invalid-field quantity"),
        ("u,e,a,2011-06-01T12:00Z,1e99,1", "invalid-field quantity"),
        ("u,e,a,2011-06-01T12:00Z,1,-1", "invalid-field price"),
        ("u,e,a,2011-06-01T12:00Z,1,free", "invalid-field price"),
        ("u,e,a,soon,1,1", "invalid-field occurred_at"),
        ("u,e,a,1066-10-14,1,1", "before-1970 occurred_at"),
        ("u,e,a,0001-01-01T00:00:00+10:00,1,1", "invalid-field occurred_at"),
        ("u,e,a,9000-01-01,1,1", "future occurred_at"),
        (f"u,e,{'a' * 257},2011-06-01T12:00Z,1,1", "invalid-field item_id"),
        (f"{'u' * 257},e,a,2011-06-01T12:00Z,1,1", "invalid-field user_id"),
        ("u,e,a,2011-06-01T12:00Z", "malformed"),
    ],
)
def test_a_bad_row_is_counted_and_the_rows_around_it_are_used(tmp_path: Path, line: str, reason: str) -> None:
    good = "u,before,a,2011-06-01T12:00Z,1,1", "u,after,a,2011-06-01T12:00Z,1,1"
    events, report = read_csv(tmp_path, good[0], line, good[1])
    assert [event.event_id for event in events] == ["before", "after"]
    assert report.left_out == {reason: 1}
    assert report.rows == 3
    if not reason.startswith("no "):
        assert report.examples[0].startswith("row 3: ")


def test_a_cell_that_is_not_utf_8_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"user,event,item,time,quantity,price\nu,e,caf\xe9,2011-06-01,1,1\nu,f,a,2011-06-01,1,1\n")
    events, report = read(path)
    assert [event.event_id for event in events] == ["f"]
    assert report.left_out == {"invalid-field item_id": 1}


def test_an_order_over_the_limit_is_left_out_as_a_whole(tmp_path: Path) -> None:
    n_lines = messages.MAX_LINES + 500
    rows = table([("u", "e", "a", NOON, 1, 1.0)] * n_lines + [("u", "f", "a", NOON, 1, 1.0)])
    papq.write_table(rows, tmp_path / "orders.parquet")
    events, report = read(tmp_path / "orders.parquet")
    assert [event.event_id for event in events] == ["f"]
    assert report.left_out == {"invalid-field items": n_lines}


def test_json_lines_are_the_events_of_the_contract(tmp_path: Path) -> None:
    wanted: list[Event] = [Purchase("e", "u", NOON, [Line("a")]), Erasure("f", "u", NOON)]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n\n".join(messages.encode(event) for event in wanted))
    events, report = read(path, None)
    assert events == wanted
    assert report.read == {"purchase": 1, "erasure": 1}


def test_bad_json_lines_are_counted_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = messages.encode(Erasure("e", "u", NOON))
    too_large = b'{"x": "' + b"x" * 3_000_000 + b'"}'
    path.write_bytes(b"\n".join([good, b"{", too_large, b'{"user_id": "\xff"}', b'{"type": "gift"}', good]))
    events, report = read(path, None)
    assert len(events) == 2
    assert report.rows == 6
    assert report.left_out == {"malformed": 2, "too-large": 1, "unknown-type type": 1}
    assert [example.split(":")[0] for example in report.examples] == ["row 2", "row 3", "row 4", "row 5"]


@pytest.mark.parametrize(
    ("name", "content", "columns", "says"),
    [
        ("missing.csv", None, COLUMNS, "No such file"),
        ("orders.txt", b"", COLUMNS, "--format"),
        ("orders.csv", b"user\n", None, "mapping"),
        ("orders.csv", b"", COLUMNS, "Empty CSV"),
        ("orders.csv", b"user,event\nu,e\n", COLUMNS, "item"),
        ("orders.parquet", b"not parquet", COLUMNS, "magic bytes"),
        ("orders.csv", b"user,event,item,time\n", ON_MARS, "Mars"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes | None, columns: PurchaseColumns | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=says):
        list(read_events(tmp_path / name, columns))


def test_the_bundled_file_holds_what_its_description_says() -> None:
    report = ReadReport()
    events = list(read_events(BUNDLED, ONLINE_RETAIL, report))
    assert report.read == {"purchase": 18_536, "return": 3_654}
    assert report.left_out == {"no user_id": 135_080}
    assert report.rows == 541_909
    moments = [event.occurred_at for event in events]
    assert moments == sorted(moments)
    assert sum(moment < datetime(2011, 11, 9, tzinfo=UTC) for moment in moments) == 18_949
    assert len({(event.user_id, event.event_id) for event in events}) == len(events)
