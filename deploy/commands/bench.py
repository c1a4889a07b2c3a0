"""`nextup bench`: the shipped worker beside the same work by hand."""

import json
import platform
import statistics
import tempfile
from pathlib import Path

import click
from rich.table import Table

from deploy.bench.answers import BATCH, newest_version
from deploy.bench.answers import measure as measure_answers
from deploy.bench.candidates import CANDIDATES
from deploy.bench.measure import OpenLoop, Throughput, open_loop, throughput
from deploy.command_line import out
from deploy.demo.local_stack import settings_for
from deploy.demo.story import read_story
from deploy.settings import ModelSettings, Settings
from deploy.stack.broker import Broker
from deploy.stack.locations import RUN_TIME
from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from streams.contract.messages import Event

RATES = (100.0, 300.0)
ROUNDS = 30
"""In which the version and the plain LSTM take turns to answer."""
HISTORY = 5_000
"""Events that are processed before the open loop begins."""


@click.command()
@click.option("--backlog", default=20_000, show_default=True, help="Events that lie ready at the start.")
@click.option("--runs", default=3, show_default=True, help="Rounds; the candidates take turns in each.")
@click.option("--seconds", default=15, show_default=True, help="How long each rate is held.")
@click.option(
    "--models", type=click.Path(path_type=Path), default=RUN_TIME / "demo" / "models", help="A trained repository."
)
@click.option(
    "--answers",
    is_flag=True,
    help="Only how long the model takes to answer, beside a plain LSTM of its size; without broker and Triton.",
)
def bench(backlog: int, runs: int, seconds: int, models: Path, answers: bool) -> None:
    """Measure lists per second and latency on this machine; the last line is JSON.

    Real purchases (Online Retail, in order), a broker and a Triton of its own, each candidate in a fresh
    process on fresh topics. Compare within one run: machines differ, and so does their load.
    """
    if answers:
        _bench_answers(models)
        return
    story = read_story()
    events = [*story.history, *story.replay]
    with tempfile.TemporaryDirectory(prefix="nextup-bench-") as temporary:
        folder = Path(temporary)
        with Broker(folder / "broker") as broker, TritonServer(models, folder / "triton") as triton:
            settings = settings_for(folder, models, broker.bootstrap_servers, triton.grpc_address)
            newest_version(ModelRepository(models), settings.models.name)
            rates = _throughputs(settings, events[:backlog], folder, runs)
            loops = _open_loops(settings, events, folder, runs, seconds)
    out.print(_throughput_table(rates), _latency_table(loops))
    click.echo(json.dumps(_summary(rates, loops, backlog)))


def _bench_answers(models: Path) -> None:
    found = measure_answers(ModelRepository(models), ModelSettings().name, ROUNDS)
    table = Table("model", f"ms for {BATCH} users", title="Answers")
    table.add_row("newest version", f"{found.version_ms:.1f}")
    table.add_row("plain LSTM of its size", f"{found.plain_ms:.1f}")
    out.print(table, f"median of {ROUNDS} rounds, one thread; {found.ratio:.2f} times as long", highlight=False)
    click.echo(json.dumps({"machine": platform.platform(), "batch": BATCH, **found._asdict()}))


def _throughputs(settings: Settings, events: list[Event], folder: Path, runs: int) -> dict[str, list[Throughput]]:
    results: dict[str, list[Throughput]] = {candidate.name: [] for candidate in CANDIDATES}
    for number in range(runs):
        for place, candidate in enumerate(CANDIDATES):
            with out.status(f"round {number + 1} of {runs}: {candidate.name}, {len(events):,} purchases in a backlog"):
                result = throughput(candidate, settings, events, folder, f"backlog-{number}-{place}")
            results[candidate.name].append(result)
            out.print(f"{candidate.name}: {result.lists_per_second:,.0f} lists/s", highlight=False)
    return results


def _open_loops(
    settings: Settings, events: list[Event], folder: Path, runs: int, seconds: int
) -> dict[str, list[list[OpenLoop]]]:
    """After the first part of the history, so that users have one."""
    history, live = events[:HISTORY], events[HISTORY : HISTORY + int(seconds * sum(RATES))]
    results: dict[str, list[list[OpenLoop]]] = {candidate.name: [] for candidate in CANDIDATES}
    for number in range(runs):
        for place, candidate in enumerate(CANDIDATES):
            with out.status(f"round {number + 1} of {runs}: {candidate.name}, open loop"):
                result = open_loop(candidate, settings, history, live, RATES, seconds, folder, f"loop-{number}-{place}")
            results[candidate.name].append(result)
    return results


def _throughput_table(results: dict[str, list[Throughput]]) -> Table:
    table = Table("candidate", "lists/s, median (all)", "CPU ms per list", "by the model", title="From a backlog")
    for name, runs in results.items():
        rates = sorted(run.lists_per_second for run in runs)
        table.add_row(
            name,
            f"{statistics.median(rates):,.0f} ({', '.join(f'{rate:,.0f}' for rate in rates)})",
            f"{statistics.median(run.cpu_ms_per_list for run in runs):.3f}",
            f"{runs[0].by_model:.1%}",
        )
    return table


def _latency_table(results: dict[str, list[list[OpenLoop]]]) -> Table:
    table = Table("candidate", "rate", "p50 ms, median (all)", "p99 ms, median (all)", title="Open loop")
    for name, runs in results.items():
        for same_rate in zip(*runs, strict=True):
            table.add_row(
                name,
                f"{same_rate[0].rate:.0f}/s",
                _median_and_all([loop.p50 for loop in same_rate]),
                _median_and_all([loop.p99 for loop in same_rate]),
            )
    return table


def _median_and_all(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({', '.join(f'{value:.1f}' for value in sorted(values))})"


def _summary(
    rates: dict[str, list[Throughput]], loops: dict[str, list[list[OpenLoop]]], backlog: int
) -> dict[str, object]:
    return {
        "machine": platform.platform(),
        "backlog": backlog,
        "lists_per_second": {
            name: round(statistics.median(run.lists_per_second for run in runs)) for name, runs in rates.items()
        },
        "latency_ms": {
            name: {
                f"{same[0].rate:.0f}/s": {
                    "p50": round(statistics.median(loop.p50 for loop in same), 1),
                    "p99": round(statistics.median(loop.p99 for loop in same), 1),
                }
                for same in zip(*runs, strict=True)
            }
            for name, runs in loops.items()
        },
    }
