"""`nextup bench-gateway`: many readers of the stream while purchases flow."""

import json

import click
from rich.table import Table

from deploy.bench.figures import Cost
from deploy.bench.gateway_load import fresh_stack
from deploy.bench.streaming import Streamed, measure
from deploy.command_line import out
from deploy.demo.story import read_story


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
    with fresh_stack() as (settings, folder), out.status(f"{readers} readers, {rate:g} purchases per second"):
        found, cost = measure(settings, events, readers, rate, folder)
    out.print(_table(found, cost))
    click.echo(json.dumps(found._asdict() | cost.as_json() | {"rate": rate}))


def _table(found: Streamed, cost: Cost) -> Table:
    table = Table("what", "figure", title=f"{found.readers} readers, {found.purchases:,} purchases")
    for row in (*found.rows(), *cost.rows("streams")):
        table.add_row(*row)
    return table
