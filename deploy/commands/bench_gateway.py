"""`nextup bench-gateway`: many readers of the stream while purchases flow."""

import json
import tempfile
from pathlib import Path

import click
from rich.table import Table

from deploy.bench.streaming import Streaming, measure
from deploy.command_line import out
from deploy.demo.local_stack import settings_for
from deploy.demo.story import read_story
from deploy.stack.broker import Broker


@click.command()
@click.option("--readers", default=500, show_default=True, help="Streams of all lists that are open.")
@click.option("--rate", default=200.0, show_default=True, help="Purchases per second.")
@click.option("--seconds", default=20, show_default=True, help="How long they flow.")
def bench_gateway(readers: int, rate: float, seconds: int) -> None:
    """Measure latency and memory of the gateway with many readers; the last line is JSON.

    Real purchases (Online Retail, in order), a broker, a worker and a gateway of its own. There is no model: it is the
    gateway that is measured. The readers share the machine with it.
    """
    events = read_story().history[: int(rate * seconds)]
    with tempfile.TemporaryDirectory(prefix="nextup-bench-") as temporary:
        folder = Path(temporary)
        with Broker(folder / "broker") as broker, out.status(f"{readers} readers, {rate:g} purchases per second"):
            settings = settings_for(folder, folder / "models", broker.bootstrap_servers, "127.0.0.1:1")
            found = measure(settings, events, readers, rate, folder)
    out.print(_table(found))
    click.echo(json.dumps(found._asdict() | {"rate": rate, "memory": found.memory._asdict()}))


def _table(found: Streaming) -> Table:
    table = Table("what", "figure", title=f"{found.readers} readers, {found.purchases:,} purchases")
    table.add_row("lists that came, of all for all", f"{found.delivered:.2%}")
    table.add_row("purchase to list: p50, p99, slowest", f"{found.p50:.0f}, {found.p99:.0f}, {found.slowest:.0f} ms")
    table.add_row("processor of the gateway", f"{found.cpu:.2f} cores")
    table.add_row(
        "memory of it: idle, streams open, at the end", ", ".join(f"{mib:.0f}" for mib in found.memory) + " MiB"
    )
    return table
