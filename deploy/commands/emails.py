"""`nextup emails`: a list that changed for the better becomes an email, at the right time, once."""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE
from rich.table import Table

from deploy.bench.emails import measured
from deploy.command_line import out, pass_settings
from deploy.foreground import end_on_sigterm
from deploy.settings import Settings
from streams.contract import email_messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer, EmailEvent
from streams.contract.reading import read_to_end
from streams.emails.customer_files import read_customers
from streams.emails.dry_run import Outlook, outlooks
from streams.emails.report import Interval, report
from streams.emails.rules import Rules, read_rules
from streams.emails.runner import Runner, utc_now
from streams.emails.state import opened


@click.group(invoke_without_command=True)
@click.option("--customers", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Customers as JSON lines, in place of the topic: user_id, email, zone, unsubscribed.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would be sent now, and why not the rest; send nothing.")
@click.pass_context
def emails(context: click.Context, customers: Path | None, dry_run: bool) -> None:
    """Send emails about lists that changed for the better, by the rules in emails.rules, until stopped."""
    if context.invoked_subcommand is None:
        _emails(customers, dry_run)


@pass_settings
def _emails(settings: Settings, customers: Path | None, dry_run: bool) -> None:
    rules = read_rules(Path(settings.emails.rules))
    listed = read_customers(customers) if customers else {}
    if dry_run:
        found = list(outlooks(settings.kafka, rules, settings.emails, listed, utc_now))
        out.print(_outlook_table(found))
        out.print(_summary(found))
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        _run(settings, rules, listed)


def _run(settings: Settings, rules: Rules, listed: dict[str, Customer]) -> None:
    end_on_sigterm()
    with opened(Path(settings.emails.datadir), listed) as state:
        runner = Runner(settings.kafka, state, rules, settings.emails)
        runner.catch_up()
        asyncio.run(_until_stopped(runner))


async def _until_stopped(runner: Runner) -> None:
    """SIGTERM and Ctrl-C both end it once what is being handed over is done."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await runner.run(stop)


@emails.command("given-up")
@pass_settings
def given_up(settings: Settings) -> None:
    """List the emails that were given up, newest last, and why."""
    table = Table("when", "customer", "products", "why", box=SIMPLE)
    found = sorted((e for e in _events(settings.kafka) if e.kind == "given-up"), key=lambda event: event.at)
    for event in found:
        why = event.reason + (" (it may have arrived)" if event.is_unknown else "")
        table.add_row(f"{event.at:%Y-%m-%d %H:%M}", event.user_id, ", ".join(event.items), why)
    out.print(table if found else "no email was given up")


@emails.command("report")
@pass_settings
def report_(settings: Settings) -> None:
    """Show what emails have changed, against the control group, with 95% intervals over customers."""
    found = report(_events(settings.kafka))
    out.print(f"{found.emails:,} emails to {found.customers:,} customers; {found.control_emails:,} withheld from "
              f"{found.control_customers:,} customers of the control group")  # fmt: skip
    out.print(f"links opened: {_percent(found.opened)} of emails; {found.unsubscribed:,} customers unsubscribed")
    for reason, count in found.given_up.items():
        out.print(f"given up {count:,}: {reason}", markup=False)
    table = Table("", "with emails", "without", "difference", box=SIMPLE)
    for row in found.compared:
        table.add_row(row.name, *(_figure(interval) for interval in row[1:]))
    out.print(table)


@emails.command("bench")
@click.option("--customers", "count", type=click.IntRange(min=1), default=10_000, show_default=True)
def bench(count: int) -> None:
    """Measure how many decisions one core makes in a minute, from the bytes of the list to the finished letter."""
    found = measured(count)
    rate, cpu_rate = (60 * found.decisions / seconds for seconds in (found.seconds, found.cpu_s))
    out.print(f"{found.decisions:,} decisions in {found.seconds:.1f} s: {rate:,.0f} per minute, "
              f"and {cpu_rate:,.0f} per minute of processor time")  # fmt: skip
    out.print(f"  lists taken in {found.intake_s:.1f} s, decided and letters written {found.deciding_s:.1f} s, "
              f"noted as sent {found.noting_s:.1f} s")  # fmt: skip


def _events(connection: KafkaConnection) -> Iterator[EmailEvent]:
    """The newest event of each key; tombstones take events back."""
    newest: dict[bytes, EmailEvent] = {}
    for message in read_to_end(connection, connection.topic_prefix + topics.EMAIL_EVENTS.name):
        key, value = message.key() or b"", message.value()
        newest.pop(key, None)
        event = None if value is None else _decoded(value)
        if event is not None:
            newest[key] = event
    return iter(newest.values())


def _decoded(value: bytes) -> EmailEvent | None:
    """None for a record that is no event: it was not one of ours who sent it."""
    try:
        return email_messages.email_event.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _outlook_table(found: list[Outlook]) -> Table:
    table = Table("customer", "what", "when", "products", "why", box=SIMPLE)
    for outlook in found:
        when = f"{outlook.at:%Y-%m-%d %H:%M}" if outlook.at else ""
        table.add_row(outlook.user_id, outlook.what, when, ", ".join(outlook.items), outlook.reason)
    return table


def _summary(found: list[Outlook]) -> str:
    counts = Counter((outlook.what, outlook.reason) for outlook in found)
    told = [f"{count:,} {what}" + (f" ({reason})" if reason else "") for (what, reason), count in counts.most_common()]
    return ", ".join(told) or "no customer has changes that wait"


def _percent(interval: Interval | None) -> str:
    if interval is None:
        return "none"
    low, high = interval.low, interval.high
    between = "" if low is None or high is None else f" ({low:.1%} to {high:.1%})"
    return f"{interval.value:.1%}{between}"


def _figure(interval: Interval | None) -> str:
    if interval is None:
        return ""
    low, high = interval.low, interval.high
    return f"{interval.value:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")
