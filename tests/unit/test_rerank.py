"""The second stage sees the best items beside each other, and learns from orders that were new to the first one."""

import keras
import numpy as np
import pytest
import tensorflow
from msgspec import structs

from serving.features import FIRST_ITEM, SEQUENCE_LENGTH, Float32s, ModelInputs
from tests import small_model
from tests.eagerly import without_graphs
from tests.shops import favourites, markov
from trainer.export import Graph, export
from trainer.holdout import hit_rate
from trainer.models.model import LossCurve
from trainer.next_purchase import rerank, rerank_fit, training
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.facts import FACTS, N_FACTS, Ledger
from trainer.next_purchase.habits import habits
from trainer.next_purchase.loss import Aim, ShortlistLoss
from trainer.next_purchase.network import FirstStage, NextPurchaseModel, Tables
from trainer.next_purchase.order_ranker import NextPurchaseRanker
from trainer.next_purchase.rerank import Evidence, Rerank, SecondStage, Shortlist
from trainer.next_purchase.rerank_fit import FEWEST_LISTS, LEARNT_FROM, Lists, Reranking, second_stage
from trainer.next_purchase.task import Manner, Task
from trainer.next_purchase.training import FIRST_STAGE, SECOND_STAGE, Learnt, learn, learn_again
from trainer.nightly.timings import Timings
from trainer.progress import Silent
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings

WIDTH = 8
SHOP = favourites(n_users=60, n_items=90, days=120).purchases
V = SHOP.vocabulary_size


def untaught(past: Purchases) -> FirstStage:
    """Ranks by popularity, and knows nothing of users."""
    keras.utils.set_random_seed(1)
    facts = Ledger(past, past.vocabulary_size).facts().tables[-1]
    tables = Tables(facts, np.ones(past.vocabulary_size, np.float32))
    return FirstStage(Architecture(past.vocabulary_size, embedding=WIDTH, state=WIDTH), tables)


def questions(rows: int = 6) -> ModelInputs:
    """Histories that fill half of what a model sees."""
    full = small_model.random_inputs(rows=6, n_items=10)
    is_line = np.arange(SEQUENCE_LENGTH) >= SEQUENCE_LENGTH // 2
    return {name: np.where(is_line, values[:rows], 0).astype(values.dtype) for name, values in full.items()}


def shortlist(
    model: NextPurchaseModel, evidence: Evidence, inputs: ModelInputs, facts: Float32s | None = None
) -> Shortlist:
    known = model.with_facts({name: keras.ops.convert_to_tensor(values) for name, values in inputs.items()})
    if facts is not None:
        known[FACTS] = keras.ops.convert_to_tensor(facts)
    logits, own = model.first.looked(known)
    return Shortlist(*map(np.asarray, evidence(logits, own, known, model.first.items.embeddings)))


def with_second_stage(past: Purchases, *, taught: bool) -> NextPurchaseModel:
    """One that has been taught changes logits by what comes to its mind."""
    first, evidence = untaught(past), Evidence(habits(past, WIDTH))
    n = shortlist(NextPurchaseModel(first), evidence, questions()).evidence.shape[-1]
    rerank = Rerank(np.zeros(n, np.float32), np.ones(n, np.float32))
    rerank({"logit": np.zeros((1, 1), np.float32), "evidence": np.zeros((1, 1, n), np.float32)})
    if taught:
        last = rerank.change.layers[-1]
        last.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in last.get_weights()])
    return NextPurchaseModel(first, SecondStage(evidence, rerank))


def listed(model: NextPurchaseModel, rows: int = 6, facts: Float32s | None = None) -> Shortlist:
    assert model.second is not None
    return shortlist(model, model.second.evidence, questions(rows), facts)


def answer(model: NextPurchaseModel) -> Float32s:
    return np.asarray(model.logits({name: keras.ops.convert_to_tensor(values) for name, values in questions().items()}))


def test_before_it_has_learnt_anything_it_changes_nothing() -> None:
    model = with_second_stage(SHOP, taught=False)
    np.testing.assert_array_equal(answer(model), answer(NextPurchaseModel(model.first)))


def test_it_changes_the_candidates_alone() -> None:
    model = with_second_stage(SHOP, taught=True)
    before, after = answer(NextPurchaseModel(model.first)), answer(model)
    candidates = listed(model).item
    is_candidate = np.zeros(before.shape, np.bool_)
    np.put_along_axis(is_candidate, candidates, True, axis=1)
    assert is_candidate.sum() < is_candidate.size
    np.testing.assert_array_equal(after[~is_candidate], before[~is_candidate])
    assert (after != before)[is_candidate].mean() > 0.9


def test_candidates_stand_in_the_order_of_the_first_stage_and_those_that_were_bought_are_told_apart() -> None:
    found, bought = listed(with_second_stage(SHOP, taught=False)), questions()["item_index"]
    assert (np.diff(found.logit, axis=1) <= 0).all()
    is_own = (found.item[:, :, None] == bought[:, None, :]).any(axis=2)
    assert is_own.any()
    assert not is_own.all()
    columns = [n for n in range(found.evidence.shape[-1]) if np.array_equal(found.evidence[..., n], is_own)]
    assert columns


def test_a_user_s_evidence_does_not_depend_on_whose_else_is_asked_for() -> None:
    model = with_second_stage(SHOP, taught=False)
    together, alone = listed(model), listed(model, rows=1)
    np.testing.assert_array_equal(together.item[:1], alone.item)
    np.testing.assert_allclose(together.evidence[:1], alone.evidence, rtol=1e-4, atol=1e-5)


def test_facts_of_each_user_s_day_are_taken_from_that_day() -> None:
    model = with_second_stage(SHOP, taught=False)
    days = np.random.default_rng(1).normal(size=(2, V, N_FACTS)).astype(np.float32)
    found = listed(model, rows=2, facts=days)
    np.testing.assert_array_equal(found.evidence[..., -N_FACTS:], days[np.arange(2)[:, None], found.item])


def test_the_graph_answers_as_both_stages_do_where_there_are_fewer_items_than_candidates() -> None:
    few = favourites(n_users=20, n_items=20, days=60).purchases
    model = with_second_stage(few, taught=True)
    golden = small_model.random_inputs(rows=5, n_items=20)
    made = export(model, golden, small_model.K)  # raises where they differ
    alone = export(NextPurchaseModel(model.first), golden, small_model.K)
    ranked, unranked = (Graph(graph.onnx).answers(golden).item_index for graph in (made, alone))
    assert not np.array_equal(ranked, unranked)
    assert (ranked >= FIRST_ITEM).all()


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerank_fit, "FEWEST_LISTS", 100)


def parted(purchases: Purchases) -> tuple[Purchases, Examples]:
    """Four fifths to learn from, and the orders after it."""
    position = int(purchases.order_starts[len(purchases.order_starts) * 4 // 5])
    examples = order_examples(purchases)
    return purchases.before(position), examples.rows(examples.moments.before >= position)


def learnt_of(model: NextPurchaseModel, past: Purchases, reranking: Reranking | None = None) -> Learnt:
    facts = Ledger(past, past.vocabulary_size).facts()
    return Learnt(model, facts, Manner(1), LossCurve(()), past, reranking)


def lists_of(model: NextPurchaseModel) -> Lists:
    """As if of each the best item had been bought."""
    found = listed(model)
    bought = np.zeros(found.logit.shape, np.float32)
    bought[:, 0] = 1
    return Lists(found.logit, found.evidence, bought)


def reranking_of(model: NextPurchaseModel) -> Reranking:
    assert model.second is not None
    return Reranking(model.second, lists_of(model))


@pytest.mark.usefixtures("few_are_enough")
def test_each_block_is_listed_by_the_two_first_stages_that_end_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = order_examples(SHOP)
    learnt_from: list[int] = []
    listed: list[tuple[int, int]] = []

    def first_stage(past: Purchases) -> FirstStage:
        learnt_from.append(len(past))
        return untaught(past)

    def lists_for(asked: Examples) -> Lists:
        assert asked.moments.before.min() >= learnt_from[-1]
        listed.append((learnt_from[-1], int(asked.moments.before[0])))
        return one

    one = lists_of(with_second_stage(SHOP, taught=False))
    monkeypatch.setattr(rerank_fit, "_list_maker", lambda *_: lists_for)
    second_stage(SHOP, examples, first_stage, WIDTH, Aim.ANY, seed=1)
    begins = [int(examples.moments.before[int(share * len(examples))]) for share in LEARNT_FROM]
    assert learnt_from == begins
    assert listed == [(begin, block) for n, begin in enumerate(begins) for block in begins[n : n + 2]]


@pytest.mark.usefixtures("few_are_enough")
def test_it_learns_what_the_first_stage_does_not_know() -> None:
    past, later = parted(SHOP)
    first = untaught(past)
    reranking = second_stage(past, order_examples(past), untaught, WIDTH, Aim.ANY, seed=1)
    assert reranking is not None

    def hits(model: NextPurchaseModel) -> float:
        scores = NextPurchaseRanker(learnt_of(model, past)).scores(later.moments)[:, FIRST_ITEM:]
        return hit_rate(np.argsort(-scores, axis=1)[:, :5].astype(np.int32) + FIRST_ITEM, later.targets)

    assert hits(NextPurchaseModel(first, reranking.stage)) > hits(NextPurchaseModel(first)) + 0.2


@pytest.mark.usefixtures("few_are_enough")
def test_where_no_list_holds_what_was_bought_nothing_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerank, "MOST_CANDIDATES", 1)
    never_again = markov(n_users=100, n_items=3_000, n_lines=9).purchases
    assert second_stage(never_again, order_examples(never_again), untaught, WIDTH, Aim.ANY, seed=1) is None


def test_of_few_orders_nothing_is_learnt() -> None:
    few = order_examples(SHOP).rows(slice(0, FEWEST_LISTS))
    assert second_stage(SHOP, few, untaught, WIDTH, Aim.ANY, seed=1) is None


def test_each_first_stage_learns_from_at_most_so_many_of_the_newest_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    most, learnt_from = 60, []

    def fit(task: Task, examples: Examples, *_: object) -> tuple[FirstStage, LossCurve]:
        learnt_from.append(examples)
        return untaught(task.known), LossCurve(())

    monkeypatch.setattr(Task, "fit", fit)
    monkeypatch.setattr(rerank_fit, "FEWEST_LISTS", 10)
    monkeypatch.setattr(rerank_fit, "EPOCHS", 1)
    settings = TrainerSettings(epochs=1, most_epochs=1, embedding=WIDTH, most_orders=most)
    learn(SHOP, settings, Silent())
    assert [len(examples) for examples in learnt_from] == [most] * (1 + len(LEARNT_FROM))
    newest = int(order_examples(SHOP).moments.before[-most])
    assert int(learnt_from[0].moments.before[0]) == newest


def test_a_training_has_both_stages_unless_it_is_told_not_to_and_tells_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    reranking = reranking_of(with_second_stage(SHOP, taught=False))
    monkeypatch.setattr(training, "second_stage", lambda *_: reranking)
    settings = TrainerSettings(epochs=1, most_epochs=1, batch_size=512, embedding=WIDTH, state=WIDTH)
    steps = Timings(Silent(), {})
    with without_graphs():
        both, one = (learn(SHOP, each, steps) for each in (settings, structs.replace(settings, rerank=False)))
    assert both.model.second is reranking.stage
    assert both.reranking is reranking
    assert one.model.second is None
    assert one.reranking is None
    assert [step.step for step in steps.done] == [FIRST_STAGE, SECOND_STAGE, FIRST_STAGE]


def test_from_a_longer_past_it_learns_from_lists_for_the_new_orders_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    past, later = parted(SHOP)
    model = with_second_stage(past, taught=False)
    listed_before = reranking_of(model)
    steps, fitted = Timings(Silent(), {}), []

    def fit(task: Task, examples: Examples, *_: object) -> tuple[FirstStage, LossCurve]:
        fitted.append(len(examples))
        return untaught(task.known), LossCurve(())

    monkeypatch.setattr(Task, "fit", fit)
    monkeypatch.setattr(rerank_fit, "EPOCHS", 1)
    again = learn_again(SHOP, TrainerSettings(embedding=WIDTH), steps, learnt_of(model, past, listed_before))
    assert fitted == [len(order_examples(SHOP))]
    assert [step.step for step in steps.done] == [FIRST_STAGE, SECOND_STAGE]
    assert again.reranking is not None
    assert again.model.second is again.reranking.stage
    n_before = len(listed_before.lists.logit)
    np.testing.assert_array_equal(again.reranking.lists.evidence[:n_before], listed_before.lists.evidence)
    assert 0 < len(again.reranking.lists.logit) - n_before <= len(later)
    of_the_longer_past = Evidence(habits(SHOP, WIDTH))
    found = again.reranking.stage.evidence
    np.testing.assert_array_equal(found.habits.numpy(), of_the_longer_past.habits.numpy())


def test_from_a_longer_past_it_learns_nothing_where_it_had_nothing_to_learn_before() -> None:
    past, _ = parted(SHOP)
    before = learnt_of(NextPurchaseModel(untaught(past)), past)
    settings = TrainerSettings(batch_size=512, embedding=WIDTH, state=WIDTH)
    with without_graphs():
        again = learn_again(SHOP, settings, Silent(), before)
    assert again.model.second is None
    assert again.reranking is None
    assert again.model.architecture.vocabulary_size == SHOP.vocabulary_size


@pytest.mark.parametrize("aim", Aim)
def test_a_list_may_try_five_times_where_any_item_will_do(aim: Aim) -> None:
    few, many = [2], [0, 1, 2]
    logits = np.array([1.0, 2.0, 0.5, -40.0])
    p = np.exp(logits) / np.exp(logits).sum()
    any_of = np.array([p[order].sum() for order in (few, many)])
    of_each = np.array([-np.log(p[order]).sum() for order in (few, many)])
    expected = {
        Aim.ANY: -np.log(1 - (1 - any_of) ** 5) + 0.3 * of_each / [1, 3],
        Aim.MANY: -np.log(any_of) + 3 * of_each / 2,
    }
    bought = np.array([[item in order for item in range(4)] for order in (few, many)], np.float32)
    found = ShortlistLoss(aim)(bought, np.stack([logits, logits]).astype(np.float32))
    assert float(found) == pytest.approx(expected[aim].mean(), rel=1e-5)


def test_a_list_that_is_sure_to_miss_still_teaches() -> None:
    logits = keras.Variable([[0.0, -40.0]])
    with tensorflow.GradientTape() as tape:
        loss = ShortlistLoss(Aim.ANY)(np.array([[0.0, 1.0]], np.float32), logits)
    slope = np.asarray(tape.gradient(loss, logits.value))
    assert np.isfinite(float(loss))
    assert slope[0, 1] < -1
