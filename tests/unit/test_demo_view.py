"""What the demo shows."""

from rich.console import Console

from deploy.demo import view
from deploy.demo.scoreboard import Scoreboard
from tests.unit.test_scoreboard import made_list, purchase


def shown(board: Scoreboard, titles: dict[str, str]) -> str:
    console = Console(width=140, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(view.render(board, titles, 10))
    return capture.get()


def test_the_newest_lists_are_shown_with_the_names_of_products() -> None:
    board = Scoreboard()
    board.publishing(purchase("e1", "a", "b"))
    board.received(made_list("e1", "b"))
    text = shown(board, {"a": "WHITE HANGING HEART", "b": "RED MUG"})
    assert "White hanging heart +1" in text
    assert "Red mug" in text
    assert "version 1" in text


def test_a_product_name_is_never_read_as_markup_or_as_a_command_to_the_terminal() -> None:
    board = Scoreboard()
    board.publishing(purchase("e1", "a"))
    board.received(made_list("e1", "a"))
    text = shown(board, {"a": "[red]x[/] \x1b[2Jy"})
    assert "[red]x[/]" in text
    assert "\x1b" not in text


def test_figures_that_are_not_there_yet_are_dashes() -> None:
    assert "p50 –" in shown(Scoreboard(), {})
