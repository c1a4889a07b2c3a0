"""From suggestions to the list that is published, pure."""

from collections.abc import Callable, Sequence
from datetime import datetime

from serving.suggestion import Suggestion
from streams.contract import messages
from streams.contract.messages import (
    Cause,
    Hit,
    ModelRef,
    Outcome,
    Purchase,
    RecommendationList,
    Recommended,
    ShadowOutcome,
)


def choose(
    suggestions: Sequence[Suggestion],
    fillers: Callable[[], Sequence[Suggestion]],
    is_available: Callable[[str], bool],
    k: int,
) -> list[Suggestion]:
    """The `k` best available suggestions; `fillers` is asked only where they are too few."""
    chosen = {s.item_id: s for s in suggestions if is_available(s.item_id)}
    if len(chosen) < k:
        for filler in fillers():
            if filler.item_id not in chosen and is_available(filler.item_id):
                chosen[filler.item_id] = filler
    return list(chosen.values())[:k]


def make_list(
    *,
    user_id: str,
    cause: Cause,
    as_of: datetime,
    now: datetime,
    model: ModelRef | None,
    chosen: Sequence[Suggestion],
    standing: RecommendationList | None,
    active_at: datetime | None = None,
) -> RecommendationList:
    """The list that `chosen` makes, compared with the list that stood before. No model: a fallback."""
    item_ids = [suggestion.item_id for suggestion in chosen]
    before = [item.item_id for item in standing.items] if standing else []
    return RecommendationList(
        list_id=messages.list_id(user_id, cause),
        user_id=user_id,
        cause=cause,
        as_of=as_of,
        generated_at=now,
        source="model" if model else "fallback",
        model=model,
        items=[
            Recommended(rank, s.item_id, round(s.score, 6), [s.because] if s.because else [])
            for rank, s in enumerate(chosen, 1)
        ],
        entered=[item_id for item_id in item_ids if item_id not in before],
        left=[item_id for item_id in before if item_id not in item_ids],
        active_at=active_at,
    )


def outcome(purchase: Purchase, standing: RecommendationList, shadow: ShadowOutcome | None = None) -> Outcome:
    """Which of the bought items the list had named that stood before the purchase."""
    return Outcome(
        user_id=purchase.user_id,
        event_id=purchase.event_id,
        occurred_at=purchase.occurred_at,
        list_id=standing.list_id,
        source=standing.source,
        model=standing.model,
        n_bought=len({line.item_id for line in purchase.items}),
        hits=hits(purchase, [item.item_id for item in standing.items]),
        shadow=shadow,
        listed_at=standing.generated_at,
    )


def hits(purchase: Purchase, item_ids: Sequence[str]) -> list[Hit]:
    """Which of the listed items were bought, and at which rank they stood."""
    bought = {line.item_id for line in purchase.items}
    return [Hit(item_id, rank) for rank, item_id in enumerate(item_ids, 1) if item_id in bought]
