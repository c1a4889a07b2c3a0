"""A month of a shop in fast motion, through the real worker to a real SMTP server; the sender is killed 20 times."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from deploy.demo.story import read_story
from streams.clients.publisher import CataloguePublisher
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer, EmailEvent, email_event
from streams.contract.messages import Erasure, Event, Item, Purchase, RecommendationList
from streams.contract.reading import read_to_end
from streams.emails import report as reports
from streams.emails.decision import in_control
from streams.emails.feedback import Feedback
from streams.emails.links import Links
from streams.emails.rules import read_rules
from streams.emails.state import opened
from tests.emails.emailing import Emailing
from tests.emails.letters import items_of, tokens_of
from tests.emails.mail import SECRET, MailServer, Taken
from tests.emails.plain_model import Expected, Mailbox, Numbers, Person
from tests.emails.sending import send
from tests.faults.conftest import Report
from tests.faults.fleet import Progress, Worker, running
from tests.integration.workers import Source, records

START = datetime(2011, 11, 9, tzinfo=UTC)
STEP = timedelta(hours=4)
DAYS = 30
HISTORY = timedelta(days=14)
CUSTOMERS = 2_000
KILLS = 20
SHARE, SALT = 0.15, "month"
ZONES = ("Europe/London", "Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Australia/Sydney")
NUMBERS = Numbers()

RULES = f"""
[sending]
shop = "The Shop"
sender = "The Shop <news@shop.example>"
click_url = "https://shop.example/e/click"
unsubscribe_url = "https://shop.example/e/unsubscribe"
item_url = "https://shop.example/p/{{item_id}}"
[change]
rank = {NUMBERS.rank}
fallback = true
[timing]
wait_after_purchase_hours = {NUMBERS.wait / timedelta(hours=1)}
merge_hours = {NUMBERS.merge / timedelta(hours=1)}
valid_hours = {NUMBERS.valid / timedelta(hours=1)}
quiet_from = {NUMBERS.quiet_from:02}:00:00
quiet_until = {NUMBERS.quiet_until:02}:00:00
[limits]
per_week = {NUMBERS.per_week}
bought_days = {NUMBERS.bought / timedelta(days=1)}
[control]
share = {SHARE}
salt = "{SALT}"
"""


class Shop(NamedTuple):
    """The month: what is sold, who may be written to, and what happens in each step of the clock."""

    items: list[Item]
    people: dict[str, Customer]
    steps: list[tuple[datetime, list[Event]]]


def the_month() -> Shop:
    """The customers who buy in the month, and those who bought last before it, up to 2,000."""
    story = read_story()
    end = START + DAYS * timedelta(days=1)
    events = [_renamed(event) for event in story.history + story.replay if event.occurred_at < end]
    last_seen = {event.user_id: event.occurred_at for event in events}
    chosen = sorted(last_seen, key=lambda user_id: last_seen[user_id])[-CUSTOMERS:]
    since = min(START - HISTORY, last_seen[chosen[0]])
    people = {user_id: _customer(user_id) for user_id in chosen}
    events = [event for event in events if event.user_id in people and event.occurred_at >= since]
    moments = [START + number * STEP for number in range(DAYS * 6 + 1)]
    steps = [(START, [event for event in events if event.occurred_at < START])]
    for before, moment in pairwise(moments):
        steps.append((moment, [event for event in events if before <= event.occurred_at < moment]))
    return Shop(story.items, people, steps)


def _renamed(event: Event) -> Event:
    """Customers' numbers look like those of products."""
    return replace(event, user_id=f"customer-{event.user_id}")


def _customer(user_id: str) -> Customer:
    rng = random.Random(user_id)
    email = "" if rng.random() < 0.03 else f"{user_id}@mail.example"
    return Customer(user_id, email, rng.choice(ZONES), unsubscribed=rng.random() < 0.05)


class Happened(NamedTuple):
    """What the test did to customers and products: at which step."""

    withdrawn: dict[str, int]
    unsubscribed: dict[str, int]
    erased: dict[str, int]


async def test_every_customer_of_a_month_gets_what_the_rules_say_and_nothing_else(
    kafka: KafkaConnection, mail: MailServer, tmp_path: Path, report: Report
) -> None:
    shop, rng = the_month(), random.Random(20)
    emailing = Emailing(kafka, mail, tmp_path / "emails", RULES)
    no_triton = {"NEXTUP_TRITON_URL": "127.0.0.1:1", "NEXTUP_MODELS_REPOSITORY": str(tmp_path / "models")}
    worker = Worker(kafka, tmp_path, "worker", no_triton)
    happened = await _play(shop, rng, kafka, mail, worker, emailing)
    taken, events = mail.taken(), _events(kafka)
    expected = _expected(shop, happened, _lists(kafka))
    doubled = {message_id: n for message_id, n in Counter(letter.message_id for letter in taken).items() if n > 1}
    report(
        "emails, killed",
        customers=len(shop.people),
        emails=len(taken),
        withheld=sum(event.kind == "withheld" for event in events),
        kills=emailing.kills,
        doubled=len(doubled),
        settled=emailing.process.log.read_text().count("had gone out when the process ended"),
        **{kind: sum(event.kind == kind for event in events) for kind in ("clicked", "purchased", "unsubscribed")},
    )
    assert len(taken) > 300
    _check_letters(taken, expected)
    _check_events(events, expected, happened)
    log = emailing.process.log.read_text()
    assert "@mail.example" not in log
    assert doubled == {}
    _check_nothing_stays(tmp_path / "emails" / "state", happened)


async def _play(
    shop: Shop, rng: random.Random, kafka: KafkaConnection, mail: MailServer, worker: Worker, emailing: Emailing
) -> Happened:
    """Step after step: what happens in it is published and read, then the clock moves to its end."""
    _publish_shop(shop, kafka)
    rules_file = emailing.folder / "rules.toml"
    links = Links(SECRET.encode(), read_rules(rules_file).sending)
    feedback, source, progress = Feedback(kafka, links), Source(kafka), Progress(kafka)
    happened = Happened({}, {}, {})
    killed_at = set(rng.sample(range(1, len(shop.steps)), KILLS))
    with running(worker):
        for number, (moment, events) in enumerate(shop.steps):
            for event in events:
                if event.user_id not in happened.erased:
                    source.send(messages.user_key(event.user_id), messages.encode(event))
            source.flush()
            interfered = number > 0 and number % 10 == 0
            if interfered:
                await _interfere(number, rng, kafka, mail, feedback, links, happened, moment)
            progress.wait_until_done(worker, timeout_s=600)
            if number == 0:
                emailing.start_at(moment)
            elif events or interfered:
                emailing.rest_at(shop.steps[number - 1][0])
            emailing.rest_at(moment, rng if number in killed_at else None)
    emailing.stop()
    feedback.close()
    progress.close()
    return happened


def _publish_shop(shop: Shop, kafka: KafkaConnection) -> None:
    with CataloguePublisher(kafka) as catalogue:
        for item in shop.items:
            catalogue.publish(item)
    send(kafka, topics.CUSTOMERS, {messages.user_key(u): messages.encode(c) for u, c in shop.people.items()})


async def _interfere(
    number: int, rng: random.Random, kafka: KafkaConnection, mail: MailServer, feedback: Feedback, links: Links,
    happened: Happened, moment: datetime,
) -> None:  # fmt: skip
    """Some who got an email click, one unsubscribes, one is erased; some products are withdrawn."""
    letters = {letter.recipient: letter for letter in mail.taken()}
    users = [name.partition("@")[0] for name in sorted(letters)]
    users = [user_id for user_id in users if user_id not in happened.erased]
    if len(users) < 10:
        return
    clicking, leaving, erased = rng.sample(users, 5), *rng.sample(users, 2)
    for user_id in clicking:
        tokens = tokens_of(letters[f"{user_id}@mail.example"])
        await feedback.clicked(tokens[0], moment - STEP)
    await feedback.unsubscribed(tokens_of(letters[f"{leaving}@mail.example"])[-1], moment - STEP)
    happened.unsubscribed.setdefault(leaving, number)
    source = Source(kafka)
    source.send(messages.user_key(erased), messages.encode(Erasure(f"x{number}", erased, moment - STEP)))
    source.flush()
    happened.erased.setdefault(erased, number)
    items = rng.sample([item for letter in letters.values() for item in items_of(letter, links)], 5)
    with CataloguePublisher(kafka) as catalogue:
        for item_id in set(items):
            catalogue.publish(Item(item_id, available=False))
            happened.withdrawn.setdefault(item_id, number)


def _lists(kafka: KafkaConnection) -> dict[str, RecommendationList]:
    values = [message.value() for message in records(kafka, topics.RECOMMENDATIONS)]
    lists = [messages.recommendation_list.decode(value) for value in values if value is not None]
    return {made.cause.event_id: made for made in lists}


def _events(kafka: KafkaConnection) -> list[EmailEvent]:
    """The newest of each key, without those that were taken back."""
    found: dict[bytes, bytes | None] = {}
    for message in read_to_end(kafka, kafka.topic_prefix + topics.EMAIL_EVENTS.name):
        found[message.key() or b""] = message.value()
    return [email_event.decode(value) for value in found.values() if value is not None]


def _expected(shop: Shop, happened: Happened, lists: dict[str, RecommendationList]) -> dict[str, list[Expected]]:
    """What the plain model says that each customer should get, the control group included."""
    boxes = {
        user_id: Mailbox(NUMBERS, Person(customer.zone, bool(customer.email) and not customer.unsubscribed))
        for user_id, customer in shop.people.items()
    }
    for number, (moment, events) in enumerate(shop.steps):
        for user_id in [u for u, at in happened.unsubscribed.items() if at == number]:
            boxes[user_id].unsubscribed()
        for event in events:
            if happened.erased.get(event.user_id, number) < number:
                continue
            if isinstance(event, Purchase):
                boxes[event.user_id].bought(event)
            boxes[event.user_id].listed(lists[event.event_id])
        for user_id in [u for u, at in happened.erased.items() if at == number]:
            boxes[user_id].erased()
        withdrawn = [item_id for item_id, at in happened.withdrawn.items() if at <= number]
        for box in boxes.values():
            box.tick(moment, withdrawn)
    return {user_id: box.expected for user_id, box in boxes.items()}


def _check_letters(taken: list[Taken], expected: dict[str, list[Expected]]) -> None:
    links = Links(SECRET.encode(), None)  # type: ignore[arg-type]
    found: dict[str, set[Expected]] = defaultdict(set)
    for letter in taken:
        user_id = letter.recipient.partition("@")[0]
        found[user_id].add(Expected(letter.date, items_of(letter, links)))
    for user_id, emails in expected.items():
        wanted = set() if in_control(user_id, SALT, SHARE) else set(emails)
        assert found[user_id] == wanted, user_id
    assert set(found) <= set(expected)
    per_decision = {letter.message_id: (letter.recipient, letter.date) for letter in taken}
    assert len(per_decision) == sum(map(len, found.values())), "a decision has a Message-ID of its own"


def _check_events(events: list[EmailEvent], expected: dict[str, list[Expected]], happened: Happened) -> None:
    for kind, is_control in (("sent", False), ("withheld", True)):
        found = {(event.user_id, event.at, frozenset(event.items)) for event in events if event.kind == kind}
        wanted = {
            (user_id, email.at, email.items)
            for user_id, emails in expected.items()
            for email in emails
            if in_control(user_id, SALT, SHARE) == is_control and user_id not in happened.erased
        }
        assert found == wanted
    assert not {event.user_id for event in events} & set(happened.erased)
    told = reports.report(events)
    assert told.opened is not None
    assert told.opened.value > 0
    assert told.control_emails == sum(event.kind == "withheld" for event in events) > 0


def _check_nothing_stays(folder: Path, happened: Happened) -> None:
    assert happened.erased
    with opened(folder) as state:
        everything = list(state.dump())
    for user_id in happened.erased:
        assert not [key for key, value in everything if user_id.encode() in key + value]
