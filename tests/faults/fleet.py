"""Worker processes that are killed, stopped and started again, and how far they have come."""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from deploy.stack.process import ChildProcess
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch
from streams.contract.reading import assigned_consumer, available_span, partitions_of
from streams.contract.topics import Topic
from tests.integration.workers import environment_of

GROUP = "nextup"


class Worker:
    """One worker, which keeps its name, its state and its log over all its starts."""

    def __init__(self, kafka: KafkaConnection, folder: Path, name: str, settings: dict[str, str]) -> None:
        self.state = folder / name
        self.deaths = 0
        """How often it was found to have ended by itself."""
        self.max_rss_mib = 0.0
        own = {
            "NEXTUP_WORKER_DATADIR": str(self.state),
            "NEXTUP_WORKER_INSTANCE_ID": name,
            "NEXTUP_WORKER_GROUP": GROUP,
        }
        self.environment = environment_of(kafka, **own | settings)
        self.command = [sys.executable, "-m", "deploy", "worker"]
        log = folder / f"{name}.log"
        self.process = ChildProcess(self.command, name=name, log=log, environment=self.environment)

    def start(self) -> None:
        self.process.start()

    def kill(self, *, with_state: bool = False) -> None:
        """End it with SIGKILL, and delete its data directory as well."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        if with_state:
            shutil.rmtree(self.state, ignore_errors=True)

    def stop(self) -> None:
        """Ask it to end."""
        self.process.stop(30)

    def watch(self) -> None:
        """What a supervisor does: start it again where it has ended by itself. Takes note of its memory."""
        if not self.process.is_running:
            self.deaths += 1
            self.process.start()
        self.max_rss_mib = max(self.max_rss_mib, self.rss_mib())

    def rss_mib(self) -> float:
        try:
            return round(psutil.Process(self.process.pid).memory_info().rss / (1 << 20), 1)
        except psutil.NoSuchProcess:
            return 0.0


@contextmanager
def running(*workers: Worker) -> Iterator[None]:
    """Workers that are started, and whatever happens stopped in the end."""
    try:
        for worker in workers:
            worker.start()
        yield
    finally:
        for worker in workers:
            worker.process.stop(5)


class Progress:
    """How far a group of workers has come, as the broker knows it."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._consumer = assigned_consumer(kafka, group_id=kafka.topic_prefix + GROUP)

    def close(self) -> None:
        self._consumer.close()

    def records_of(self, topic: Topic) -> int:
        """How many records were ever written to a topic."""
        return sum(end for _, end in self._ends(self._consumer, topic))

    def behind(self) -> int:
        """Records of `purchases` that are not yet acknowledged."""
        ends = self._ends(self._consumer, topics.PURCHASES)
        committed = self._consumer.committed([place for place, _ in ends], timeout=10)
        return sum(end - max(place.offset, 0) for (_, end), place in zip(ends, committed, strict=True))

    def wait_until(self, reached: Callable[[], bool], what: str, *workers: Worker, timeout_s: float = 120.0) -> None:
        """Watch over the workers until they have come so far."""
        deadline = time.monotonic() + timeout_s
        while not _known_to_be(reached):
            for worker in workers:
                worker.watch()
            if time.monotonic() > deadline:
                told = "\n".join(line for worker in workers for line in worker.process.last_lines(15))
                raise AssertionError(f"{what}: not within {timeout_s:g} s\n{told}")
            time.sleep(0.02)

    def wait_until_done(self, *workers: Worker, timeout_s: float = 120.0) -> None:
        self.wait_until(lambda: self.behind() == 0, "everything acknowledged", *workers, timeout_s=timeout_s)

    def _ends(self, consumer: Consumer, topic: Topic) -> list[tuple[TopicPartition, int]]:
        places = partitions_of(consumer, self._kafka.topic_prefix + topic.name)
        return [(place, available_span(consumer, place).end) for place in places]


def _known_to_be(reached: Callable[[], bool]) -> bool:
    """A broker that was away tells nothing for a while."""
    try:
        return reached()
    except (BrokerUnavailable, TopicMismatch, KafkaException):
        return False
