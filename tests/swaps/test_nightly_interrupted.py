"""The nightly run, cut short at its steps and then run to its end: the version that serves never suffers."""

import signal
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.stack.process import ChildProcess, wait_until
from deploy.stack.triton import TritonServer
from serving.candidates import difference
from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion
from tests.integration.trainers import candidate, write_log
from tests.integration.workers import environment_of
from tests.small_model import NAME
from tests.swaps.conftest import SETTINGS, Report
from tests.unit.test_trainer_history import at, bought
from trainer.announcement import announced
from trainer.nightly.run import ASKING, LEARNING, READING
from trainer.release import release

STEPS = (READING, LEARNING, ASKING, "releasing")
PATIENCE_S = 600.0
USERS, WEEKS = 45, 8


class Night:
    """`nextup nightly --once`, as often as wanted, with one log."""

    def __init__(self, kafka: KafkaConnection, server: TritonServer, folder: Path) -> None:
        self.folder = folder
        self._environment = environment_of(
            kafka,
            NEXTUP_TRITON_URL=server.grpc_address,
            NEXTUP_MODELS_REPOSITORY=str(server.model_repository),
            NEXTUP_TRAINER_DATADIR=str(folder / "trainer"),
            NEXTUP_TRAINER_TUNED="",
            NEXTUP_TRAINER_EPOCHS="1",
            NEXTUP_TRAINER_MOST_EPOCHS="1",
            NEXTUP_NIGHTLY_MIN_ORDERS="20",
            NEXTUP_SWAP_GRACE_S="0",
        )

    def started(self, log: str) -> ChildProcess:
        command = [sys.executable, "-m", "deploy", "nightly", "--once"]
        return ChildProcess(command, log=self.folder / f"{log}.log", environment=self._environment).start()

    def killed_at(self, step: str) -> None:
        """The moment that the step has begun."""
        run = self.started(step)
        wait_until(lambda: f"{step} ..." in "\n".join(run.last_lines(50)) or not run.is_running, PATIENCE_S, step)
        assert run.is_running, run.last_lines()
        run.send_signal(signal.SIGKILL)
        assert run.wait(PATIENCE_S) == -signal.SIGKILL

    def again(self) -> int:
        """Learn once more from the same log, from its beginning and whatever comes of it; the version."""
        self._environment |= {"NEXTUP_NIGHTLY_RULE": "always", "NEXTUP_TRAINER_DATADIR": str(self.folder / "elsewhere")}
        code, told = self.ended("again")
        assert code == 0, told
        version: int = msgspec.json.decode(told)["version"]
        return version

    def ended(self, log: str) -> tuple[int, str]:
        """Exit code and last line."""
        run = self.started(log)
        return run.wait(PATIENCE_S), run.last_lines(1)[0]


@pytest.fixture
def night(kafka: KafkaConnection, server: TritonServer, tmp_path: Path) -> Night:
    write_log(
        kafka,
        *(
            bought(f"{user}-{week}", 7 * week + user / 50, f"colour {user % 9}", "milk", user=f"user {user}")
            for user in range(USERS)
            for week in range(WEEKS)
        ),
    )
    return Night(kafka, server, tmp_path)


@pytest.fixture
def standing(kafka: KafkaConnection, repository: ModelRepository, control: TritonControl) -> ModelVersion:
    """A version that serves, has learnt long ago and knows none of the shop's items."""
    made = candidate(repository, NAME, 1)
    metadata = msgspec.structs.replace(made.metadata, trained_to=at(1))
    return release(made._replace(metadata=metadata), repository, control, kafka, settings=SETTINGS)


def check_serves(
    standing: ModelVersion, kafka: KafkaConnection, repository: ModelRepository, control: TritonControl
) -> None:
    assert announced(kafka, NAME) == standing
    golden = repository.read_golden(NAME, standing.version)
    assert difference(golden.answers, control.ask(NAME, standing.version, golden.inputs)) == ""


def check_alike(one: ModelVersion, other: int, repository: ModelRepository) -> None:
    """The same log and seed: the same metrics, and answers that are the same to the last bit."""
    assert repository.read(NAME, other).metadata.metrics == one.metrics
    answers = (repository.read_golden(NAME, version).answers for version in (one.version, other))
    for found, expected in zip(*answers, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_run_that_is_killed_or_fails_at_any_step_changes_nothing_and_the_next_one_releases(
    night: Night,
    standing: ModelVersion,
    kafka: KafkaConnection,
    repository: ModelRepository,
    control: TritonControl,
    report: Report,
) -> None:
    for step in STEPS:
        night.killed_at(step)
        check_serves(standing, kafka, repository, control)
    obstacle = repository.path / NAME / f"{repository.next_version(NAME)}.tmp"
    obstacle.touch()
    code, told = night.ended("no room")
    assert (code, "models.repository need to be writable" in told) == (1, True), told
    check_serves(standing, kafka, repository, control)
    obstacle.unlink()
    code, told = night.ended("to the end")
    outcome = msgspec.json.decode(told)
    report("nightly run killed at each step, then run", killed_at=STEPS, version=outcome["version"])
    assert (code, outcome["released"]) == (0, True)
    after = announced(kafka, NAME)
    assert after is not None
    assert after.version == outcome["version"] > standing.version
    check_serves(after, kafka, repository, control)
    check_alike(after, night.again(), repository)
