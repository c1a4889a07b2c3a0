"""`nextup model`: which versions there are, which one answers, and changing that."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Literal

import click
import msgspec
from rich.table import Table

from deploy.command_line import out, pass_settings
from deploy.foreground import ending_on_sigterm
from deploy.refreshing import refresh_stale_lists
from deploy.settings import Settings
from serving.model_repository import Metadata, ModelRepository
from serving.triton_control import connected
from trainer.announcement import announced
from trainer.guard.watch import Guard
from trainer.swaps.overview import Overview, VersionState, overview, version_state
from trainer.swaps.swaps import Swap, Swaps
from trainer.swaps.workers import live_workers

SHOWN_METRIC = "hit_rate_at_5"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
reason_option = click.option("--reason", default="by hand", show_default=True, help="Why; told on model-versions.")


@click.group()
def model() -> None:
    """Which versions there are, which one answers, and changing that."""


@model.command("list")
@json_option
@pass_settings
def list_versions(settings: Settings, as_json: bool) -> None:
    """All versions in the repository, and what each of them does."""
    found = _overview(settings)
    if as_json:
        _print_json(found)
        return
    out.print(_table(found))
    if found.late:
        out.print(f"still asking another version: {', '.join(found.late)}", highlight=False)


@model.command()
@click.argument("version", type=click.IntRange(min=1), metavar="N")
@json_option
@pass_settings
def show(settings: Settings, version: int, as_json: bool) -> None:
    """What version N learnt from, how good it was, and why it was released."""
    state = version_state(_overview(settings), version)
    if as_json:
        _print_json(state)
        return
    out.print(f"version {state.version}: {state.role or 'not used'}, {'loaded' if state.loaded else 'not loaded'}")
    if state.metadata is None:
        out.print(state.fault, soft_wrap=True)
    else:
        out.print(_facts(state.metadata))


@model.command()
@click.argument("version", type=click.IntRange(min=1), metavar="N")
@reason_option
@click.option("--refresh", is_flag=True, help="Then make the lists of recently active customers anew.")
@pass_settings
def promote(settings: Settings, version: int, reason: str, refresh: bool) -> None:
    """Have version N answer: load it beside, ask it its golden inputs, announce it, wait for the workers."""
    with _swaps(settings) as swaps:
        _tell(swaps.promote(version, reason))
    if refresh:
        asked = refresh_stale_lists(settings.kafka, settings.models.name, settings.refresh)
        out.print(f"{asked:,} lists are made anew", highlight=False)


@model.command()
@reason_option
@pass_settings
def rollback(settings: Settings, reason: str) -> None:
    """Have the version answer that did before."""
    with _swaps(settings) as swaps:
        _tell(swaps.rollback(reason))


@model.command()
@click.argument("version", type=click.IntRange(min=1), metavar="[N]", required=False)
@click.option("--mode", type=click.Choice(["shadow", "canary"]), default="shadow", show_default=True,
              help="shadow: its lists are judged, not published; canary: it answers some customers.")  # fmt: skip
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True,
              help="Share of the customers, for a canary.")  # fmt: skip
@click.option("--stop", is_flag=True, help="Try it no longer.")
@reason_option
@pass_settings
def challenge(
    settings: Settings, version: int | None, mode: Literal["shadow", "canary"], share: float, stop: bool, reason: str
) -> None:
    """Try version N beside the one that answers, or stop trying."""
    if stop == (version is not None):
        raise click.UsageError("name a version N, or say --stop")
    with _swaps(settings) as swaps:
        if version is None:
            _tell(swaps.stop_challenge(reason))
        else:
            _tell(swaps.challenge(version, mode, 1.0 if mode == "shadow" else share, reason))


@model.command()
@click.option("--once", is_flag=True, help="Judge what is there now, and end.")
@json_option
@pass_settings
def guard(settings: Settings, once: bool, as_json: bool) -> None:
    """Watch the outcomes; roll back a version, or stop a canary, that is clearly worse than the one before.

    A change is made as soon as it is statistically clear, however often one looks: see trainer/guard.
    """
    with (
        _swaps(settings) as swaps,
        closing(Guard(settings.kafka, settings.models.name, settings.guard, swaps)) as watching,
        ExitStack() as parts,
    ):
        if not once:
            parts.enter_context(ending_on_sigterm("stopped; the next guard judges by all outcomes again"))
            out.print("watching; Ctrl-C ends it")
        for verdict in watching.judge_once() if once else watching.judge():
            if as_json:
                _print_json(verdict)
            else:
                out.print(verdict.told, soft_wrap=True, highlight=False)


@contextmanager
def _swaps(settings: Settings) -> Iterator[Swaps]:
    repository = ModelRepository(settings.models.repository)
    with connected(settings.triton) as control:
        yield Swaps(settings.models.name, settings.kafka, repository, control, settings.swap)


def _overview(settings: Settings) -> Overview:
    name = settings.models.name
    with connected(settings.triton) as control:
        return overview(
            name,
            announced(settings.kafka, name),
            ModelRepository(settings.models.repository),
            control,
            live_workers(settings.kafka),
        )


def _table(found: Overview) -> Table:
    table = Table(title=f"{found.name}: {len(found.workers)} workers")
    for heading in ("version", "does", "loaded", "made", "events", "HitRate@5", ""):
        table.add_column(heading, justify="right" if heading in {"version", "events", "HitRate@5"} else "left")
    for state in found.versions:
        table.add_row(*_row(state))
    return table


def _row(state: VersionState) -> tuple[str, ...]:
    known = state.metadata
    loaded = "yes" if state.loaded else ""
    if known is None:
        return str(state.version), state.role, loaded, "", "", "", state.fault
    hit_rate = known.metrics.get(SHOWN_METRIC)
    return (
        str(state.version),
        state.role,
        loaded,
        f"{known.created_at:%Y-%m-%d %H:%M}",
        f"{known.n_events:,}",
        "" if hit_rate is None else f"{hit_rate:.3f}",
        str((known.decision or {}).get("reason", "")),
    )


def _facts(known: Metadata) -> Table:
    facts = Table(show_header=False, box=None)
    facts.add_row("made", f"{known.created_at:%Y-%m-%d %H:%M}")
    facts.add_row(
        "learnt from", f"{known.n_events:,} events, {known.trained_from:%Y-%m-%d} to {known.trained_to:%Y-%m-%d}"
    )
    facts.add_row("items", f"{known.n_items:,}")
    facts.add_row("answers the next", known.grain)
    for name, value in known.metrics.items():
        facts.add_row(name, f"{value:.4f}")
    if known.decision:
        facts.add_row("released because", str(known.decision.get("reason", "")))
    return facts


def _tell(swap: Swap) -> None:
    record, retired = swap
    out.print(f"{record.name} version {record.version} answers: {record.reason}", highlight=False, soft_wrap=True)
    if record.challenger:
        tried = record.challenger
        whom = "in the shadow of it" if tried.mode == "shadow" else f"for {tried.share:.0%} of the customers"
        out.print(f"version {tried.version} is tried {whom}", highlight=False)
    if retired.late:
        out.print(
            f"nothing was unloaded, for these workers have not switched: {', '.join(retired.late)}", soft_wrap=True
        )
    for what, versions in (("unloaded", retired.unloaded), ("removed", retired.removed)):
        if versions:
            out.print(f"{what}: {', '.join(map(str, versions))}", highlight=False)


def _print_json(what: msgspec.Struct) -> None:
    out.print_json(msgspec.json.encode(what).decode())
