"""What a challenger in the shadow would have listed, and when that is judged."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from serving.suggestion import Suggestion
from streams.contract import messages
from streams.contract.messages import (
    Cause,
    Hit,
    Line,
    ModelRef,
    Purchase,
    RecommendationList,
    Recommended,
    ShadowOutcome,
)
from streams.worker.answering import InShadow, ModelAnswer, ModelAnswers
from streams.worker.batch import Batch, Slot, StateTable
from streams.worker.shadow_lists import ShadowLists
from streams.worker.state import State

NOW = datetime(2011, 12, 9, tzinfo=UTC)
CHALLENGER = ModelRef("next-purchase", 8)
LISTS = StateTable("lists", "recommendations", newest_only=False)
SHADOWS = StateTable("shadows", "shadow-lists-changelog", newest_only=True)
BOUGHT = Purchase("e2", "u", NOW, [Line("c"), Line("x")])


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    stores = {table: Rdict(str(tmp_path / table.name), Options(raw_mode=True)) for table in (LISTS, SHADOWS)}
    yield Batch(State(lambda table, _partition: stores[table]))
    for store in stores.values():
        store.close()


@pytest.fixture
def shadows() -> ShadowLists:
    return ShadowLists(SHADOWS, LISTS)


def publish(batch: Batch, list_id: str) -> RecommendationList:
    made = RecommendationList(
        list_id, "u", Cause("purchase", "e1"), NOW, NOW, "fallback", None, [Recommended(1, "a", 1.0)], [], []
    )
    batch.put(Slot(LISTS, 0, b"u"), messages.encode(made))
    return made


def all_of(suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    return list(suggestions)


class Asked:
    """A question that a challenger has not answered yet."""

    def __init__(self) -> None:
        self._answers: asyncio.Future[ModelAnswers] = asyncio.get_running_loop().create_future()
        self.in_shadow = InShadow(asyncio.ensure_future(self._wait()), 0)

    async def answer(self, *item_ids: str) -> None:
        suggestions = [Suggestion(item_id, 0.5, None) for item_id in item_ids]
        self._answers.set_result([ModelAnswer(CHALLENGER, suggestions) if item_ids else None])
        await self.in_shadow.answers

    async def _wait(self) -> ModelAnswers:
        return await self._answers


async def test_an_answer_that_is_there_is_kept_and_judged_at_the_next_purchase(
    batch: Batch, shadows: ShadowLists
) -> None:
    asked, standing = Asked(), publish(batch, "l1")
    await asked.answer("b", "c")
    shadows.keep(standing, 0, asked.in_shadow, all_of, batch)
    assert shadows.judged(BOUGHT, standing, 0, batch) == ShadowOutcome(CHALLENGER, [Hit("c", 2)])


async def test_an_answer_that_comes_late_is_kept_when_the_partition_moves_on(
    batch: Batch, shadows: ShadowLists
) -> None:
    asked, standing = Asked(), publish(batch, "l1")
    shadows.keep(standing, 0, asked.in_shadow, all_of, batch)
    assert shadows.judged(BOUGHT, standing, 0, batch) is None
    await asked.answer("c")
    shadows.settle(1, batch)
    assert shadows.judged(BOUGHT, standing, 0, batch) is None
    shadows.settle(0, batch)
    assert shadows.judged(BOUGHT, standing, 0, batch) == ShadowOutcome(CHALLENGER, [Hit("c", 1)])


@pytest.mark.parametrize("item_ids", [(), ("c",)])
async def test_what_is_late_for_a_list_that_no_longer_stands_is_dropped(
    batch: Batch, shadows: ShadowLists, item_ids: tuple[str, ...]
) -> None:
    asked, first = Asked(), publish(batch, "l1")
    shadows.keep(first, 0, asked.in_shadow, all_of, batch)
    second = publish(batch, "l2")
    await asked.answer(*item_ids)
    shadows.settle(0, batch)
    assert shadows.judged(BOUGHT, second, 0, batch) is None


async def test_nothing_is_kept_of_an_erased_user_however_late_the_answer_comes(
    batch: Batch, shadows: ShadowLists
) -> None:
    early, late, standing = Asked(), Asked(), publish(batch, "l1")
    await early.answer("c")
    shadows.keep(standing, 0, early.in_shadow, all_of, batch)
    shadows.keep(standing, 0, late.in_shadow, all_of, batch)
    batch.put(Slot(LISTS, 0, b"u"), None)
    shadows.forget(0, b"u", batch)
    await late.answer("c")
    shadows.settle(0, batch)
    assert batch.get(Slot(SHADOWS, 0, b"u")) is None


async def test_a_list_without_a_challenger_takes_the_shadow_of_the_one_before_away(
    batch: Batch, shadows: ShadowLists
) -> None:
    asked, standing = Asked(), publish(batch, "l1")
    await asked.answer("c")
    shadows.keep(standing, 0, asked.in_shadow, all_of, batch)
    shadows.keep(standing, 0, None, all_of, batch)
    assert batch.get(Slot(SHADOWS, 0, b"u")) is None
    assert shadows.judged(BOUGHT, standing, 0, batch) is None
