"""`nextup backtest`: is it any good, and compared with what?"""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
from msgspec.structs import replace
from threadpoolctl import threadpool_limits

from deploy.command_line import err, out, pass_settings
from deploy.mapping_option import MappingType
from deploy.numbers_option import NumbersType
from deploy.progress_lines import in_one_bar_on
from deploy.quiet import native_stderr_off
from deploy.settings import Settings
from trainer.backtest.held_out import hold_out
from trainer.backtest.over_seeds import mean_of
from trainer.backtest.published import BOOK_CHAPTER
from trainer.backtest.questions.catalogue import IN_QUICK, QUESTIONS
from trainer.backtest.questions.setting import Setting
from trainer.backtest.report import files, terminal
from trainer.backtest.run import Request, run
from trainer.backtest.selection import moment, selected
from trainer.backtest.sources import log
from trainer.backtest.sources.columns import ONLINE_RETAIL, FileColumns, FileRules
from trainer.backtest.sources.files import read_customers_and_everybody
from trainer.backtest.sources.source import Source
from trainer.models import registry
from trainer.models.registry import Effort
from trainer.progress import Progress

BUNDLED = "online-retail"
BUNDLED_FILE = Path(__file__).parents[1] / "data" / "online_retail.parquet"
QUICK_LISTS = 10_000
"""Answers that a quick backtest asks for at each question; a full one asks for MAX_LISTS."""
MAX_LISTS = 200_000
COLUMNS = MappingType(
    FileColumns,
    roles=("user", "item", "time", "order", "quantity", "price", "description"),
    presets={BUNDLED: ONLINE_RETAIL},
)


class Lines(NamedTuple):
    """What is asked about: orders of named customers, and single lines of everybody."""

    customers: Source
    everybody: Source


@click.command()
@click.option(
    "--data",
    metavar="FILE",
    help=f"CSV or Parquet with a row for each line of an order, or {BUNDLED}, the bundled file; without it the "
    "purchase log is read.",
)
@click.option("--columns", type=COLUMNS, help="user=COLUMN,item=…,time=…[,order=…,quantity=…,price=…,description=…].")
@click.option("--ordered", is_flag=True, help="The file has no times; its rows are in the order of events.")
@click.option("--time-format", default="", help="Of times that are not ISO 8601, in the letters of strptime.")
@click.option("--timezone", help="Of times that name no zone, such as Europe/London; UTC if not given.")
@click.option("--returns", type=click.Choice(["leave-out", "take-back"]), default="leave-out", show_default=True)
@click.option(
    "--question",
    "questions",
    multiple=True,
    help=f"One or more of {', '.join(QUESTIONS)}; or {BOOK_CHAPTER}, whose figures are measured on {BUNDLED} "
    "by its own protocol.",
)
@click.option("--models", multiple=True, help=f"One or more of {', '.join(registry.ENTRIES)}.")
@click.option("--quick", is_flag=True, help="Smaller models and fewer answers, in minutes.")
@click.option("--split-at", metavar="DATE", help="First day that is held out; without times, number of the line.")
@click.option("--until", metavar="DATE", help="First day after those that are asked about.")
@click.option("--open-order-again", is_flag=True, help="What lies in the open order may be recommended again.")
@click.option(
    "--seed",
    "--seeds",
    "seeds",
    type=NumbersType(),
    default="0",
    show_default=True,
    help="Of chance; of several, joined by commas, the figures are means.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default=True,
    help="Models that are fit and asked at a time; each process holds the data.",
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
@pass_settings
def backtest(
    settings: Settings,
    /,
    data: str | None,
    columns: FileColumns | None,
    questions: tuple[str, ...],
    models: tuple[str, ...],
    quick: bool,
    seeds: tuple[int, ...],
    output: Path | None,
    **choices: Any,
) -> None:
    """Fit every model on the same past, ask all the same questions about what came after, and compare.

    Names of questions and models may be joined by commas. Whatever is not chosen is asked, or all that a
    quick backtest has time for.
    """
    effort = Effort.QUICK if quick else Effort.FULL
    names = selected("question", questions, (*QUESTIONS, BOOK_CHAPTER)) or _asked_of(data, quick)
    if BOOK_CHAPTER in names and data != BUNDLED:
        raise click.UsageError(f"{BOOK_CHAPTER} is about --data {BUNDLED} alone")
    chosen = selected("model", models, registry.ENTRIES) or registry.names(effort)
    with (
        _threads(settings.trainer.threads, chosen if choices["processes"] == 1 else ()),
        in_one_bar_on(err) as progress,
    ):
        lines = _lines(data, columns, choices, settings, progress)
        request = Request(
            lines.customers.data,
            _setting(lines, QUICK_LISTS if quick else MAX_LISTS, **choices),
            [question for name, question in QUESTIONS.items() if name in names],
            {name: partial(registry.create, name, effort) for name in chosen},
            effort,
            choices["processes"],
            reproduces=BOOK_CHAPTER in names,
        )
        found = mean_of([run(one, progress) for one in _by_seed(request, seeds)])
    out.print(terminal.render(found))
    if output:
        page, document = files.write(found, output)
        out.print(f"\nwritten: {page} and {document}", soft_wrap=True, highlight=False)


def _asked_of(data: str | None, quick: bool) -> tuple[str, ...]:
    """What is asked when nobody chooses."""
    if quick:
        return IN_QUICK
    return (*QUESTIONS, BOOK_CHAPTER) if data == BUNDLED else tuple(QUESTIONS)


def _by_seed(request: Request, seeds: Iterable[int]) -> Iterator[Request]:
    """The same request with each seed; models of which chance decides nothing are asked with the first one alone."""
    for number, seed in enumerate(seeds):
        models = {
            name: partial(registry.create, name, request.effort, seed)
            for name in request.models
            if number == 0 or registry.ENTRIES[name].is_seeded
        }
        if models:
            yield request._replace(setting=dataclasses.replace(request.setting, seed=seed), models=models)


def _load(models: Iterable[str]) -> None:
    """Import what brings large libraries along before anything is drawn; what is missing is told by the run."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_stderr_off():
        for name in models:
            with contextlib.suppress(ImportError):
                registry.constructor(name)


def _lines(
    data: str | None, columns: FileColumns | None, choices: dict[str, Any], settings: Settings, progress: Progress
) -> Lines:
    if data is None:
        source = log.read(settings.kafka, progress)
        return Lines(source, source)
    if data == BUNDLED:
        data, columns = str(BUNDLED_FILE), columns or ONLINE_RETAIL
    if columns is None:
        raise click.UsageError(f"--data {data} needs --columns, which says which of its columns hold what")
    rules = FileRules(ordered=choices["ordered"], returns=choices["returns"], time_format=choices["time_format"])
    if choices["timezone"]:
        columns = replace(columns, timezone=choices["timezone"])
    return Lines(*read_customers_and_everybody(Path(data), columns, rules, progress))


def _setting(
    lines: Lines,
    max_lists: int,
    *,
    split_at: str | None,
    until: str | None,
    open_order_again: bool,
    **_: Any,
) -> Setting:
    is_timed = lines.customers.purchases.is_timed
    start, end = (moment(text, is_timed) if text else None for text in (split_at, until))
    customers = hold_out(lines.customers.purchases, start, end)
    everybody = hold_out(lines.everybody.purchases, customers.split_at, customers.until)
    return Setting(customers, everybody, max_lists=max_lists, bars_open_order=not open_order_again)


@contextlib.contextmanager
def _threads(n: int, models: Iterable[str]) -> Iterator[None]:
    """So many cores for whatever is computed, by these models here or in processes that are started."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, str(n))
    _load(models)
    with threadpool_limits(n):
        yield
