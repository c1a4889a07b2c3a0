"""The catalogue in files."""

from pathlib import Path

import pytest

from streams.clients.errors import UnreadableFile
from streams.clients.item_files import ItemColumns, read_items
from streams.clients.read_report import ReadReport
from streams.contract.messages import Item

COLUMNS = ItemColumns("id", "title", "category", "available")


def read_csv(folder: Path, *lines: str) -> tuple[list[Item], ReadReport]:
    path = folder / "items.csv"
    path.write_text("\n".join(("id,title,category,available", *lines)) + "\n", encoding="utf-8")
    report = ReadReport()
    return list(read_items(path, COLUMNS, report)), report


def test_each_item_comes_once_with_its_commonest_title(tmp_path: Path) -> None:
    lines = ("1, Lamp ,light,", "2,Vase,,", "1,?,light,", "1,Lamp,,", "1,,,")
    items, report = read_csv(tmp_path, *lines)
    assert items == [Item("1", "Lamp", "light"), Item("2", "Vase")]
    assert (report.rows, report.read) == (5, {"item": 2})


def test_the_last_row_says_whether_an_item_is_available(tmp_path: Path) -> None:
    items, _ = read_csv(tmp_path, "1,,,yes", "2,,,No", "1,,,false", "3,,,")
    assert [item.available for item in items] == [False, False, True]


def test_rows_that_name_no_valid_item_are_counted(tmp_path: Path) -> None:
    items, report = read_csv(tmp_path, ",Lamp,,", f"{'9' * 257},Lamp,,", "1,Lamp,,perhaps", "2,Vase,,1")
    assert items == [Item("2", "Vase")]
    assert report.left_out.total() == 3
    assert len(report.examples) == 3


def test_json_lines_are_the_items_of_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b'{"item_id": "1", "available": false}\n{"title": "Lamp"}\n\xff\n')
    report = ReadReport()
    assert list(read_items(path, None, report)) == [Item("1", available=False)]
    assert report.left_out == {"missing-field item_id": 1, "malformed": 1}


def test_a_table_needs_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id\n1\n")
    with pytest.raises(UnreadableFile, match="mapping"):
        list(read_items(tmp_path / "items.csv"))
