"""Ends a worker that has work and makes no progress, so that a supervisor can start it anew.

A consumer can stop consuming in ways that nothing reports: an agent that died alone (faust-streaming
#175, #523, #532), a recovery that waits for ever for a record of its changelog (#176, #597, #651), a
member that never joins again, a blocked event loop. They look alike from outside, and so they are seen
here: there is work, and nothing moves.

work       records that nobody has committed, in the worker's partitions, or in all of them where it has
           none; or a state that is not yet restored
progress   events acknowledged, offsets committed, records of the changelog restored

An idle worker is not stuck. Neither is one whose broker is away: a new process could not do more, and
the clock begins anew when the broker is back. A blocked event loop is stuck with or without work. A
process that was stopped as a whole, this thread included, has lost no time.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from streams.contract.topics import grown
from streams.worker.backlog import Backlog, Waiting
from streams.worker.ending import leave
from streams.worker.pulse import Pulse, Vitals
from streams.worker.source_topic import SourceTopic

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: an internal error."""
LOOKS = 12
"""So often the watchdog looks in the time after which a worker counts as stuck."""


class Observation(NamedTuple):
    """What the watchdog sees when it looks; times in seconds of one monotonic clock."""

    at: float
    loop_turned_at: float
    is_work: bool | None
    """None where the broker does not say."""
    progress: tuple[int, ...]
    """Any change of it is progress."""


class Watch(NamedTuple):
    """What is remembered between two looks."""

    last: Observation
    moved_at: float
    """Since then there has been work without progress."""
    awake_since: float
    """Since then this thread has never been late."""


def first_look(seen: Observation) -> Watch:
    return Watch(seen, moved_at=seen.at, awake_since=seen.at)


def look_again(watch: Watch, seen: Observation, stalled_after_s: float) -> Watch:
    """The next state. A look that comes too late says that the process or the machine was stopped."""
    if seen.at - watch.last.at > stalled_after_s / 2:
        return first_look(seen)
    stands_still = seen.is_work is True and seen.progress == watch.last.progress
    return watch._replace(last=seen, moved_at=watch.moved_at if stands_still else seen.at)


def why_stuck(watch: Watch, stalled_after_s: float) -> str | None:
    """The sentence to end with; None where there is no reason to."""
    now = watch.last.at
    blocked_s = now - max(watch.last.loop_turned_at, watch.awake_since)
    still_s = now - watch.moved_at
    if max(blocked_s, still_s) < stalled_after_s:
        return None
    # A loop that stands still holds up everything else: where both are true, it is the one to name,
    # although the work that stopped it may have been waiting a little longer.
    if blocked_s >= stalled_after_s / 2:
        return f"the event loop has not turned for {blocked_s:.0f} s"
    return f"there is work, and nothing has moved for {still_s:.0f} s"


def end_process(reason: str) -> NoReturn:
    """Say why, and be gone: whoever is stuck would be stuck in an orderly stop, too."""
    text = f"the worker ends, because {reason}; a new one goes on where it was"
    leave(EXIT_CODE, logging.CRITICAL, text)


class Watchdog:
    """A thread that looks at the worker's pulse and at its backlog; nothing that stalls the worker stalls it,
    but code that never lets go of the interpreter."""

    def __init__(
        self,
        pulse: Pulse,
        backlog: Backlog,
        source_topic: SourceTopic,
        all_partitions: int,
        stalled_after_s: float,
        end: Callable[[str], object] = end_process,
    ) -> None:
        self._pulse = pulse
        self._backlog = backlog
        self._source_topic = source_topic
        self._topic_id = source_topic.topic_id
        self._all = range(all_partitions)
        self.n_partitions = all_partitions
        """How many the source had at the last look: more than at the start where somebody has added some."""
        self._stalled_after_s = stalled_after_s
        self._end = end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self.waiting = 0
        """Offsets that waited for this worker at the last look."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._backlog.close()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        watch: Watch | None = None
        while not self._stop.wait(self._stalled_after_s / LOOKS):
            vitals = self._pulse.vitals
            if vitals is None:
                continue
            seen = self._look(vitals)
            watch = look_again(watch, seen, self._stalled_after_s) if watch else first_look(seen)
            if stuck := why_stuck(watch, self._stalled_after_s):
                self._end(f"it is stuck: {stuck}")
            if another := self._why_another_topic():
                self._end(another)

    @property
    def growth(self) -> str | None:
        """What it means that the source has more partitions than at the start; None where it has not."""
        if self.n_partitions <= len(self._all):
            return None
        return grown(self._source_topic.topic, len(self._all), self.n_partitions)

    def _why_another_topic(self) -> str | None:
        if self._topic_id == self._source_topic.topic_id:
            return None
        return f"{self._source_topic.topic} was made anew, and is another topic than this worker has begun to read"

    def _look_at_partitions(self) -> None:
        found = self._backlog.n_partitions()
        if found and found != self.n_partitions:
            self.n_partitions = found
            if self.growth:
                log.error("%s. Until then nobody reads the partitions that were added", self.growth)

    def _look(self, vitals: Vitals) -> Observation:
        waiting = self._backlog.ask(vitals.partitions or self._all)
        if waiting is not None:  # a broker that is away must not hold this thread up once more for each question
            self._look_at_partitions()
            self._topic_id = self._source_topic.current_id() or self._topic_id
        self.waiting = waiting.records if waiting and vitals.partitions else 0
        committed = waiting.committed if waiting else 0
        progress = (vitals.events_done, vitals.records_restored, committed)
        return Observation(time.monotonic(), vitals.at, _is_work(vitals, waiting), progress)


def _is_work(vitals: Vitals, waiting: Waiting | None) -> bool | None:
    if waiting is None:
        return None
    return waiting.is_work or bool(vitals.partitions and not vitals.recovered)
