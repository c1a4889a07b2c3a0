"""Vectors against popularity by the book chapter's protocol."""

import pytest

from serving.features import FIRST_ITEM
from tests.tiny import DAY, Order, purchases
from trainer.backtest.chapter import SPLIT_AT, Chapter
from trainer.backtest.chapter_factors import bpr, popularity
from trainer.progress import Silent

SPLIT = int(SPLIT_AT.timestamp()) // DAY
N_USERS = 30
TASTES = [tuple(range(FIRST_ITEM, FIRST_ITEM + 5)), tuple(range(FIRST_ITEM + 5, FIRST_ITEM + 10))]


def month_of(day: int) -> list[Order]:
    """Customers of two tastes buy what they like, all five items of it."""
    return [Order(user, day, TASTES[user % 2]) for user in range(N_USERS)]


@pytest.fixture
def chapter() -> Chapter:
    whole = purchases(*month_of(SPLIT - 40), *month_of(SPLIT - 10), *month_of(SPLIT))
    return Chapter.of(whole, whole.user_ids)


def test_one_list_for_everybody_serves_one_taste(chapter: Chapter) -> None:
    assert popularity(chapter, seed=1, progress=Silent()) == 0.5


def test_vectors_serve_both_tastes(chapter: Chapter) -> None:
    assert bpr(chapter, seed=1, progress=Silent()) > 0.9
