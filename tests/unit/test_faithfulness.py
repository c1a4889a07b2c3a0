import numpy as np
import pytest

from serving.candidates import NO_REASON, Candidates
from serving.features import INPUT_TYPES, SEQUENCE_LENGTH, Float32s, ModelInputs
from trainer.faithfulness import measure, without_item

V = 8


def history(*items: int) -> ModelInputs:
    inputs = {name: np.zeros((1, SEQUENCE_LENGTH), dtype) for name, dtype in INPUT_TYPES.items()}
    inputs["item_index"][0, -len(items) :] = items
    inputs["quantity"][0, -len(items) :] = 1
    return inputs


def log_probabilities(inputs: ModelInputs) -> Float32s:
    """Item 6 lives on item 3, each item on itself; nothing else matters."""
    counts = np.stack([np.bincount(row, minlength=V) for row in inputs["item_index"]]).astype(np.float32)
    counts[:, 6] += 2 * counts[:, 3]
    logits = counts[:, :V]
    logits[:, 0] = 0
    found: Float32s = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


def answer(candidate: int, position: int) -> Candidates:
    return Candidates(np.array([[candidate]], np.int32), np.ones((1, 1), np.float32), np.array([[position]], np.int32))


@pytest.mark.parametrize(("candidate", "kind"), [(6, "new"), (3, "own")])
def test_a_true_reason_costs_more_than_another_item(candidate: int, kind: str) -> None:
    inputs = history(2, 3, 4)
    (found,) = measure(log_probabilities, inputs, answer(candidate, SEQUENCE_LENGTH - 2), top=1).items()
    assert found[0] == kind
    assert found[1].n == 1
    assert found[1].named_costs_more == 1
    assert found[1].named_drop > 0.3 > found[1].other_drop


def test_a_false_reason_is_found_out() -> None:
    found = measure(log_probabilities, history(3, 4), answer(6, SEQUENCE_LENGTH - 1), top=1)["new"]
    assert found.named_costs_more == 0
    assert found.other_drop > found.named_drop


@pytest.mark.parametrize("because", [NO_REASON, SEQUENCE_LENGTH - 1])
def test_who_gives_no_reason_or_had_no_choice_is_not_judged(because: int) -> None:
    assert measure(log_probabilities, history(3), answer(6, because), top=1) == {}


def test_without_an_item_all_of_its_lines_are_padding() -> None:
    found = without_item(history(2, 3, 2), np.array([2], np.int32))
    assert found["item_index"][0, -3:].tolist() == [0, 3, 0]
    assert found["quantity"].sum() == 1
