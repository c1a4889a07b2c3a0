"""`nextup bench-page`: many pages open while purchases flow."""

import json

import click
from rich.table import Table

from deploy.bench.gateway_load import fresh_stack
from deploy.bench.pages import Load, Watching, measure
from deploy.command_line import out


@click.command()
@click.option("--pages", default=200, show_default=True, help="Pages that are open, each with a customer who buys.")
@click.option("--readers", default=0, show_default=True, help="Streams of all lists that are open beside them.")
@click.option("--rate", default=200.0, show_default=True, help="Purchases per second.")
@click.option("--seconds", default=20, show_default=True, help="How long they flow.")
def bench_page(pages: int, readers: int, rate: float, seconds: int) -> None:
    """Measure how late and how costly the page is with many visitors; the last line is JSON.

    A broker, a worker and a gateway of its own. There is no model: it is the page that is measured. The visitors,
    whose browsers are played, share the machine with it, and so do readers of the gateway's stream.
    """
    load = Load(pages, readers, rate, seconds)
    with fresh_stack() as (settings, folder), out.status(_title(load)):
        found = measure(settings, load, folder)
    out.print(_table(found))
    click.echo(json.dumps(_figures(found) | {"rate": rate}))


def _title(load: Load) -> str:
    readers = f"{load.readers} readers, " if load.readers else ""
    return f"{load.pages} pages, {readers}{load.rate:g} purchases per second"


def _figures(found: Watching) -> dict[str, object]:
    figures = {name: figure for name, figure in found._asdict().items() if name not in {"cost", "streams"}}
    streams = {"streams": found.streams._asdict()} if found.streams else {}
    return figures | found.cost.as_json() | streams


def _table(found: Watching) -> Table:
    table = Table("what", "figure", title=f"{found.pages} pages, {found.purchases:,} purchases")
    table.add_row("purchases whose list was on its customer's page", f"{found.shown:.1%}")
    table.add_row("purchase to page: p50, p99, slowest", f"{found.p50:.0f}, {found.p99:.0f}, {found.slowest:.0f} ms")
    table.add_row("messages to a page", f"{found.updates:.2f} per second")
    table.add_row("other requests meanwhile: p50, p99", f"{found.asked_p50:.0f}, {found.asked_p99:.0f} ms")
    for row in found.cost.rows("pages" if found.streams is None else "pages and streams"):
        table.add_row(*row)
    if found.streams is not None:
        table.add_section()
        for what, figure in found.streams.rows():
            table.add_row(f"{found.streams.readers} readers, {what}", figure)
    return table
