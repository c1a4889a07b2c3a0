"""Training and release against a real broker and a real Triton server."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from serving.errors import ModelUnavailable
from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import TritonControl
from streams.contract import messages
from streams.contract.connection import KafkaConnection
from streams.contract.errors import TopicMismatch
from tests.integration.trainers import Steps, Trainer, candidate, write_log
from tests.unit.test_trainer_history import bought, returned
from trainer.announcement import announce, announced
from trainer.errors import NotEnoughData, ReleaseRefused
from trainer.nightly.run import Systems
from trainer.progress import Silent
from trainer.purchase_history import read
from trainer.release import release
from trainer.settings import TrainerSettings

SETTINGS = TrainerSettings(epochs=1, most_epochs=1, min_events=10)


def test_the_log_is_read_without_what_was_repeated_replaced_or_removed(kafka: KafkaConnection) -> None:
    kept, gone = bought("1", 0, "a", "b"), bought("2", 1, "c")
    write_log(kafka, kept, gone, kept, returned("3", 2, "a", 1), messages.log_key("u", "2"))
    history = read(kafka, Silent())
    assert [history.vocabulary.item_id(index) for index in history.purchases.item] == ["b"]
    assert history.n_events == 2


def test_a_second_release_is_loaded_beside_the_first_and_a_third_replaces_the_first(
    kafka: KafkaConnection, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    for shift in (1, 2, 3):
        version = release(candidate(repository, name, shift), repository, control, kafka)
        assert version.version == shift
        held = [number for number in (1, 2, 3) if control.is_ready(name, number)]
        assert held == [number for number in (shift - 1, shift) if number]
        assert repository.pinned(name) == tuple(held)
    assert announced(kafka, name) == version


def test_a_version_that_answers_otherwise_than_in_training_is_taken_out_and_never_announced(
    kafka: KafkaConnection, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    first = release(candidate(repository, name, 1), repository, control, kafka)
    wrong = candidate(repository, name, 2)._replace(golden=candidate(repository, name, 3).golden)
    with pytest.raises(ReleaseRefused, match="version 2 was not announced: row 0"):
        release(wrong, repository, control, kafka)
    assert announced(kafka, name) == first
    assert [number for number in (1, 2) if control.is_ready(name, number)] == [1]
    third = release(candidate(repository, name, 4), repository, control, kafka)
    assert third.version == 3


def test_a_version_that_cannot_be_loaded_leaves_the_one_before_in_its_place(
    kafka: KafkaConnection, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    first = release(candidate(repository, name, 1), repository, control, kafka)
    with pytest.raises(ReleaseRefused, match="version 2 was not announced: loading"):
        release(candidate(repository, name, 2)._replace(onnx=b"no graph"), repository, control, kafka)
    assert announced(kafka, name) == first
    golden = repository.read_golden(name, 1)
    assert control.ask(name, 1, golden.inputs).fault(len(golden.answers.score)) == ""
    assert repository.pinned(name) == (1,)


def test_metrics_that_are_no_numbers_stop_a_release_before_anything_is_written(
    kafka: KafkaConnection, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    unmeasured = candidate(repository, name, 1, metrics={"hit_rate_at_5": float("nan")})
    with pytest.raises(ReleaseRefused, match="hit_rate_at_5"):
        release(unmeasured, repository, control, kafka)
    assert repository.versions(name) == []
    assert announced(kafka, name) is None


def test_a_number_that_workers_have_seen_does_not_come_back_when_the_repository_is_lost(
    kafka: KafkaConnection, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    seen = msgspec.structs.replace(candidate(repository, name, 1).metadata, version=41)
    announce(kafka, seen, "long ago")
    assert release(candidate(repository, name, 2), repository, control, kafka).version == 42
    assert repository.pinned(name) == (42,)


def test_a_log_with_too_few_events_says_how_many_are_needed(kafka: KafkaConnection, trainer: Trainer) -> None:
    write_log(kafka, bought("1", 0, "a"), bought("2", 1, "b"))
    with pytest.raises(NotEnoughData, match=r"2 events; at least 10 .*trainer\.min_events"):
        trainer.release(Silent())


def test_a_log_without_returning_customers_is_not_enough(kafka: KafkaConnection, trainer: Trainer) -> None:
    write_log(kafka, *(bought(str(n), n, "a", user=f"user {n}") for n in range(20)))
    with pytest.raises(NotEnoughData, match="returning customers"):
        trainer.release(Silent())


def test_a_training_without_triton_stops_before_it_begins(
    trainer: Trainer,
) -> None:
    trainer.systems = trainer.systems._replace(triton=TritonSettings("127.0.0.1:1"))
    steps = Steps()
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:1 "):
        trainer.release(steps)
    assert steps.names == ["looking for Triton"]


def test_a_training_without_topics_says_how_to_make_them(
    bare_kafka: KafkaConnection, settings: TritonSettings, repository: ModelRepository, name: str, tmp_path: Path
) -> None:
    without_topics = Trainer(
        Systems(bare_kafka, settings, repository, name), TrainerSettings(datadir=str(tmp_path / "trainer"))
    )
    with pytest.raises(TopicMismatch, match="nextup topics"):
        without_topics.release(Silent())


def test_a_foreign_record_on_the_topic_is_no_announcement(
    kafka: KafkaConnection, repository: ModelRepository, name: str
) -> None:
    metadata = msgspec.structs.replace(candidate(repository, name, 1).metadata, version=1)
    version = announce(kafka, metadata, "first")
    producer = Producer(kafka.for_confluent())
    producer.produce(f"{kafka.topic_prefix}model-versions", key=name.encode(), value=b"not one of ours")
    producer.flush(10)
    assert announced(kafka, name) == version
    assert version.since <= datetime.now(UTC)
