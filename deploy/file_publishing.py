"""What `nextup publish` and `nextup items` share: a file goes to a topic, with a progress bar and a summary."""

import time
from collections.abc import Iterator
from typing import TypeVar

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from deploy.command_line import err, out
from streams.clients.publisher import CataloguePublisher, PurchasePublisher
from streams.clients.read_report import ReadReport
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Event, Item

REFRESH_EVERY = 200
"""Messages between two updates of the progress bar, where they are not paced."""

M = TypeVar("M", Event, Item)


def publish_all(
    messages: Iterator[M],
    publisher: PurchasePublisher | CataloguePublisher,
    report: ReadReport,
    rate: float | None = None,
) -> int:
    """Publish messages as they are read, at most `rate` per second; how many were accepted.

    Returns once all have arrived. Raises Undelivered or BrokerUnavailable where some have not.
    """
    published = 0
    with publisher, _progress() as progress:
        task = progress.add_task("publishing", total=1.0, published=0)
        for message in paced(messages, rate):
            try:
                publisher.publish(message)  # type: ignore[arg-type]
                published += 1
            except InvalidEvent as error:
                report.leave_out_invalid(_name_of(message), error)
            if rate or published % REFRESH_EVERY == 0:
                progress.update(task, completed=report.fraction, published=published)
        progress.update(task, completed=1.0, published=published, description="awaiting delivery")
    return published


def paced(messages: Iterator[M], rate: float | None) -> Iterator[M]:
    """`messages`, each not before its time at `rate` per second; what is late does not delay the rest."""
    start = time.monotonic()
    for number, message in enumerate(messages):
        if rate:
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
        yield message


def tell(published: int, report: ReadReport) -> None:
    """The summary: what went out, and what was left out and why."""
    kinds = ", ".join(f"{count:,} {kind}{'s' if count != 1 else ''}" for kind, count in report.read.items())
    out.print(f"published {published:,}" + (f": {kinds}" if len(report.read) > 1 else ""), soft_wrap=True)
    if not report.left_out:
        return
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.left_out.most_common())
    out.print(f"left out {report.left_out.total():,} of {report.rows:,} rows: {reasons}", soft_wrap=True)
    for example in report.examples:
        out.print(f"  {example}", soft_wrap=True, markup=False)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[published]:,}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


def _name_of(message: Event | Item) -> str:
    return f"item {message.item_id}" if isinstance(message, Item) else f"event {message.event_id}"
