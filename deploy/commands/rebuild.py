"""`nextup rebuild`: the state made anew from the log, compared with the running one."""

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import click

from deploy.command_line import out, pass_settings
from deploy.settings import Settings
from streams.contract.connection import KafkaConnection
from streams.contract.topics import PURCHASES
from streams.worker import rebuild as anew
from streams.worker.app import journey_topics
from streams.worker.batch import StateTable
from streams.worker.consumer_group import ConsumerGroup
from streams.worker.errors import WorkerError
from streams.worker.rebuild import Differences, State, StateReader
from streams.worker.settings import WorkerSettings

SHOWN = 5
"""Keys of each kind of difference that are named."""
ATTEMPTS = 10
PAUSE_S = 0.5


@click.command()
@click.option("--write", is_flag=True, help="Put right what differs. No worker may run meanwhile.")
@pass_settings
def rebuild(settings: Settings, write: bool) -> None:
    """Make the state anew from purchase-log, and compare it with the running one, user by user.

    Ends with exit code 1 if they are not the same bytes. It compares what the worker has written to its
    changelogs, with worker.history_lines as it is set now, one partition at a time, and only where the
    worker has nothing left to do.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    with closing(Rebuild(settings.kafka, settings.worker)) as work:
        if write:
            work.require_no_worker()
        total = Outcome.none()
        for compared in work.compared(write):
            total = total.plus(compared)
    _tell(total)
    if total.is_right:
        out.print("the state is what the log says")
    elif write:
        out.print(
            f"written: {total.n_wrong} values. Now delete worker.datadir of every worker before it is started "
            "again: it then restores its state from what was written",
            soft_wrap=True,
        )
    else:
        raise click.exceptions.Exit(1)


class Outcome(NamedTuple):
    """What was found in some partitions."""

    users: Differences
    events: Differences
    n_unusable: int

    @classmethod
    def none(cls) -> "Outcome":
        return cls(Differences(0, [], [], []), Differences(0, [], [], []), 0)

    def plus(self, more: "Outcome") -> "Outcome":
        return Outcome(_sum(self.users, more.users), _sum(self.events, more.events), self.n_unusable + more.n_unusable)

    @property
    def n_wrong(self) -> int:
        return len(self.users.wrong) + len(self.events.wrong)

    @property
    def is_right(self) -> bool:
        return self.n_wrong == 0 and self.n_unusable == 0


class Rebuild:
    """Compares, and on demand puts right, the state of one consumer group."""

    def __init__(self, connection: KafkaConnection, worker: WorkerSettings) -> None:
        prefix = connection.topic_prefix
        self._connection = connection
        self._max_lines = worker.history_lines
        self._names = journey_topics(prefix, worker.group)
        self._group = ConsumerGroup(connection, prefix + worker.group, prefix + PURCHASES.name)
        self._reader = StateReader(connection, self._names.log)

    def close(self) -> None:
        self._reader.close()

    def require_no_worker(self) -> None:
        """WorkerError where someone may write to the changelogs beside us."""
        self._group.require_no_member()

    def compared(self, write: bool) -> Iterator[Outcome]:
        """Partition by partition; with `write` each is put right before the next is looked at."""
        for partition in self._reader.partitions():
            if write:
                made = self._reader.made_anew(partition, self._max_lines)
                outcome = self._compare(made, partition)
                self._put_right(made, outcome, partition)
                yield outcome
            else:
                yield self._compare_at_rest(partition)

    def _compare_at_rest(self, partition: int) -> Outcome:
        """The worker must have nothing to do before the reading, and still nothing after it."""
        for _ in range(ATTEMPTS):
            before = self._end_if_done(partition)
            if before is not None:
                outcome = self._compare(self._reader.made_anew(partition, self._max_lines), partition)
                if self._end_if_done(partition) == before:
                    return outcome
            time.sleep(PAUSE_S)
        raise WorkerError(
            f"partition {partition} of {self._group.topic} has events that the worker is not done with, so there is "
            "nothing to compare; wait until it has caught up, or start one: nextup worker"
        )

    def _end_if_done(self, partition: int) -> int | None:
        return self._group.end_if_done(self._reader.consumer, partition)

    def _compare(self, made: State, partition: int) -> Outcome:
        return Outcome(
            anew.differences(made.histories, self._running(self._names.histories, partition)),
            anew.differences(made.known_events, self._running(self._names.known_events, partition)),
            made.n_unusable,
        )

    def _running(self, table: StateTable, partition: int) -> dict[bytes, bytes]:
        return self._reader.table(table.changelog, partition)

    def _put_right(self, made: State, found: Outcome, partition: int) -> None:
        names = self._names
        anew.write(
            self._connection,
            [
                *anew.corrections(names.histories, partition, made.histories, found.users),
                *anew.corrections(names.known_events, partition, made.known_events, found.events),
            ],
        )


def _sum(one: Differences, other: Differences) -> Differences:
    return Differences(
        one.equal + other.equal,
        one.different + other.different,
        one.missing + other.missing,
        one.extra + other.extra,
    )


def _tell(total: Outcome) -> None:
    for what, found in (("users", total.users), ("known events", total.events)):
        out.print(
            f"{what}: {found.equal} equal, {len(found.different)} different, {len(found.missing)} missing, "
            f"{len(found.extra)} extra"
        )
        for kind in ("different", "missing", "extra"):
            for key in getattr(found, kind)[:SHOWN]:
                out.print(f"  {kind}: {key.decode(errors='replace')}", soft_wrap=True, markup=False)
    if total.n_unusable:
        out.print(f"{total.n_unusable} log records could not be used")
