"""What would be sent now, and why not the rest: everything is read and decided, and nothing is sent or kept."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer
from streams.emails.decision import Later, Never, Send, Verdict, Withhold
from streams.emails.desk import Desk
from streams.emails.intake import Intake
from streams.emails.reader import Reader
from streams.emails.rules import Rules
from streams.emails.settings import EmailSettings
from streams.emails.standing import Candidate, Standing
from streams.emails.state import State, opened


class Outlook(NamedTuple):
    """What is decided about one customer's changes, in words, and which products they are about."""

    user_id: str
    what: str
    reason: str
    items: tuple[str, ...]
    at: datetime | None = None


def outlooks(
    connection: KafkaConnection,
    rules: Rules,
    settings: EmailSettings,
    listed: Mapping[str, Customer],
    now: Callable[[], datetime],
) -> Iterator[Outlook]:
    """For each customer with changes that wait, what is decided as of now, in the order of ids.

    The state is made from the topics in a folder of its own, so this can be asked beside a running process.
    """
    with tempfile.TemporaryDirectory(prefix="nextup-emails-") as folder, opened(Path(folder), listed) as state:
        _read_all(connection, state, Intake(rules, now))
        desk, step, moment = Desk(state, rules, settings, now), state.step(), now()
        for user_id, standing in state.customers():
            if standing.waiting is not None:
                yield _outlook(user_id, standing, desk.verdict(step, user_id, moment))


def _read_all(connection: KafkaConnection, state: State, intake: Intake) -> None:
    reader = Reader(connection, state)
    try:
        for records in reader.missed():
            step = state.step()
            intake.take(step, records)
            step.write()
    finally:
        reader.close()


def _outlook(user_id: str, standing: Standing, verdict: Verdict) -> Outlook:
    waiting = _ids(standing.waiting.candidates) if standing.waiting else ()
    match verdict:
        case Send(outgoing):
            return Outlook(user_id, "send", "", _ids(outgoing.candidates))
        case Withhold(decided):
            return Outlook(user_id, "withhold", "control group", decided.items)
        case Later(at, reason):
            return Outlook(user_id, "later", reason, waiting, at)
        case Never(reason):
            return Outlook(user_id, "never", reason, waiting)


def _ids(candidates: tuple[Candidate, ...]) -> tuple[str, ...]:
    return tuple(candidate.item_id for candidate in candidates)
