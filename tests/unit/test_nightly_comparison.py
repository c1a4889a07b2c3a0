"""Two versions with different vocabularies, asked the same questions, and measured alike."""

import numpy as np
import pytest

from serving.features import FIRST_ITEM, PADDING, UNKNOWN
from serving.vocabulary import Vocabulary
from tests import small_model
from tests.tiny import A, B, C, D, Order, purchases
from trainer.backtest.metrics import Truths
from trainer.errors import ExportMismatch
from trainer.next_purchase.examples import order_examples
from trainer.nightly.comparison import compare
from trainer.nightly.questions import Asked, asked_about
from trainer.nightly.versions import Lists, Version

ITEM_IDS = tuple("ABCDEFGH")


def heard(_: int) -> None: ...


@pytest.fixture
def asked() -> Asked:
    shop = purchases(Order(0, 0, (A, B)), Order(1, 1, (C,)), Order(0, 5, (B, D)), Order(1, 9, (A, C)))
    return asked_about(order_examples(shop))


def test_each_order_is_asked_about_on_the_visit_and_right_after_the_one_before(asked: Asked) -> None:
    assert asked.on_the_visit["days_ago"][:, -1].tolist() == [5, 8]
    assert asked.right_after["days_ago"][:, -1].tolist() == [0, 0]
    assert asked.on_the_visit["item_index"][:, -2:].tolist() == [[A, B], [PADDING, C]]
    assert asked.bought.item.tolist() == [B, D, A, C]
    assert (asked.user.tolist(), asked.item_ids) == ([0, 1], tuple("ABCD"))


@pytest.mark.parametrize(
    ("vocabulary", "expected"),
    [("ABCDEFGH", [[B, C, D, 0, 0], [C, D, 0, 0, 0]]), ("HGFEDCBA", [[B, A, 0, 0, 0], [C, B, A, 0, 0]])],
)
def test_a_version_answers_in_the_item_numbers_of_the_log_whatever_its_own_are(
    asked: Asked, vocabulary: str, expected: list[list[int]]
) -> None:
    """This one recommends the newest item and what follows it in its own vocabulary; the log knows A to D alone."""
    version = Version(Vocabulary(vocabulary), small_model.onnx_bytes(len(vocabulary), shift=-FIRST_ITEM))
    told: list[int] = []
    assert version.answered(asked, told.append).on_the_visit.tolist() == expected
    assert sum(told) == 2 * len(asked)


def test_an_item_that_a_version_does_not_know_is_unknown_to_it(asked: Asked) -> None:
    version = Version(Vocabulary("AXYZ"), small_model.onnx_bytes(4, shift=-UNKNOWN))
    assert version.answered(asked, heard).on_the_visit.tolist() == [[A, 0, 0, 0, A], [A, 0, 0, 0, A]]


def lists(*rows: list[int]) -> Lists:
    """The same on the visit and right after the order before."""
    made = np.array(rows, np.int32)
    return Lists(made, made)


def test_what_is_compared_is_what_the_metrics_say(asked: Asked) -> None:
    """The orders were {B, D} of the first user and {A, C} of the second."""
    candidate, serving = lists([B, A, C, 6, D], [B, D, 6, 7, 8]), lists([A, C, 6, 7, 8], [B, 6, 7, 8, C])
    found = compare(asked, candidate, serving, version=4, seed=1)
    assert (found.version, found.n_orders, found.n_users) == (4, 2, 2)
    hits, accuracy = found.metrics["hit_rate_at_5"], found.metrics["accuracy_at_5"]
    assert (hits.candidate, hits.serving, hits.lead) == (0.5, 0.5, 0.0)
    assert (accuracy.candidate, accuracy.serving, accuracy.lead) == (0.5, 0.25, 0.25)
    assert found.metrics["recall_at_10"].lead == pytest.approx(0.25)
    assert found.figures["lead_accuracy_at_5"] == 0.25


def test_only_the_lists_that_stood_count_for_what_is_bought_after_each_purchase(asked: Asked) -> None:
    right, wrong = lists([B, D, 6, 7, 8], [A, C, 6, 7, 8]), lists([6, 7, 8, 9, 10], [6, 7, 8, 9, 10])
    visit_alone = Lists(right.on_the_visit, wrong.right_after)
    found = compare(asked, visit_alone, wrong, version=4, seed=1)
    assert (found.metrics["hit_rate_at_5"].lead, found.metrics["accuracy_at_5"].lead) == (1, 0)


def many(n_users: int, seed: int, better_by: float) -> tuple[Asked, Lists, Lists]:
    """Two orders of one item each per user; lists of which the candidate's hold it more often by a share."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users, dtype=np.int32), 2)
    hit = rng.random(len(user)) < 0.5
    also = hit | (rng.random(len(user)) < 2 * better_by)
    candidate, serving = (lists(*np.where(each, A, B)[:, None].tolist()) for each in (also, hit))
    return Asked({}, {}, Truths.single(np.full(len(user), A, np.int32)), user, ("A", "B")), candidate, serving


def test_the_interval_of_a_true_lead_lies_above_nothing_and_holds_the_lead() -> None:
    found = compare(*many(400, seed=1, better_by=0.1), version=1, seed=1).metrics["hit_rate_at_5"]
    assert 0 < found.low < found.lead < found.high
    assert found.low < 0.1 < found.high


def test_a_version_beside_itself_leads_by_nothing() -> None:
    asked, lists_of_one, _ = many(50, seed=1, better_by=0.1)
    found = compare(asked, lists_of_one, lists_of_one, version=1, seed=1)
    assert all((each.lead, each.low, each.high) == (0, 0, 0) for each in found.metrics.values())


def test_a_file_that_is_no_graph_cannot_be_asked() -> None:
    with pytest.raises(ExportMismatch, match="not a graph"):
        Version(Vocabulary(ITEM_IDS), b"no graph")
