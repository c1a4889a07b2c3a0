"""`nextup emails` itself, by the clock on the wall: from a list to an email and to the events, and what stops it."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from deploy.stack.process import ChildProcess, wait_until
from streams.contract import email_messages, messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer
from streams.contract.messages import Erasure
from streams.emails.feedback import Feedback
from streams.emails.links import Links
from streams.emails.rules import read_rules
from tests.emails.emailing import OPEN_RULES, variables_of
from tests.emails.letters import tokens_of
from tests.emails.mail import SECRET, MailServer
from tests.emails.sending import send
from tests.emails_made import a_list
from tests.integration.workers import environment_of, eventually, records

COMMAND = (sys.executable, "-m", "deploy", "emails")


@pytest.fixture
def environment(kafka: KafkaConnection, mail: MailServer, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "rules.toml").write_text(OPEN_RULES)
    own = {"NEXTUP_EMAILS_RULES": str(tmp_path / "rules.toml"), "NEXTUP_EMAILS_DATADIR": str(tmp_path / "state")}
    return environment_of(kafka, **variables_of(mail) | own)


def told(kafka: KafkaConnection) -> list[tuple[str, str]]:
    values = [message.value() for message in records(kafka, topics.EMAIL_EVENTS)]
    events = [email_messages.email_event.decode(value) for value in values if value is not None]
    return sorted((event.user_id, event.kind) for event in events)


def newest(kafka: KafkaConnection) -> dict[bytes, bytes | None]:
    """What compaction leaves of the events."""
    return {message.key() or b"": message.value() for message in records(kafka, topics.EMAIL_EVENTS)}


async def test_a_list_becomes_an_email_and_what_is_done_with_its_links_is_told(
    kafka: KafkaConnection, mail: MailServer, environment: dict[str, str], tmp_path: Path
) -> None:
    customers = tmp_path / "customers.jsonl"
    customers.write_text(json.dumps({"user_id": "ada", "email": "ada@home.example"}))
    feedback = Feedback(kafka, Links(SECRET.encode(), read_rules(tmp_path / "rules.toml").sending))
    command = [*COMMAND, "--customers", str(customers)]
    with ChildProcess(command, name="emails", log=tmp_path / "emails.log", environment=environment) as process:
        fresh = a_list("o1", ["cups"], at=datetime.now(UTC))
        send(kafka, topics.RECOMMENDATIONS, {b"ada": messages.encode(fresh)})
        wait_until(lambda: len(mail.taken()) == 1, 120, "the email")
        click, unsubscribe = tokens_of(mail.taken()[0])
        assert await feedback.clicked(click, datetime.now(UTC)) == "https://shop.example/p/cups"
        await feedback.unsubscribed(unsubscribe, datetime.now(UTC))
        eventually(lambda: told(kafka), lambda events: len(events) == 3, "its events")
        assert process.stop(60) == 0
    feedback.close()
    assert told(kafka) == [("ada", "clicked"), ("ada", "sent"), ("ada", "unsubscribed")]
    assert "@home.example" not in (tmp_path / "emails.log").read_text()


async def test_links_that_are_followed_after_the_customer_was_erased_leave_nothing_on_the_topic(
    kafka: KafkaConnection, mail: MailServer, environment: dict[str, str], tmp_path: Path
) -> None:
    feedback = Feedback(kafka, Links(SECRET.encode(), read_rules(tmp_path / "rules.toml").sending))
    with ChildProcess(COMMAND, name="emails", log=tmp_path / "emails.log", environment=environment) as process:
        send(kafka, topics.CUSTOMERS, {b"ada": messages.encode(Customer("ada", "ada@home.example"))})
        send(kafka, topics.RECOMMENDATIONS, {b"ada": messages.encode(a_list("o1", ["cups"], at=datetime.now(UTC)))})
        wait_until(lambda: len(mail.taken()) == 1, 120, "the email")
        click, unsubscribe = tokens_of(mail.taken()[0])
        send(kafka, topics.PURCHASES, {b"ada": messages.encode(Erasure("x1", "ada", datetime.now(UTC)))})
        eventually(lambda: newest(kafka), lambda found: list(found.values()) == [None], "what was sent is taken back")
        await feedback.clicked(click, datetime.now(UTC))
        await feedback.unsubscribed(unsubscribe, datetime.now(UTC))
        eventually(lambda: newest(kafka), lambda found: list(found.values()) == [None] * 3, "what links said, too")
        assert process.stop(60) == 0
    feedback.close()


def test_a_stop_waits_neither_for_the_broker_nor_for_the_smtp_server_and_loses_and_doubles_nothing(
    mail: MailServer, environment: dict[str, str], tmp_path: Path
) -> None:
    mail.behave("stalls")
    with Broker(tmp_path / "broker") as broker:
        kafka = KafkaConnection(bootstrap_servers=broker.bootstrap_servers)
        topics.ensure(kafka, topics.TopicLayout(partitions=1))
        environment |= environment_of(kafka)
        send(kafka, topics.CUSTOMERS, {b"ada": messages.encode(Customer("ada", "ada@home.example"))})
        send(kafka, topics.RECOMMENDATIONS, {b"ada": messages.encode(a_list("o1", ["cups"], at=datetime.now(UTC)))})
        process = ChildProcess(COMMAND, name="emails", log=tmp_path / "emails.log", environment=environment)
        with process:
            wait_until(lambda: len(mail.taken()) == 1, 120, "the email")
            broker.process.send_signal(signal.SIGKILL)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert "1 emails are left in the middle" in process.log.read_text()
        broker.start()
        mail.behave("kind")
        with process:
            eventually(lambda: told(kafka), lambda events: events == [("ada", "sent")], "its event")
    assert len(mail.taken()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("NEXTUP_EMAILS_RULES", "/nowhere/rules.toml", "error: /nowhere/rules.toml: cannot be read"),
        ("NEXTUP_EMAILS_LINK_SECRET", "short", "error: emails.link_secret has 5 characters; set "),
        ("NEXTUP_EMAILS_SMTP_SECURITY", "ssl", "expected one of none, starttls, tls"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(environment: dict[str, str], variable: str, value: str, words: str) -> None:
    done = subprocess.run(
        COMMAND, env=environment | {variable: value}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
