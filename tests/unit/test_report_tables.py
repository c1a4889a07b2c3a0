"""Tables of the report, on the page, at a terminal and in the file for programs."""

import json
from io import StringIO
from pathlib import Path

import jsonschema
import msgspec
from rich.console import Console

from tests.made_up_backtest import BACKTEST, FREQUENCY, MONTH, NEXT_PURCHASE, POPULARITY, RANK, ROWS, renamed, row
from trainer.backtest.report import files, terminal
from trainer.backtest.report.tables import Mark, Table, headline, overview, tables
from trainer.backtest.results import Backtest


def _lines(table: Table) -> dict[str, list[Mark | None]]:
    return {line.model: [cell.mark if cell else None for cell in line.cells] for line in table.lines}


def test_there_is_a_table_for_each_length_that_of_the_headline_first() -> None:
    assert [table.title for table in tables(BACKTEST, MONTH)] == ["Lists of 5", "Lists of 10"]
    assert [table.title for table in tables(BACKTEST, RANK)] == ["Whole ranking"]


def test_where_less_is_better_the_least_is_best() -> None:
    assert headline(RANK).lower_is_better
    assert _lines(tables(BACKTEST, RANK)[0]) == {NEXT_PURCHASE: [Mark.BEST], POPULARITY: [Mark.OTHER]}


def test_the_overview_has_every_model_and_a_gap_where_one_has_no_figure() -> None:
    assert _lines(overview(BACKTEST)) == {
        NEXT_PURCHASE: [Mark.BEST, Mark.BEST],
        FREQUENCY: [Mark.CLOSE, None],
        POPULARITY: [Mark.OTHER, Mark.OTHER],
    }


def test_what_is_not_a_number_is_never_the_best() -> None:
    odd = msgspec.structs.replace(BACKTEST, rows=(*ROWS, row("odd", "Precision", 5, float("nan"), 0.0)))
    assert "odd" not in _lines(overview(odd))


ROW_SCHEMA = {
    "type": "object",
    "required": ["question", "model", "metric", "k", "value", "low", "high", "seconds"],
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "string", "minLength": 1} for name in ("question", "model", "metric")},
        **{name: {"type": "number"} for name in ("value", "low", "high")},
        "k": {"type": ["integer", "null"], "minimum": 1},
        "seconds": {"type": "number", "minimum": 0},
    },
}


def test_the_json_file_has_the_rows_and_all_that_the_page_tells() -> None:
    document = json.loads(files.encode(BACKTEST))
    jsonschema.validate(document["rows"], {"type": "array", "minItems": len(ROWS), "items": ROW_SCHEMA})
    jsonschema.validate(document, msgspec.json.schema(Backtest))
    assert document["seeds"] == [7]
    assert document["split"]["lines_held_out"] == 64_460
    assert document["versions"] == [["numpy", "2.4.6"]]


def test_the_json_file_reads_back_as_what_was_found() -> None:
    assert msgspec.json.decode(files.encode(BACKTEST), type=Backtest) == BACKTEST


def test_both_files_are_written_into_a_folder_that_was_not_there(tmp_path: Path) -> None:
    small = msgspec.structs.replace(BACKTEST, questions=(), rows=(), curves=(), trainings=())
    written = files.write(small, tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["report.html", "report.json"]
    assert "Backtest of shop.csv" in written[0].read_text(encoding="utf-8")
    assert json.loads(written[1].read_bytes())["effort"] == "full"


def _printed(backtest: Backtest, width: int = 140) -> list[str]:
    screen = StringIO()
    Console(file=screen, width=width, color_system=None).print(terminal.render(backtest))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_the_terminal_shows_each_question_with_the_interval_of_its_headline() -> None:
    lines = _printed(BACKTEST)
    start = lines.index("next-month: What is bought in the month after")
    assert [line.split() for line in lines[start + 1 : start + 3]] == [
        ["model", "Precision@5", "95%", "seconds", "PCC@5"],
        ["next-purchase", "0.326", "0.306–0.346", "2.5", "0.040"],
    ]


def test_the_terminal_shows_names_as_they_are_and_tells_failures() -> None:
    lines = _printed(renamed(BACKTEST, NEXT_PURCHASE, "[bold]x[/bold]"))
    assert any(line.split()[:2] == ["[bold]x[/bold]", "0.326"] for line in lines)
    assert "no figures of own-frequency on mean-rank: it ranks nothing" in lines


def test_on_a_narrow_terminal_columns_are_left_out_and_none_is_cut() -> None:
    lines = _printed(BACKTEST, width=50)
    start = lines.index("next-month: What is bought in the month after")
    assert lines[start + 1].split() == ["model", "Precision@5", "95%", "seconds"]
    assert not any("…" in line for line in lines)


def test_a_long_name_of_a_question_is_broken_at_its_hyphens() -> None:
    long = msgspec.structs.replace(RANK, name="after-each-purchase-frozen")
    lines = _printed(msgspec.structs.replace(BACKTEST, questions=(long,)))
    assert [line.split()[-1] for line in lines[1:4]] == ["after-each-", "purchase-", "frozen"]


def test_what_others_have_published_is_printed_beside_ours() -> None:
    lines = _printed(BACKTEST)
    start = lines.index("Published figures beside ours")
    assert [line.split()[:4] for line in lines[start + 2 : start + 4]] == [
        [POPULARITY, "precision@5", "0.064", "0.087"],
        [FREQUENCY, "Precision@1", "0.075", "0.065"],
    ]


def test_where_no_question_was_asked_there_is_no_table_of_questions() -> None:
    lines = _printed(msgspec.structs.replace(BACKTEST, questions=()))
    assert "All questions" not in lines
    assert "best of its column" not in " ".join(lines)
