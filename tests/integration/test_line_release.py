"""A shop whose orders are single lines: the version that is released answers the next line, as the worker asks it."""

from serving.candidates import difference
from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Purchase
from streams.histories import history, questions
from streams.histories.history import History
from streams.worker.settings import WorkerSettings
from tests.integration.trainers import Trainer, write_log
from tests.unit.test_trainer_history import bought
from trainer.progress import Silent

ITEMS, USERS, VISITS = 9, 40, 8


def walk(user: int) -> list[Purchase]:
    """One item a week, and after each the one that comes next in the round."""
    return [
        bought(f"{user}-{visit}", 7 * visit + user / USERS, f"item {(user + visit) % ITEMS}", user=f"user {user}")
        for visit in range(VISITS)
    ]


def kept_by_the_worker(events: list[Purchase]) -> History:
    kept = History()
    for offset, event in enumerate(events):
        kept = history.apply(kept, event, offset, WorkerSettings().history_lines).history
    return kept


def test_a_version_of_the_next_line_is_released_and_knows_what_follows(
    kafka: KafkaConnection, trainer: Trainer, repository: ModelRepository, control: TritonControl, name: str
) -> None:
    write_log(kafka, *(event for user in range(USERS) for event in walk(user)))
    version = trainer.release(Silent())
    released, golden = repository.read(name, version.version), repository.read_golden(name, version.version)
    assert released.metadata.grain == "line"
    assert difference(golden.answers, control.ask(name, version.version, golden.inputs)) == ""
    inputs = questions.inputs_of([kept_by_the_worker(walk(user)) for user in range(ITEMS)], released.vocabulary)
    answers = control.ask(name, version.version, inputs)
    assert answers.fault(ITEMS) == ""
    best = [released.vocabulary.item_id(index) for index in answers.item_index[:, 0]]
    assert best == [f"item {(user + VISITS) % ITEMS}" for user in range(ITEMS)]
    first_line = inputs["item_index"].shape[1] - VISITS
    assert (answers.because[:, 0] >= first_line).all()
