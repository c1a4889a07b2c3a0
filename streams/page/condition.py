"""Whether all parts work, and what it means for whoever looks at the page where one does not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from streams.page.watch import Board

SILENT_AFTER = timedelta(seconds=20)
"""A worker says every ten seconds that it is there."""


@dataclass(frozen=True)
class Condition:
    """In a word for the head of the page, and in a sentence where something is wrong."""

    kind: Literal["fine", "reduced", "broken"]
    word: str
    sentence: str = ""


READING = Condition("reduced", "reading", "The topics are being read; what is shown here is not complete yet.")
NO_BROKER = Condition(
    "broken", "Kafka is away", "Kafka does not answer. What stands here stays, and goes on as soon as it is back."
)
NO_WORKER = Condition(
    "broken", "worker is away", "No worker answers. Purchases wait in Kafka, and their lists come once one is back."
)
NO_TRITON = Condition(
    "reduced",
    "model is away",
    "The model does not answer. Until it does, lists are the fallback's: what each customer buys most often, "
    "then what is popular.",
)
NO_MODEL = Condition(
    "reduced",
    "no model yet",
    "No version has been released yet. Lists are the fallback's: what each customer buys most often, then what is "
    "popular.",
)


def condition(board: Board, now: datetime, *, has_begun: bool, broker_is_away: bool, model_answers: bool) -> Condition:
    """What matters most of what is wrong."""
    if broker_is_away:
        return NO_BROKER
    if not has_begun:
        return READING
    if board.workers_told_at is None or now - board.workers_told_at > SILENT_AFTER:
        return NO_WORKER
    if board.serving is None:
        return NO_MODEL
    if not model_answers:
        return NO_TRITON
    return Condition("fine", f"version {board.serving.version} answers")
