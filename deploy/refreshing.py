"""Lists that have become stale are asked for anew: another version serves now, or time has passed.

What is asked for is an event on `purchases`, so that it goes the same durable way as everything else of its
customer, in order. Which lists are stale is read off `recommendations` each time; so whoever is interrupted runs
it again, and what has been done is not done twice.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from deploy.file_publishing import paced
from deploy.settings import RefreshSettings
from streams.clients.publisher import PurchasePublisher
from streams.contract import messages
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion, RecommendationList, Refresh
from streams.contract.reading import read_to_end
from streams.contract.topics import RECOMMENDATIONS
from trainer.announcement import announced

Record: TypeAlias = tuple[bytes | None, bytes | None]
"""Key and value."""


def refresh_stale_lists(connection: KafkaConnection, model_name: str, settings: RefreshSettings) -> int:
    """Ask for all of them, at most `settings.rate` a second; how many. Returns once the broker has all questions."""
    now = datetime.now(UTC)
    standing = announced(connection, model_name)
    records = read_to_end(connection, connection.topic_prefix + RECOMMENDATIONS.name)
    wanted = stale_lists(((record.key(), record.value()) for record in records), standing, now, settings)
    with PurchasePublisher(connection) as publisher:
        for refresh in paced(iter(wanted), settings.rate):
            publisher.publish(refresh)
    return len(wanted)


def stale_lists(
    records: Iterable[Record], standing: ModelVersion | None, now: datetime, settings: RefreshSettings
) -> list[Refresh]:
    """One for each active customer whose newest list is stale, as of `now`."""
    wanted: dict[bytes | None, Refresh] = {}
    for key, made in _lists(records):
        if made is not None and is_active(made, now, settings) and is_stale(made, standing, now, settings):
            wanted[key] = Refresh(_event_id(made, standing, now), made.user_id, now)
        else:
            wanted.pop(key, None)
    return list(wanted.values())


def is_active(made: RecommendationList, now: datetime, settings: RefreshSettings) -> bool:
    """Whether the customer has bought lately; a list that was made anew says when."""
    return now - (made.active_at or made.as_of) <= timedelta(days=settings.active_days)


def is_stale(made: RecommendationList, standing: ModelVersion | None, now: datetime, settings: RefreshSettings) -> bool:
    """Whether another version would answer now, or the list speaks for a moment too far back."""
    if now - made.as_of > timedelta(days=settings.stale_days):
        return True
    if standing is None:
        return False
    serving = {standing.version, standing.challenger.version if standing.challenger else standing.version}
    if made.model is None:
        return made.generated_at < standing.since
    return made.model.version not in serving


def _event_id(made: RecommendationList, standing: ModelVersion | None, now: datetime) -> str:
    """The same for the same list, version and day: asked for twice it is still one list."""
    return f"refresh-{made.list_id}-{standing.version if standing else 0}-{now:%Y-%m-%d}"


def _lists(records: Iterable[Record]) -> Iterator[tuple[bytes | None, RecommendationList | None]]:
    """None for what was taken back, and for what is no list."""
    for key, value in records:
        try:
            yield key, messages.recommendation_list.decode(value or b"")
        except msgspec.MsgspecError:
            yield key, None
