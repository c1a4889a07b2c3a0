"""`nextup backtest` on a file: what is chosen is asked, and what is wrong is told in a line."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from tests import shops
from trainer.backtest.questions.catalogue import IN_QUICK

COLUMNS = "user=customer,item=sku,time=sold_at,order=receipt"
ONE = ("--models", "popularity", "--question", "next-order")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A small shop as CSV, a row for each line; some rows name no customer."""
    purchases = shops.favourites(n_users=20, n_items=20, days=90).purchases
    path = tmp_path / "lines.csv"
    with path.open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["customer", "sku", "sold_at", "receipt"])
        for line in range(len(purchases)):
            user = "" if purchases.order[line] % 10 == 3 else purchases.user_ids[purchases.user[line]]
            item = purchases.item_ids[purchases.item[line] - 2]
            rows.writerow([user, item, purchases.at[line], purchases.order[line]])
    return str(path)


def nextup(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["backtest", "--processes", "1", *arguments])


def test_what_was_found_is_printed_and_written_to_the_folder(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    done = nextup("--data", file, "--columns", COLUMNS, *ONE, "--output", str(folder), "--seed", "5")
    assert done.exit_code == 0, done.output
    assert "next-order" in done.output
    assert "popularity" in done.output
    told = json.loads((folder / "report.json").read_text())
    assert {(row["question"], row["model"]) for row in told["rows"]} == {("next-order", "popularity")}
    assert (told["seeds"], told["effort"], told["data"]["name"]) == ([5], "full", "lines.csv")
    assert (folder / "report.html").exists()


def test_a_quick_backtest_asks_fewer_questions(file: str, tmp_path: Path) -> None:
    arguments = ("--data", file, "--columns", COLUMNS, "--models", "popularity", "--quick", "--output", str(tmp_path))
    assert nextup(*arguments).exit_code == 0
    told = json.loads((tmp_path / "report.json").read_text())
    assert {question["name"] for question in told["questions"]} == set(IN_QUICK)


def test_lines_without_a_customer_are_asked_about_line_by_line_and_left_out_of_orders(
    file: str, tmp_path: Path
) -> None:
    arguments = ("--data", file, "--columns", COLUMNS, "--models", "popularity", "--output", str(tmp_path))
    assert nextup(*arguments, "--question", "next-order,after-each-purchase").exit_code == 0
    told = json.loads((tmp_path / "report.json").read_text())
    learnt = [
        count["n"] for asked in told["questions"] for count in asked["counts"] if count["what"] == "lines learnt from"
    ]
    assert learnt[0] < learnt[1]


def test_a_file_without_times_is_split_at_a_line(file: str, tmp_path: Path) -> None:
    columns = "user=customer,item=sku,order=receipt"
    arguments = ("--data", file, "--columns", columns, "--ordered", *ONE, "--output", str(tmp_path))
    assert nextup(*arguments, "--split-at", "200", "--until", "300").exit_code == 0
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["split"]["at"], told["split"]["until"]) == ("200", "300")
    assert told["split"]["lines_held_out"] == 100


def test_several_seeds_are_told_as_their_mean_and_rules_need_one(file: str, tmp_path: Path) -> None:
    arguments = ("--data", file, "--columns", COLUMNS, "--question", "next-order", "--output", str(tmp_path))
    assert nextup(*arguments, "--models", "popularity,bpr", "--quick", "--seeds", "1,2").exit_code == 0
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["seeds"] == [1, 2]
    figures = [(row["model"], row["metric"], row["k"]) for row in told["rows"]]
    assert len(figures) == len(set(figures))
    assert nextup(*arguments, "--models", "popularity", "--seeds", "1,2").exit_code == 0
    assert json.loads((tmp_path / "report.json").read_text())["seeds"] == [1]


WRONG = {
    "a model that there is not": (("--models", "popularty"), 1, "did you mean popularity?"),
    "a question that there is not": (("--question", "next-oder"), 1, "did you mean next-order?"),
    "a day that is none": (("--split-at", "soon"), 1, "'soon' is no day"),
    "a seed that is none": (("--seeds", "1,two"), 2, "'two' is no whole number"),
    "a split before the first line": (("--split-at", "1970-01-01"), 1, "both must hold some"),
    "a column that there is not": (("--columns", "user=buyer,item=sku,time=sold_at"), 1, "buyer"),
    "a role that there is not": (("--columns", "customer=user"), 2, "'customer=user' is not understood"),
}


@pytest.mark.parametrize(("arguments", "exit_code", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_a_line(file: str, arguments: tuple[str, ...], exit_code: int, says: str) -> None:
    done = nextup("--data", file, "--columns", COLUMNS, *ONE, *arguments)
    assert done.exit_code == exit_code
    assert says in " ".join(done.stderr.split())


def test_a_file_needs_to_be_told_its_columns(file: str) -> None:
    done = nextup("--data", file)
    assert done.exit_code == 2
    assert "needs --columns" in done.stderr


def test_the_book_chapter_is_about_the_bundled_shop_alone(file: str) -> None:
    done = nextup("--data", file, "--columns", COLUMNS, "--question", "book-chapter")
    assert done.exit_code == 2
    assert "--data online-retail alone" in done.stderr


def test_what_the_book_chapter_prints_of_popularity_is_reproduced_within_a_hundredth(tmp_path: Path) -> None:
    arguments = ("--data", "online-retail", "--question", "book-chapter", "--models", "popularity")
    done = nextup(*arguments, "--output", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "Published figures beside ours" in done.output
    published = json.loads((tmp_path / "report.json").read_text())["published"]
    assert [(one["metric"], one["theirs"]) for one in published] == [
        ("precision at 5", 0.064),
        ("top-5 accuracy", 0.012),
    ]
    assert all(one["ours"] == pytest.approx(one["theirs"], abs=0.01) for one in published)


def test_a_file_that_is_not_there_is_named() -> None:
    done = nextup("--data", "nowhere.csv", "--columns", COLUMNS)
    assert done.exit_code == 1
    assert "nowhere.csv" in done.stderr
