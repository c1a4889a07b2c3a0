"""The model on a shop whose rule is plain: after tea comes milk, and everyone buys their own colour again."""

import math

import keras
import numpy as np
import pytest
import tensorflow

from serving.candidates import NO_REASON, Candidates, difference
from serving.features import FIRST_ITEM, INPUT_TYPES, PADDING, SEQUENCE_LENGTH, ModelInputs
from tests.unit.test_trainer_history import bought, history_of
from trainer import faithfulness
from trainer.errors import ExportMismatch
from trainer.export import Exported, check, export, run_onnx
from trainer.golden import N_HISTORIES, golden_inputs
from trainer.holdout import Split, measure, split_by_time
from trainer.models.model import Grain
from trainer.next_purchase import task
from trainer.next_purchase.examples import Examples, inputs_of, visible_lines
from trainer.next_purchase.loss import Aim, OrderLoss
from trainer.next_purchase.order_ranker import NextPurchaseRanker
from trainer.next_purchase.task import Manner
from trainer.next_purchase.tensors import Tensor
from trainer.next_purchase.training import Learnt, learn
from trainer.progress import Silent
from trainer.settings import TrainerSettings

K = 4
COLOURS = ("red", "green", "blue", "black", "white", "pink")
SETTINGS = TrainerSettings(batch_size=16, learning_rate=0.01)
EPOCHS = 5


@pytest.fixture(scope="module")
def split() -> Split:
    orders = [
        bought(f"{user}-{n}", n * 7 + user / 60, colour, "tea" if n % 2 else "milk", user=f"{user:02}")
        for user, colour in enumerate(COLOURS * 10)
        for n in range(6)
    ]
    return split_by_time(history_of(*orders).purchases, holdout_days=5)


@pytest.fixture(scope="module")
def learnt(split: Split) -> Learnt:
    return learn(split.past, SETTINGS, Silent(), Manner(EPOCHS))


@pytest.fixture(scope="module")
def exported(learnt: Learnt, split: Split) -> Exported:
    return export(learnt.model, golden_inputs(split.past.vocabulary_size), K)


@pytest.fixture(scope="module")
def inputs(split: Split) -> ModelInputs:
    return inputs_of_examples(split.held_out)


def inputs_of_examples(examples: Examples) -> ModelInputs:
    purchases = examples.moments.purchases
    return inputs_of(visible_lines(purchases), examples.moments, purchases.vocabulary_size)


def test_it_learns_what_comes_next_and_beats_popularity(learnt: Learnt, split: Split) -> None:
    metrics = measure(NextPurchaseRanker(learnt), split)
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["ndcg_at_10"] > metrics["popularity_ndcg_at_10"]
    best = np.argsort(-NextPurchaseRanker(learnt).scores(split.held_out.moments), axis=1)[:, :2]
    found = [set(top) == set(wanted[:2]) for top, wanted in zip(best, split.held_out.targets, strict=True)]
    assert np.mean(found) > 0.9


def test_what_is_kept_is_not_the_last_step_alone(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    averaged = learn(split.past, SETTINGS, Silent(), Manner(1)).model.first
    monkeypatch.setattr(task, "AVERAGED", 0.0)
    last = learn(split.past, SETTINGS, Silent(), Manner(1)).model.first
    weights = zip(averaged.trainable_variables, last.trainable_variables, strict=True)
    assert max(np.abs(kept - stepped).max() for kept, stepped in weights) > 1e-4


def test_another_aim_learns_something_else(split: Split) -> None:
    one, other = (learn(split.past, SETTINGS, Silent(), Manner(1, aim)).model.first for aim in Aim)
    weights = zip(one.trainable_variables, other.trainable_variables, strict=True)
    assert max(np.abs(of_any - of_many).max() for of_any, of_many in weights) > 1e-3


def test_the_same_seed_learns_the_same(learnt: Learnt, split: Split) -> None:
    again = learn(split.past, SETTINGS, Silent(), Manner(EPOCHS))
    one, other = (NextPurchaseRanker(each).scores(split.held_out.moments) for each in (learnt, again))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_the_exported_graph_answers_as_the_model(exported: Exported) -> None:
    answer = run_onnx(exported.onnx, exported.golden.inputs)
    assert answer.fault(len(answer.item_index)) == ""
    assert difference(exported.golden.answers, answer) == ""
    np.testing.assert_array_equal(answer.because, exported.golden.answers.because)


def test_a_graph_that_answers_otherwise_is_refused(exported: Exported) -> None:
    score = exported.golden.answers.score[:, ::-1]
    with pytest.raises(ExportMismatch, match="row 0, rank 1"):
        check(exported.onnx, exported.golden._replace(answers=exported.golden.answers._replace(score=score)))


class SureOfShortHistories:
    """The fewer columns it is given, the likelier all items are to it."""

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        rows, columns = tensorflow.unstack(tensorflow.shape(inputs["item_index"]))
        score = tensorflow.ones((rows, k)) / tensorflow.cast(columns, "float32")
        item = tensorflow.ones((rows, 1), tensorflow.int32) * tensorflow.range(FIRST_ITEM, FIRST_ITEM + k)
        return {"candidate": item, "score": score, "because": tensorflow.fill((rows, k), NO_REASON)}


def test_a_graph_that_answers_otherwise_when_a_row_is_asked_alone_is_refused(split: Split) -> None:
    with pytest.raises(ExportMismatch, match="score"):
        export(SureOfShortHistories(), golden_inputs(split.past.vocabulary_size), k=5)


def test_candidates_are_items_best_first_with_probabilities(exported: Exported, inputs: ModelInputs) -> None:
    answer = run_onnx(exported.onnx, inputs)
    assert (answer.item_index >= FIRST_ITEM).all()
    assert (np.diff(answer.score, axis=1) <= 0).all()
    assert (answer.score > 0).all()
    assert (answer.score.sum(axis=1) <= 1 + 1e-5).all()


def test_the_reason_for_an_item_bought_before_is_a_line_that_bought_it(exported: Exported, inputs: ModelInputs) -> None:
    answer = run_onnx(exported.onnx, inputs)
    for row in range(len(answer.item_index)):
        for candidate, reason in zip(answer.item_index[row], answer.because[row], strict=True):
            assert inputs["item_index"][row, reason] >= FIRST_ITEM
            if candidate in inputs["item_index"][row]:
                assert inputs["item_index"][row, reason] == candidate


def test_reasons_are_faithful_where_an_item_is_bought_again(learnt: Learnt, inputs: ModelInputs) -> None:
    reasons = faithfulness.of_model(learnt.model, inputs, top=2)
    assert reasons["own"].named_costs_more > 0.9
    assert reasons["own"].named_drop > 1 > reasons["own"].other_drop


def test_numbers_outside_the_tables_and_empty_histories_harm_no_other_row(
    exported: Exported, inputs: ModelInputs
) -> None:
    together, alone = {}, {}
    for name, dtype in INPUT_TYPES.items():
        alone[name] = inputs[name][:1]
        wild = np.tile([-1, 2**31 - 1], (1, SEQUENCE_LENGTH // 2)).astype(dtype)
        together[name] = np.concatenate([wild, alone[name], np.zeros((1, SEQUENCE_LENGTH), dtype)])
    found, expected = run_onnx(exported.onnx, together), run_onnx(exported.onnx, alone)
    assert found.fault(3) == ""
    assert difference(expected, Candidates(found.item_index[1:2], found.score[1:2], found.because[1:2])) == ""
    assert (found.because[[0, 2]] == -1).all()


def test_an_answer_does_not_depend_on_how_long_the_other_histories_are(exported: Exported, inputs: ModelInputs) -> None:
    long = {name: np.ones((1, SEQUENCE_LENGTH), dtype) for name, dtype in INPUT_TYPES.items()}
    shortest = np.count_nonzero(inputs["item_index"], axis=1).argmin()
    alone = {name: values[shortest : shortest + 1] for name, values in inputs.items()}
    assert (alone["item_index"][0] == PADDING).any()
    together = {name: np.concatenate([values, long[name]]) for name, values in alone.items()}
    found = run_onnx(exported.onnx, together)
    first = Candidates(found.item_index[:1], found.score[:1], found.because[:1])
    assert difference(run_onnx(exported.onnx, alone), first) == ""


def test_padding_counts_nowhere_in_the_loss() -> None:
    logits = keras.ops.convert_to_tensor([[-1e9, -1e9, 1.0, 2.0, 0.5]])
    one = OrderLoss()(keras.ops.convert_to_tensor([[3, 0]]), logits)
    same = OrderLoss()(keras.ops.convert_to_tensor([[3, 0, 0, 0, 0]]), logits)
    assert float(one) == pytest.approx(float(same))
    probability = math.exp(2) / (math.exp(1) + math.exp(2) + math.exp(0.5))
    assert float(one) == pytest.approx(-1.3 * math.log(probability), rel=1e-5)


@pytest.mark.parametrize("aim", Aim)
def test_the_loss_asks_for_any_item_of_an_order_and_for_each(aim: Aim) -> None:
    small, large = [3], [2, 3, 4]
    logits = np.array([1.0, 2.0, 0.5])
    log_p = dict(zip(large, logits - math.log(np.exp(logits).sum()), strict=True))
    of_any = [-math.log(sum(math.exp(log_p[item]) for item in order)) for order in (small, large)]
    of_each = [-sum(log_p[item] for item in order) for order in (small, large)]
    expected = {
        Aim.ANY: np.add(of_any, 0.3 * np.divide(of_each, [1, 3])),
        Aim.MANY: np.add(of_any, 3 * np.divide(of_each, 2)),
    }
    targets = keras.ops.convert_to_tensor([[*small, 0, 0], large])
    of_all = keras.ops.convert_to_tensor([[-1e9, -1e9, *logits]] * 2)
    assert float(OrderLoss(aim)(targets, of_all)) == pytest.approx(expected[aim].mean(), rel=1e-5)


def test_a_shop_with_few_items_answers_with_all_of_them(learnt: Learnt, split: Split, inputs: ModelInputs) -> None:
    n_items = split.past.n_items
    answer = run_onnx(export(learnt.model, golden_inputs(split.past.vocabulary_size), n_items).onnx, inputs)
    assert {len(set(row)) for row in answer.item_index.tolist()} == {n_items}


def test_golden_inputs_are_made_up_and_odd_ones_are_among_them(split: Split) -> None:
    inputs = golden_inputs(split.past.vocabulary_size)
    assert {len(array) for array in inputs.values()} == {N_HISTORIES + 2}
    lengths = (inputs["orders_ago"][:N_HISTORIES] > 0).sum(axis=1)
    assert lengths[0] == 1
    assert lengths[-1] > SEQUENCE_LENGTH // 2
    assert inputs["item_index"][:N_HISTORIES].max() < split.past.vocabulary_size
    again = golden_inputs(split.past.vocabulary_size)
    assert all((again[name] == inputs[name]).all() for name in inputs)


def test_golden_inputs_of_lines_hold_open_orders() -> None:
    inputs = golden_inputs(50, Grain.LINE)
    is_open = (inputs["orders_ago"] == 0) & (inputs["item_index"] > 0)
    assert is_open[:N_HISTORIES].any(axis=1).sum() == N_HISTORIES // 2
