"""From records to emails, over a real state on disk: what is decided, noted, told, survives and is forgotten."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from streams.contract import email_messages, messages, topics
from streams.contract.email_messages import Customer, EmailEvent
from streams.contract.messages import Erasure, Item
from streams.contract.topics import Topic
from streams.emails.desk import Desk, Parcel
from streams.emails.errors import HandoverFailed, StateInUse
from streams.emails.intake import Arrived, Intake
from streams.emails.rules import Rules
from streams.emails.settings import EmailSettings
from streams.emails.standing import decision_id
from streams.emails.state import State, opened
from tests.emails_made import DAY, HOUR, NOON, a_list, a_purchase, rules_with

SLOWLY = HandoverFailed("the SMTP server said 452")


class Office:
    """State, intake and desk under a clock that stands still; `crash` and start again at any moment."""

    def __init__(self, folder: Path, rules: Rules, **settings: Any) -> None:
        self._folder, self._rules, self._settings = folder, rules, EmailSettings(**settings)
        self.now = NOON
        self._offset = 0
        self._open = ExitStack()
        self.start()

    def start(self) -> None:
        self.state: State = self._open.enter_context(opened(self._folder))
        self._intake = Intake(self._rules, lambda: self.now)
        self.desk = Desk(self.state, self._rules, self._settings, lambda: self.now)

    def crash(self) -> None:
        """All that was not written is gone."""
        self.close()
        self.start()

    def close(self) -> None:
        self._open.close()

    def take(self, topic: Topic, key: bytes, message: msgspec.Struct | None, at: datetime | None = NOON) -> None:
        self._offset += 1
        value = None if message is None else messages.encode(message)
        step = self.state.step()
        self._intake.take(step, [Arrived(topic, 0, self._offset, at, key, value)])
        step.write()

    def hears(self, *facts: Any, at: datetime | None = NOON) -> None:
        """Messages of all kinds, each from its topic."""
        for fact in facts:
            topic, key = _TOPICS[type(fact)]
            self.take(topic, key(fact), fact, at)

    def settle(self) -> None:
        """All that there is to be read has been read."""
        step = self.state.step()
        self._intake.settle(step)
        step.write()

    def told(self) -> list[EmailEvent]:
        """The events that wait to be published, tombstones aside."""
        records = [record for record in self.state.untold(100) if record.topic is topics.EMAIL_EVENTS]
        return [email_messages.email_event.decode(record.value) for record in records if record.value]

    def publish(self) -> None:
        """All that waits to be published is on its topic, and is read from there."""
        for record in self.state.untold(100):
            step = self.state.step()
            step.told(record)
            self._offset += 1
            if record.topic is topics.DEAD_LETTERS:
                step.write()
                continue
            self._intake.take(step, [Arrived(record.topic, 0, self._offset, NOON, record.key, record.value)])
            step.write()


_TOPICS: dict[type, tuple[Topic, Callable[[Any], bytes]]] = {
    type(a_list("o", ["x"])): (topics.RECOMMENDATIONS, lambda made: messages.user_key(made.user_id)),
    type(a_purchase("o", "x")): (topics.PURCHASES, lambda event: messages.user_key(event.user_id)),
    Erasure: (topics.PURCHASES, lambda event: messages.user_key(event.user_id)),
    Customer: (topics.CUSTOMERS, lambda customer: messages.user_key(customer.user_id)),
    Item: (topics.ITEMS, lambda item: item.item_id.encode()),
    EmailEvent: (topics.EMAIL_EVENTS, lambda event: messages.log_key(event.user_id, event.event_id)),
}
ADA = Customer("ada", "ada@home.example")
NEWS = a_list("o1", ["cups", "forks"])


@pytest.fixture
def make_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    offices: list[Office] = []

    def make(rules: Rules | None = None, **settings: Any) -> Office:
        offices.append(Office(tmp_path / "state", rules or rules_with(), **settings))
        return offices[-1]

    yield make
    for office in offices:
        office.close()


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


def only(parcels: list[Parcel]) -> Parcel:
    (parcel,) = parcels
    return parcel


def traces(office: Office) -> list[bytes]:
    """Keys of all that names Ada, or is said about her."""
    return [key for key, value in office.state.dump() if b"ada" in key + value]


def kinds(events: list[EmailEvent]) -> list[str]:
    return sorted(event.kind for event in events)


def test_news_become_one_email_that_is_told(office: Office) -> None:
    office.hears(ADA, Item("cups", "Blue cups"), NEWS)
    parcel = only(office.desk.due(4))
    assert parcel.customer.email == "ada@home.example"
    assert parcel.titles == {"cups": "Blue cups", "forks": "forks", "napkins": "napkins"}
    assert office.desk.due(4) == [], "it is in hand"
    assert office.desk.handing_over(parcel)
    office.desk.sent(parcel)
    assert office.desk.due(4) == []
    assert office.desk.is_idle()
    event = office.told()[0]
    assert (event.kind, event.decision_id, event.items) == ("sent", parcel.outgoing.decision_id, ["cups", "forks"])


def test_no_more_emails_are_taken_in_hand_than_there_is_room_for(office: Office) -> None:
    for number in range(5):
        name = f"user-{number}"
        office.hears(Customer(name, "a@b.example"), a_list("o1", ["cups"], user_id=name))
    assert len(office.desk.due(3)) == 3
    assert office.desk.due(0) == []
    assert len(office.desk.due(3)) == 2


@pytest.mark.parametrize("place", ["decided", "handing over", "sent"])
def test_a_crash_anywhere_neither_loses_nor_doubles_an_email(office: Office, place: str) -> None:
    office.hears(ADA, NEWS)
    before = only(office.desk.due(4))
    if place != "decided":
        assert office.desk.handing_over(before)
    if place == "sent":
        office.desk.sent(before)
    office.crash()
    again = office.desk.due(4)
    if place == "decided":
        assert only(again) == before
    else:
        assert again == []
        assert [(event.kind, event.is_unknown) for event in office.told()] == [("sent", place == "handing over")]


def test_what_nobody_can_know_is_sent_again_where_that_is_chosen(make_office: Callable[..., Office]) -> None:
    office = make_office(if_unknown="resend")
    office.hears(ADA, NEWS)
    before = only(office.desk.due(4))
    office.desk.handing_over(before)
    office.crash()
    again = only(office.desk.due(4))
    assert again.outgoing == replace(before.outgoing, is_unknown=True)
    office.desk.sent(again)
    assert kinds(office.told()) == ["sent"]


def test_what_nobody_can_know_is_given_up_where_that_is_chosen(make_office: Callable[..., Office]) -> None:
    office = make_office(if_unknown="give-up")
    office.hears(ADA, NEWS)
    parcel = only(office.desk.due(4))
    office.desk.handing_over(parcel)
    office.crash()
    assert office.desk.due(4) == []
    event = office.told()[0]
    assert (event.kind, event.is_unknown) == ("given-up", True)
    step = office.state.step()
    assert [decided.decision_id for decided in step.standing("ada").decided] == [parcel.outgoing.decision_id], (
        "it counts"
    )


def test_a_server_that_will_take_it_later_is_asked_later(make_office: Callable[..., Office]) -> None:
    office = make_office(retry_first_s=100.0)
    office.hears(ADA, NEWS)
    office.desk.failed(only(office.desk.due(4)), SLOWLY)
    assert office.desk.due(4) == []
    office.now += timedelta(seconds=150)
    parcel = only(office.desk.due(4))
    assert parcel.outgoing.attempts == 1
    assert not parcel.outgoing.is_unknown


def test_an_email_is_given_up_when_it_is_too_late_and_says_why(make_office: Callable[..., Office]) -> None:
    office = make_office(rules_with(timing={"valid_hours": 48}))
    office.hears(ADA, NEWS)
    while parcels := office.desk.due(4):
        office.desk.failed(only(parcels), SLOWLY)
        office.now += 2 * HOUR
    assert office.now >= NOON + 2 * DAY
    assert [event.reason for event in office.told()] == ["too late: the SMTP server said 452"]


def test_a_refusal_for_good_is_not_tried_again(office: Office) -> None:
    office.hears(ADA, NEWS)
    office.desk.failed(only(office.desk.due(4)), HandoverFailed("the SMTP server said 550", is_final=True))
    office.now += 10 * DAY
    assert office.desk.due(4) == []
    assert [(event.kind, event.reason) for event in office.told()] == [("given-up", "the SMTP server said 550")]
    assert [record.topic.name for record in office.state.untold(9)] == ["email-events", "dead-letters"]
    office.hears(Erasure("x1", "ada", NOON), at=NOON + HOUR)
    office.publish()
    assert traces(office) == []


@pytest.mark.parametrize(
    "happens",
    [
        EmailEvent("e1", "ada", "d0", "unsubscribed", NOON),
        a_purchase("o2", "cups", "forks"),
        Customer("ada"),
    ],
    ids=["unsubscribed", "bought", "no address"],
)
@pytest.mark.parametrize("perhaps", [False, True], ids=["not taken", "perhaps taken"])
def test_an_email_that_nobody_wants_any_more_is_withdrawn_and_is_no_failure(
    make_office: Callable[..., Office], happens: Any, perhaps: bool
) -> None:
    office = make_office(rules_with(limits={"bought_days": 30}), retry_first_s=100.0)
    office.hears(ADA, NEWS)
    office.desk.failed(only(office.desk.due(4)), HandoverFailed("the connection was lost", is_unknown=perhaps))
    office.hears(happens)
    office.now += 10 * DAY
    assert office.desk.due(4) == []
    assert office.desk.is_idle()
    told = [event for event in office.told() if event.kind != "purchased"]
    assert [(event.kind, event.is_unknown) for event in told] == [("given-up", True)] * perhaps
    assert topics.DEAD_LETTERS not in [record.topic for record in office.state.untold(9)]
    assert len(office.state.step().standing("ada").decided) == perhaps, "what may have arrived counts"


def test_what_was_taken_once_perhaps_is_unknown_for_ever(office: Office) -> None:
    office.hears(ADA, NEWS)
    office.desk.failed(only(office.desk.due(4)), HandoverFailed("the connection was lost", is_unknown=True))
    office.now += HOUR
    office.desk.failed(only(office.desk.due(4)), SLOWLY)
    office.now += HOUR
    assert only(office.desk.due(4)).outgoing.is_unknown


def test_news_that_come_while_an_email_is_on_its_way_make_the_next_one(office: Office) -> None:
    office.hears(ADA, NEWS)
    first = only(office.desk.due(4))
    office.hears(a_list("o2", ["jugs", "cups"], ["jugs"], at=NOON))
    office.desk.handing_over(first)
    office.desk.sent(first)
    second = only(office.desk.due(4))
    assert [candidate.item_id for candidate in second.outgoing.candidates] == ["jugs"]


def test_a_purchase_of_what_an_email_named_is_told_once(office: Office) -> None:
    office.hears(ADA, NEWS)
    parcel = only(office.desk.due(4))
    office.desk.handing_over(parcel)
    office.desk.sent(parcel)
    purchase = a_purchase("o2", "forks", "jugs", at=NOON + HOUR, price=2.5)
    office.hears(purchase, purchase)
    bought = [event for event in office.told() if event.kind == "purchased"]
    assert [(event.items, event.value) for event in bought] == [(["forks"], 5.0)]


def test_a_purchase_after_an_email_that_was_withheld_is_told_as_well(make_office: Callable[..., Office]) -> None:
    office = make_office(rules_with(control={"share": 0.9}))
    office.hears(ADA, NEWS)
    assert office.desk.due(4) == []
    office.hears(a_purchase("o2", "forks", at=NOON + HOUR))
    assert kinds(office.told()) == ["purchased", "withheld"]


def test_the_address_counts_at_the_moment_of_sending(office: Office) -> None:
    office.hears(NEWS, ADA, Customer("ada", "ada@work.example"))
    assert only(office.desk.due(4)).customer.email == "ada@work.example"


@pytest.mark.parametrize(
    ("happens", "after"),
    [
        (EmailEvent("e1", "ada", "d0", "unsubscribed", NOON), 0 * HOUR),
        (Customer("ada", "ada@home.example", unsubscribed=True), 0 * HOUR),
        (a_purchase("o2", "cups", "forks"), 0 * HOUR),
        (None, 6 * HOUR),
    ],
    ids=["unsubscribed by a link", "unsubscribed in the shop", "bought", "too late"],
)
def test_what_makes_an_email_unwanted_while_the_server_takes_its_time_stops_it(
    make_office: Callable[..., Office], happens: Any, after: timedelta
) -> None:
    office = make_office(rules_with(limits={"bought_days": 1}, timing={"valid_hours": 6}))
    office.hears(ADA, NEWS)
    parcel = only(office.desk.due(4))
    office.hears(*[happens] if happens else [])
    office.now += after
    assert not office.desk.handing_over(parcel)
    assert office.desk.due(4) == []
    assert "sent" not in kinds(office.told())
    assert office.desk.is_idle()


def test_quiet_hours_that_begin_while_the_server_takes_its_time_put_an_email_off(
    make_office: Callable[..., Office],
) -> None:
    office = make_office(rules_with(timing={"quiet_from": "21:00:00", "quiet_until": "08:00:00"}))
    office.now = NOON + 9 * HOUR - timedelta(seconds=1)
    office.hears(ADA, NEWS)
    parcel = only(office.desk.due(4))
    office.now += timedelta(seconds=1)
    assert not office.desk.handing_over(parcel)
    assert office.desk.due(4) == []
    office.now = NOON + 20 * HOUR
    again = only(office.desk.due(4))
    assert again.outgoing.decision_id == parcel.outgoing.decision_id
    assert office.desk.handing_over(again)


@pytest.mark.parametrize(
    "happens",
    [a_purchase("o2", "cups"), Item("cups", available=False), Customer("ada", "ada@work.example")],
    ids=["one was bought", "one is sold out", "another address"],
)
def test_an_email_that_would_be_another_one_by_now_goes_out_as_that(
    make_office: Callable[..., Office], happens: Any
) -> None:
    office = make_office(rules_with(limits={"bought_days": 1}))
    office.hears(ADA, NEWS)
    parcel = only(office.desk.due(4))
    office.hears(happens)
    assert not office.desk.handing_over(parcel)
    again = only(office.desk.due(4))
    assert again.outgoing.decision_id == parcel.outgoing.decision_id
    assert (again.outgoing.candidates, again.customer) != (parcel.outgoing.candidates, parcel.customer)
    assert office.desk.handing_over(again)


@pytest.mark.parametrize("moment", ["waits", "in hand", "handing over", "sent", "told"])
def test_of_an_erased_customer_nothing_stays_and_nothing_goes_out(office: Office, moment: str) -> None:
    office.hears(ADA, a_purchase("o0", "plates"), NEWS)
    parcel = only(office.desk.due(4)) if moment != "waits" else None
    if parcel and moment in {"handing over", "sent", "told"}:
        assert office.desk.handing_over(parcel)
    if parcel and moment in {"sent", "told"}:
        office.desk.sent(parcel)
    if moment == "told":
        office.publish()
    office.hears(Erasure("x1", "ada", NOON + HOUR), at=NOON + HOUR)
    if parcel and moment == "in hand":
        assert not office.desk.handing_over(parcel), "it must not go out any more"
    if parcel and moment == "handing over":
        office.desk.sent(parcel)
    assert office.told() == []
    office.publish()
    assert traces(office) == []
    assert office.desk.due(4) == []


def test_an_event_that_was_on_its_way_when_its_customer_was_erased_is_taken_back(office: Office) -> None:
    event = EmailEvent("e1", "ada", "d1", "unsubscribed", NOON)
    office.hears(ADA, event, Erasure("x1", "ada", NOON), at=NOON)
    assert [(record.topic.name, record.value) for record in office.state.untold(9)] == [
        ("email-events", None),
        ("customers", None),
    ]
    office.publish()
    assert traces(office) == []


FOLLOWED = [EmailEvent(f"e-{kind}", "ada", "d1", kind, NOON) for kind in ("clicked", "unsubscribed")]


@pytest.mark.parametrize("event", FOLLOWED, ids=lambda event: event.kind)
def test_a_link_that_is_followed_after_its_customer_was_erased_leaves_nothing(
    office: Office, event: EmailEvent
) -> None:
    office.hears(ADA, NEWS, Erasure("x1", "ada", NOON))
    office.publish()
    office.hears(event)
    office.crash()
    office.settle()
    tombstone = (messages.log_key("ada", event.event_id), None)
    assert [(record.key, record.value) for record in office.state.untold(9)] == [tombstone]
    office.publish()
    office.settle()
    assert traces(office) == []


@pytest.mark.parametrize(
    "known", [ADA, a_list("o9", ["cups"]), a_purchase("o9", "cups")], ids=lambda m: type(m).__name__
)
@pytest.mark.parametrize("is_known_first", [True, False])
def test_an_old_link_of_a_living_customer_unsubscribes_however_little_is_known(
    office: Office, known: Any, is_known_first: bool
) -> None:
    office.hears(*[known, *FOLLOWED] if is_known_first else [*FOLLOWED, known])
    office.settle()
    office.settle()
    assert office.state.untold(9) == []
    assert office.state.step().standing("ada").unsubscribed == "e-unsubscribed"


def test_the_workers_own_tombstone_erases_what_came_after_the_erasure(office: Office) -> None:
    office.hears(ADA, Erasure("x1", "ada", NOON), NEWS)
    office.take(topics.RECOMMENDATIONS, b"ada", None)
    office.publish()
    assert traces(office) == []


def test_a_customer_who_has_come_back_since_the_erasure_keeps_the_address(office: Office) -> None:
    office.hears(ADA, at=NOON + DAY)
    office.hears(Erasure("x1", "ada", NOON), at=NOON)
    assert office.state.step().customer("ada") == ADA


@pytest.mark.parametrize("given_at", [None, NOON])
def test_an_erasure_that_does_not_tell_its_moment_is_about_all_that_was_said_before(
    office: Office, given_at: datetime | None
) -> None:
    office.hears(ADA, NEWS, at=given_at)
    office.hears(Erasure("x1", "ada", NOON), at=None)
    office.publish()
    assert traces(office) == []


def test_an_address_that_does_not_tell_its_moment_was_given_before_every_erasure(office: Office) -> None:
    office.hears(ADA, at=None)
    assert office.state.step().customer("ada") == ADA
    office.hears(Erasure("x1", "ada", NOON), at=NOON)
    assert office.state.step().customer("ada") is None


def test_what_is_not_what_the_contract_says_is_skipped_without_a_word_of_it(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(topics.CUSTOMERS, b"ada", Item("ada@home.example"))
    office.take(topics.RECOMMENDATIONS, b"ada", ADA)
    office.hears(ADA, NEWS)
    assert len(office.desk.due(4)) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "customers/0/1 is not what the contract says and was skipped",
        "recommendations/0/2 is not what the contract says and was skipped",
    ]


def test_sent_emails_are_known_again_where_the_state_was_lost(office: Office) -> None:
    decision = decision_id("ada", NEWS.list_id)
    office.hears(ADA, EmailEvent("e1", "ada", decision, "sent", NOON, ["cups"]), NEWS)
    assert office.desk.due(4) == []


def test_places_are_written_with_what_was_read_there(office: Office) -> None:
    office.hears(ADA, NEWS)
    office.crash()
    assert office.state.place("customers", 0) == 2
    assert office.state.place("recommendations", 0) == 3
    assert office.state.place("purchases", 0) is None


def test_a_state_belongs_to_one_process(office: Office, tmp_path: Path) -> None:
    with pytest.raises(StateInUse, match="if another nextup emails runs"), opened(tmp_path / "state"):
        pass
    assert office.desk.is_idle()
