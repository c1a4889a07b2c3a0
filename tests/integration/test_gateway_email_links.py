"""Links of emails against a real gateway and a real broker: who follows them, and what of it is on the topic."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deploy.stack.broker import Broker
from streams.contract import email_messages, messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import EmailEvent
from streams.emails.links import Link, Links
from streams.emails.standing import Standing, after_event
from streams.gateway import email_pages, keys
from streams.gateway.email_links import CLICK, UNSUBSCRIBE
from tests.emails_made import SHOP
from tests.integration.gateways import RunningGateway, email_settings, running_gateway
from tests.integration.workers import eventually, records

SECRET = "a secret of these tests"  # noqa: S105 - it signs links of these tests alone
LINKS = Links(SECRET.encode(), SHOP)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(scope="module")
def kafka(broker: Broker) -> KafkaConnection:
    connection = KafkaConnection(broker.bootstrap_servers, topic_prefix=f"links-{uuid.uuid4().hex[:8]}.")
    topics.ensure(connection, topics.TopicLayout(partitions=2))
    return connection


@pytest.fixture(scope="module")
def gateway(kafka: KafkaConnection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway that asks for keys, and a client without one."""
    folder = tmp_path_factory.mktemp("links")
    _, kept = keys.new_key("somebody else", ["read", "write"], datetime.now(UTC))
    keys.write_keys(folder / "keys.json", [kept])
    with running_gateway(kafka, folder, **email_settings(folder, SECRET)) as running:
        yield running


@pytest.fixture
def user_id() -> str:
    return f"u-{uuid.uuid4()}"


def click_token(user_id: str) -> str:
    return LINKS.token(Link("clicked", user_id, "d1", "a/b 🧦"))


def unsubscribe_token(user_id: str) -> str:
    return LINKS.token(Link("unsubscribed", user_id, "d1"))


def forged(token: str) -> str:
    return Links(b"the secret of another", SHOP).token(LINKS.read(token))


def events_of(kafka: KafkaConnection, user_id: str) -> list[EmailEvent]:
    found = [message for message in records(kafka, topics.EMAIL_EVENTS) if user_id.encode() in (message.key() or b"")]
    events = [email_messages.email_event.decode(message.value() or b"") for message in found]
    keys_of_events = [messages.log_key(event.user_id, event.event_id) for event in events]
    assert keys_of_events == [message.key() for message in found]
    return events


def wait_for_events(kafka: KafkaConnection, user_id: str, count: int) -> list[EmailEvent]:
    found: list[EmailEvent] = eventually(lambda: events_of(kafka, user_id), lambda e: len(e) == count, "the events")
    return found


def assert_kept_by_nobody(answer: httpx.Response) -> None:
    assert (
        email_pages.LEADING_NOWHERE.items()
        <= {name: answer.headers.get(name) for name in email_pages.LEADING_NOWHERE}.items()
    )


def test_a_click_leads_on_to_the_shop_and_is_an_event_once_however_often(
    gateway: RunningGateway, kafka: KafkaConnection, user_id: str
) -> None:
    for _ in range(2):
        answer = gateway.client.get(CLICK, params={"t": click_token(user_id)})
        assert answer.status_code == 303
        assert answer.headers["location"] == "https://shop.example/p/a%2Fb%20%F0%9F%A7%A6"
        assert_kept_by_nobody(answer)
    first, second = wait_for_events(kafka, user_id, 2)
    assert (first.kind, first.user_id, first.decision_id, first.items) == ("clicked", user_id, "d1", ["a/b 🧦"])
    assert first.event_id == second.event_id


def test_an_unsubscription_takes_one_post_and_is_on_the_topic_when_it_is_answered(
    gateway: RunningGateway, kafka: KafkaConnection, user_id: str
) -> None:
    for count in (1, 2):
        answer = gateway.client.post(UNSUBSCRIBE, params={"t": unsubscribe_token(user_id)}, data=ONE_CLICK)
        assert answer.status_code == 200
        assert_kept_by_nobody(answer)
        assert "You are unsubscribed" in answer.text
        events = events_of(kafka, user_id)
        assert len(events) == count
    assert {(event.kind, event.user_id, event.decision_id) for event in events} == {("unsubscribed", user_id, "d1")}
    assert len({event.event_id for event in events}) == 1
    assert after_event(Standing(), events[0]).unsubscribed == events[0].event_id


def test_who_only_looks_changes_nothing(gateway: RunningGateway, kafka: KafkaConnection, user_id: str) -> None:
    click, unsubscribe = {"t": click_token(user_id)}, {"t": unsubscribe_token(user_id)}
    head = gateway.client.head(CLICK, params=click)
    assert (head.status_code, head.headers["location"][:23]) == (303, "https://shop.example/p/")
    assert gateway.client.head(UNSUBSCRIBE, params=unsubscribe).status_code == 200
    page = gateway.client.get(UNSUBSCRIBE, params=unsubscribe)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "No more emails from The Shop?" in page.text
    assert_kept_by_nobody(page)
    # What came before this one would be on the topic as well.
    gateway.client.post(UNSUBSCRIBE, params=unsubscribe)
    assert [event.kind for event in wait_for_events(kafka, user_id, 1)] == ["unsubscribed"]


def test_a_link_that_is_not_ours_is_refused_with_words_and_is_no_event(
    gateway: RunningGateway, kafka: KafkaConnection, user_id: str
) -> None:
    click, unsubscribe = click_token(user_id), unsubscribe_token(user_id)
    for_click = [forged(click), unsubscribe, click[:-3], click + "é", "", "\x00"]
    for_unsubscribing = [forged(unsubscribe), click, unsubscribe[:-3]]
    answers = [
        *(gateway.client.request(method, CLICK, params={"t": t}) for t in for_click for method in ("GET", "HEAD")),
        *(gateway.client.get(UNSUBSCRIBE, params={"t": token}) for token in for_unsubscribing),
        *(gateway.client.post(UNSUBSCRIBE, params={"t": t}, data=ONE_CLICK) for t in for_unsubscribing),
        gateway.client.get(CLICK),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert_kept_by_nobody(answer)
        if answer.request.method != "HEAD":
            assert "This link does not work" in answer.text
            assert user_id not in answer.text
    gateway.client.post(UNSUBSCRIBE, params={"t": unsubscribe})
    assert len(wait_for_events(kafka, user_id, 1)) == 1


def test_a_body_that_is_too_large_is_refused_and_unsubscribes_nobody(
    gateway: RunningGateway, kafka: KafkaConnection, user_id: str
) -> None:
    token = {"t": unsubscribe_token(user_id)}
    assert gateway.client.post(UNSUBSCRIBE, params=token, content=b"x" * 1_100_000).status_code == 413
    assert events_of(kafka, user_id) == []


def test_an_address_that_asks_too_often_is_told_when_to_come_back(kafka: KafkaConnection, tmp_path: Path) -> None:
    rare = {"NEXTUP_GATEWAY_BURST": "2", "NEXTUP_GATEWAY_REQUESTS_PER_SECOND": "0.001"}
    with running_gateway(kafka, tmp_path, **email_settings(tmp_path, SECRET), **rare) as gateway:
        answers = [gateway.client.get(CLICK) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [404, 404, 429]
        assert int(answers[2].headers["Retry-After"]) > 0
        # A proxy on this machine says who asks.
        other = gateway.client.get(CLICK, headers={"X-Forwarded-For": "198.51.100.1"})
        assert other.status_code == 404


def test_without_a_secret_there_are_no_such_addresses(kafka: KafkaConnection, tmp_path: Path, user_id: str) -> None:
    with running_gateway(kafka, tmp_path) as gateway:
        for path in (CLICK, UNSUBSCRIBE):
            answer = gateway.client.get(path, params={"t": click_token(user_id)})
            assert (answer.status_code, answer.json()["reason"]) == (404, "not-found")
        assert not {CLICK, UNSUBSCRIBE} & gateway.client.get("/openapi.json").json()["paths"].keys()


def test_while_no_broker_answers_a_click_leads_on_and_an_unsubscription_is_asked_for_again(
    tmp_path: Path, user_id: str
) -> None:
    click, unsubscribe = {"t": click_token(user_id)}, {"t": unsubscribe_token(user_id)}
    lost = 'nextup_gateway_email_links_total{link="clicked",result="lost"}'
    with Broker(tmp_path / "broker") as broker:
        kafka = KafkaConnection(broker.bootstrap_servers)
        topics.ensure(kafka, topics.TopicLayout())
        more = email_settings(tmp_path, SECRET)
        with running_gateway(kafka, tmp_path, NEXTUP_GATEWAY_DELIVERY_TIMEOUT_S="2", **more) as gateway:
            broker.stop()
            assert gateway.client.get(CLICK, params=click).status_code == 303
            refused = gateway.client.post(UNSUBSCRIBE, params=unsubscribe, data=ONE_CLICK)
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert "you are not unsubscribed yet" in refused.text
            assert_kept_by_nobody(refused)
            eventually(lambda: gateway.metric(lost), lambda count: count == 1, "the click to be counted as lost")
            broker.start()
            eventually(
                lambda: gateway.client.post(UNSUBSCRIBE, params=unsubscribe, data=ONE_CLICK).status_code,
                lambda status: status == 200,
                "an unsubscription that is taken again",
            )
            assert {event.kind for event in events_of(kafka, user_id)} == {"unsubscribed"}
        log = (tmp_path / "gateway.log").read_text()
        # Which of the two is lost first is chance; each is told.
        assert "the customer was led on all the same" in log
        assert "the customer is asked to try again" in log
        assert user_id not in log
        assert unsubscribe["t"] not in log
