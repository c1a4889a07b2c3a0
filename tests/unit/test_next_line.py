"""The champion at line grain: what it looks at, what it learns, and that it is asked as it has learnt."""

from dataclasses import replace

import numpy as np
import pytest

from serving.candidates import NO_REASON
from serving.features import FIRST_ITEM, INPUT_TYPES, PADDING, Int64s
from tests.eagerly import without_graphs
from tests.shops import DAY, START, markov, without_times
from trainer.export import export
from trainer.models.model import Grain
from trainer.models.next_purchase import NextPurchase
from trainer.next_purchase.examples import inputs_of, visible_lines
from trainer.next_purchase.line_examples import line_examples
from trainer.next_purchase.line_ranker import LineRanker
from trainer.next_purchase.line_settings import InStream, LineTraining
from trainer.next_purchase.runs import Run
from trainer.numbering import MICROSECONDS, Ids, SourceLines, numbered
from trainer.progress import Silent
from trainer.purchases import Float32s, Moments, Purchases

SMALL = LineTraining(embedding=16, state=16, epochs=1, min_steps=1)


def shop_of_lists(n_orders: int = 400, n_items: int = 80, listed: float = 0.5) -> Purchases:
    """So many of the orders hold twenty items in the order of their ids, the others ten in any order. Every order is
    another user's, one a day."""
    random = np.random.default_rng(5)
    items = []
    for _ in range(n_orders):
        chosen = random.choice(n_items, 20, replace=False)
        items.append(np.sort(chosen) if random.random() < listed else chosen[:10])
    return purchases_of(items)


def purchases_of(items: list[Int64s], user: Int64s | None = None, day: Int64s | None = None) -> Purchases:
    """Orders of these items, each of a user of its own unless told."""
    number = np.repeat(np.arange(len(items)), [len(order) for order in items])
    users, days = (np.arange(len(items)) if values is None else values for values in (user, day))
    item = np.concatenate(items)
    return numbered(
        SourceLines(
            Ids(users[number], [f"user-{n}" for n in range(users.max() + 1)]),
            Ids(item, [f"item-{n:03}" for n in range(item.max() + 1)]),
            at=((START + days[number] * DAY) * MICROSECONDS).astype(np.int64),
            order=number,
            quantity=np.ones(len(item), np.float32),
            price=np.full(len(item), np.nan, np.float32),
        )
    )


def asked(purchases: Purchases, line: Int64s) -> Moments:
    """Before each of these lines, within their orders."""
    starts = purchases.order_starts
    opened = starts[np.searchsorted(starts, line, side="right") - 1]
    return Moments(purchases, purchases.user[line], line, purchases.at[line], opened)


def hit_rate(scores: Float32s, purchases: Purchases, line: Int64s, k: int = 1) -> float:
    """HitRate@k of what is not padding."""
    best = FIRST_ITEM + np.argsort(-scores[:, FIRST_ITEM:], axis=1)[:, :k]
    return float((best == purchases.item[line][:, None]).any(axis=1).mean())


def fit(purchases: Purchases, settings: LineTraining = SMALL) -> LineRanker:
    ranker = NextPurchase(lines=settings).fit(purchases, Grain.LINE, Silent())
    assert isinstance(ranker, LineRanker)
    return ranker


@pytest.fixture(scope="module")
def lists() -> Purchases:
    return shop_of_lists()


@pytest.fixture(scope="module")
@without_graphs()
def ranker(lists: Purchases) -> LineRanker:
    return fit(lists.before(len(lists) - 500))


@pytest.fixture(scope="module")
def late(lists: Purchases) -> Int64s:
    return np.arange(len(lists) - 500, len(lists))


@without_graphs()
def test_scores_are_logarithms_of_probabilities(ranker: LineRanker, lists: Purchases, late: Int64s) -> None:
    scores = ranker.scores(asked(lists, late))
    assert scores.shape == (500, lists.before(len(lists) - 500).vocabulary_size)
    np.testing.assert_allclose(ranker.probabilities(scores).sum(axis=1), 1, rtol=1e-4)


@without_graphs()
def test_whole_histories_and_windows_give_the_same_answer(ranker: LineRanker, lists: Purchases, late: Int64s) -> None:
    moments = asked(lists, late[:60])
    inputs = inputs_of(visible_lines(lists), moments, ranker.model.architecture.vocabulary_size)
    assert set(inputs) == set(INPUT_TYPES)
    np.testing.assert_allclose(np.asarray(ranker.model(inputs)), ranker.scores(moments), rtol=1e-3, atol=1e-3)


@without_graphs()
def test_what_comes_later_changes_no_score(ranker: LineRanker, lists: Purchases, late: Int64s) -> None:
    other = replace(lists, item=np.where(np.arange(len(lists)) >= late[250], FIRST_ITEM, lists.item))
    before = late[: 250 + 1]
    np.testing.assert_array_equal(ranker.scores(asked(other, before)), ranker.scores(asked(lists, before)))


@without_graphs()
def test_the_same_past_and_seed_give_the_same_ranker(ranker: LineRanker, lists: Purchases, late: Int64s) -> None:
    again = fit(lists.before(len(lists) - 500))
    np.testing.assert_allclose(again.scores(asked(lists, late)), ranker.scores(asked(lists, late)), rtol=1e-4)


def test_reads_on_down_a_list_that_is_sorted_by_item_id() -> None:
    lists = shop_of_lists(listed=1.0)
    late = np.arange(len(lists) - 500, len(lists))
    ranker = fit(lists.before(late[0]), SMALL._replace(min_steps=150, positions=512))
    # A list holds one in four items, so what comes next is among the five below in three cases of four.
    assert hit_rate(ranker.scores(asked(lists, late)), lists, late, k=5) > 0.6


def test_the_newest_lines_are_those_that_are_asked_about(lists: Purchases) -> None:
    examples = line_examples(lists, Run.ORDER, most=205)
    after = examples.windows.after(lists.vocabulary_size)
    np.testing.assert_array_equal(np.sort(after[after != PADDING]), np.sort(lists.item[-205:]))


@without_graphs()
def test_may_learn_from_the_newest_lines_only(ranker: LineRanker, lists: Purchases, late: Int64s) -> None:
    past, moments = lists.before(late[0]), asked(lists, late)
    everything, newest = (fit(past, SMALL._replace(most_examples=most)).scores(moments) for most in (len(past), 100))
    np.testing.assert_allclose(everything, ranker.scores(moments), rtol=1e-4)
    assert not np.allclose(newest, everything, atol=0.1)


@pytest.fixture(scope="module")
def single_lines() -> Purchases:
    """Each line is an order of its own, and nothing is known of times."""
    return without_times(markov(n_items=160, n_users=300)).purchases


@pytest.fixture(scope="module")
def split(single_lines: Purchases) -> int:
    return len(single_lines) * 9 // 10


@pytest.fixture(scope="module")
def stream(single_lines: Purchases, split: int) -> LineRanker:
    return fit(single_lines.before(split), SMALL._replace(min_steps=200, positions=512))


def test_knows_what_follows_a_single_line(stream: LineRanker, single_lines: Purchases, split: int) -> None:
    line = np.arange(split, len(single_lines))
    assert hit_rate(stream.scores(asked(single_lines, line)), single_lines, line, k=5) > 0.75


def test_whole_histories_of_single_lines_give_the_same_answer(
    stream: LineRanker, single_lines: Purchases, split: int
) -> None:
    moments = asked(single_lines, np.arange(split, split + 50))
    inputs = inputs_of(visible_lines(single_lines), moments, stream.model.architecture.vocabulary_size)
    np.testing.assert_allclose(np.asarray(stream.model(inputs)), stream.scores(moments), rtol=1e-3, atol=1e-3)


def test_answers_the_same_as_an_onnx_graph(ranker: LineRanker, lists: Purchases, late: Int64s) -> None:
    moments = asked(lists, late[:40])
    inputs = inputs_of(visible_lines(lists), moments, ranker.model.architecture.vocabulary_size)
    answers = export(ranker.model, inputs, 5).golden.answers
    scores = ranker.probabilities(ranker.scores(moments))
    np.testing.assert_allclose(answers.score, -np.sort(-scores, axis=1)[:, :5], rtol=1e-3)
    nothing_visible = (inputs["item_index"] == PADDING).all(axis=1)
    np.testing.assert_array_equal(answers.because[nothing_visible], NO_REASON)
    assert (answers.because[~nothing_visible] >= 0).all()


def test_learns_from_the_stream(stream: LineRanker, single_lines: Purchases, split: int) -> None:
    first, second = single_lines.item[0], single_lines.item[40]
    new = purchases_after(single_lines.before(split), np.tile([first, second], 50))
    moment = asked(new, np.array([len(new) - 1]))
    before = stream.scores(moment)[0, second]
    stream.observe(new, split, len(new) - 1)
    assert stream.scores(moment)[0, second] > before + 0.5


@without_graphs()
def test_what_only_counts_keeps_its_weights_and_what_stays_keeps_its_tables_too(
    single_lines: Purchases, split: int
) -> None:
    past, line = single_lines.before(split), np.array([split])
    changed = {}
    for in_stream in InStream:
        ranker = fit(past, SMALL._replace(in_stream=in_stream))
        weights, before = learnt_weights(ranker), ranker.scores(asked(single_lines, line))
        ranker.observe(single_lines, split, len(single_lines))
        is_same = all(np.array_equal(old, new) for old, new in zip(weights, learnt_weights(ranker), strict=True))
        changed[in_stream] = (not is_same, not np.allclose(ranker.scores(asked(single_lines, line)), before))
    expected = {InStream.STAYS: (False, False), InStream.COUNTS: (False, True), InStream.LEARNS: (True, True)}
    assert changed == expected


def learnt_weights(ranker: LineRanker) -> list[Float32s]:
    return [weight.numpy() for weight in ranker.model.trainable_variables]


def purchases_after(past: Purchases, item: Int64s) -> Purchases:
    """More single lines of the last user."""
    n, last = len(item), len(past)
    return Purchases(
        past.item_ids,
        past.user_ids,
        np.append(past.user, np.full(n, past.user[-1])).astype(np.int32),
        np.append(past.item, item).astype(np.int32),
        np.append(past.at, past.at[-1] + 1 + np.arange(n)),
        np.append(past.order, past.order[-1] + 1 + np.arange(n)).astype(np.int32),
        np.ones(last + n, np.float32),
        np.full(last + n, np.nan, np.float32),
        is_timed=past.is_timed,
    )
