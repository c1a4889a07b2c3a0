"""Night after night on one log: what is better is released, and what is not leaves the version that serves alone."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Event, ModelVersion
from tests.integration.trainers import Steps, Trainer, candidate, write_log
from tests.unit.test_trainer_history import at, bought
from trainer.announcement import announced
from trainer.errors import DataFolderUnusable
from trainer.nightly.run import LEARNING, READING
from trainer.progress import Silent
from trainer.release import release

COLOURS = [f"colour {number}" for number in range(9)]
USERS, WEEKS = 45, 8


def a_shop() -> list[Event]:
    """Everybody buys their own colour every week."""
    return [
        bought(f"{user}-{week}", 7 * week + user / 50, COLOURS[user % 9], f"new in week {week}", user=f"user {user}")
        for user in range(USERS)
        for week in range(WEEKS)
    ]


def a_worse_version(
    kafka: KafkaConnection, repository: ModelRepository, control: TritonControl, name: str
) -> ModelVersion:
    """One that knows other items alone, and learnt long ago."""
    made = candidate(repository, name, 1)
    metadata = msgspec.structs.replace(made.metadata, trained_to=at(1))
    return release(made._replace(metadata=metadata), repository, control, kafka)


def test_the_first_version_is_released_and_the_same_log_again_keeps_it(
    kafka: KafkaConnection, trainer: Trainer, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    write_log(kafka, *a_shop())
    steps = Steps()
    first = trainer.run(steps)
    assert first.version is not None
    assert (first.decision.released, first.decision.reason) == (True, "the first version")
    assert steps.names[-1] == "releasing"
    assert steps.parts >= steps.totals > 0
    _check_released(first.version, repository, control, name)
    _check_kept(kafka, trainer, first.version)


def _check_released(version: ModelVersion, repository: ModelRepository, control: TritonControl, name: str) -> None:
    assert (version.version, version.n_events, version.trained_from) == (1, USERS * WEEKS, at(0))
    released = repository.read(name, 1)
    assert released.metadata.metrics == version.metrics
    assert released.metadata.decision == msgspec.to_builtins(version.decision)
    golden = repository.read_golden(name, 1)
    assert np.array_equal(control.ask(name, 1, golden.inputs).item_index, golden.answers.item_index)


def _check_kept(kafka: KafkaConnection, trainer: Trainer, first: ModelVersion) -> None:
    """Nothing has come since, so nothing is read, nothing is learnt, and the decision is told."""
    steps = Steps()
    again = trainer.run(steps)
    assert again.version is None
    assert "0 orders of returning customers that version 1 has not seen are too few" in again.decision.reason
    assert LEARNING not in steps.names
    assert {step.step: step.parts for step in again.timings}[READING] == 0
    assert announced(kafka, first.name) == msgspec.structs.replace(first, decision=again.decision)


def test_a_better_version_is_released_with_the_figures_that_say_so(
    kafka: KafkaConnection, trainer: Trainer, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    worse = a_worse_version(kafka, repository, control, name)
    write_log(kafka, *a_shop())
    outcome = trainer.run(Silent(), min_orders=20, rule="clearly-better")
    assert outcome.version is not None
    assert outcome.version.version == worse.version + 1
    assert outcome.decision.reason.startswith("clearly better: hit_rate_at_5 ")
    figures = outcome.decision.figures
    assert figures["candidate_hit_rate_at_5"] > figures["serving_hit_rate_at_5"] == 0
    assert announced(kafka, name) == outcome.version
    assert outcome.version.decision == outcome.decision
    assert msgspec.convert(repository.read(name, 2).metadata.decision, type(outcome.decision)) == outcome.decision


def test_what_is_not_better_by_the_margin_is_not_released_and_the_old_one_answers_on(
    kafka: KafkaConnection, trainer: Trainer, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    worse = a_worse_version(kafka, repository, control, name)
    write_log(kafka, *a_shop())
    outcome = trainer.run(Silent(), min_orders=20, margin=1.0)
    assert outcome.version is None
    assert outcome.decision.reason.startswith("not better by more than 1: hit_rate_at_5 ")
    standing = announced(kafka, name)
    assert standing == msgspec.structs.replace(worse, decision=outcome.decision)
    golden = repository.read_golden(name, 1)
    assert control.ask(name, 1, golden.inputs).fault(len(golden.answers.score)) == ""
    assert repository.versions(name) == [1]


def test_a_run_that_fails_on_the_way_leaves_the_serving_version_as_it_is(
    kafka: KafkaConnection,
    trainer: Trainer,
    repository: ModelRepository,
    control: TritonControl,
    name: str,
    tmp_path: Path,
) -> None:
    worse = a_worse_version(kafka, repository, control, name)
    write_log(kafka, *a_shop())
    (tmp_path / "full").touch()
    trainer.learning = msgspec.structs.replace(trainer.learning, datadir=str(tmp_path / "full" / "trainer"))
    with pytest.raises(DataFolderUnusable, match=r"trainer\.datadir"):
        trainer.run(Silent())
    assert announced(kafka, name) == worse
    assert control.is_ready(name, worse.version)
