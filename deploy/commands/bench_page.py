"""`nextup bench-page`: many pages open while purchases flow."""

import json
import tempfile
from pathlib import Path

import click
from rich.table import Table

from deploy.bench.pages import Watching, measure
from deploy.command_line import out
from deploy.demo.local_stack import settings_for
from deploy.stack.broker import Broker


@click.command()
@click.option("--pages", default=200, show_default=True, help="Pages that are open, each with a customer who buys.")
@click.option("--rate", default=200.0, show_default=True, help="Purchases per second.")
@click.option("--seconds", default=20, show_default=True, help="How long they flow.")
def bench_page(pages: int, rate: float, seconds: int) -> None:
    """Measure how late and how costly the page is with many visitors; the last line is JSON.

    A broker, a worker and a gateway of its own. There is no model: it is the page that is measured. The visitors,
    whose browsers are played, share the machine with it.
    """
    with tempfile.TemporaryDirectory(prefix="nextup-bench-") as temporary:
        folder = Path(temporary)
        with Broker(folder / "broker") as broker, out.status(f"{pages} pages, {rate:g} purchases per second"):
            settings = settings_for(folder, folder / "models", broker.bootstrap_servers, "127.0.0.1:1")
            found = measure(settings, pages, rate, seconds, folder)
    out.print(_table(found))
    click.echo(json.dumps(found._asdict() | {"rate": rate, "memory": found.memory._asdict()}))


def _table(found: Watching) -> Table:
    table = Table("what", "figure", title=f"{found.pages} pages, {found.purchases:,} purchases")
    table.add_row("purchases whose list was on its customer's page", f"{found.shown:.1%}")
    table.add_row("purchase to page: p50, p99, slowest", f"{found.p50:.0f}, {found.p99:.0f}, {found.slowest:.0f} ms")
    table.add_row("messages to a page", f"{found.updates:.2f} per second")
    table.add_row("other requests meanwhile: p50, p99", f"{found.asked_p50:.0f}, {found.asked_p99:.0f} ms")
    table.add_row("processor of the gateway", f"{found.cpu:.2f} cores")
    table.add_row(
        "memory of it: idle, pages open, at the end", ", ".join(f"{mib:.0f}" for mib in found.memory) + " MiB"
    )
    return table
