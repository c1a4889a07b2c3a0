"""The SMTP server refuses, is slow, hangs up or is away; and a kill at the one moment that nobody can mend."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from deploy.stack.process import wait_until
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer
from streams.emails.dry_run import outlooks
from streams.emails.rules import read_rules
from tests.emails.emailing import OPEN_RULES, VALID, Emailing
from tests.emails.mail import MailServer
from tests.emails.sending import send
from tests.emails_made import a_list
from tests.integration.workers import records

START = datetime(2011, 11, 9, 12, tzinfo=UTC)
USERS = [f"customer-{number}" for number in range(12)]


@pytest.fixture
def emailing(kafka: KafkaConnection, mail: MailServer, tmp_path: Path) -> Iterator[Emailing]:
    """Not yet started: all customers have a list that is news."""
    customers = {messages.user_key(u): Customer(u, f"{u}@mail.example") for u in USERS}
    send(kafka, topics.CUSTOMERS, {key: messages.encode(customer) for key, customer in customers.items()})
    lists = {messages.user_key(u): a_list("o1", ["cups"], user_id=u, at=START) for u in USERS}
    send(kafka, topics.RECOMMENDATIONS, {key: messages.encode(made) for key, made in lists.items()})
    process = Emailing(kafka, mail, tmp_path / "emails", OPEN_RULES)
    yield process
    process.stop()
    assert "@mail.example" not in process.process.log.read_text()


@pytest.fixture
def nextup(kafka: KafkaConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, with the settings of the test."""
    monkeypatch.setenv("NEXTUP_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("NEXTUP_KAFKA_TOPIC_PREFIX", kafka.topic_prefix)
    monkeypatch.setenv("NEXTUP_EMAILS_RULES", str(tmp_path / "emails" / "rules.toml"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(main, ["emails", *arguments])
        assert result.exit_code == 0, result.output
        return result

    return run


def arrivals(mail: MailServer) -> Counter[str]:
    return Counter(letter.recipient.partition("@")[0] for letter in mail.taken())


def test_an_outage_delays_emails_and_loses_none(mail: MailServer, emailing: Emailing) -> None:
    mail.stop()
    emailing.start_at(START)
    emailing.rest_at(START)
    assert arrivals(mail) == {}
    mail.start()
    emailing.rest_at(START + timedelta(minutes=5))
    assert arrivals(mail) == dict.fromkeys(USERS, 1)
    assert {letter.date for letter in mail.taken()} == {START + timedelta(minutes=5)}


def test_what_could_not_be_sent_in_time_is_given_up_and_listed(
    mail: MailServer, emailing: Emailing, nextup: Callable[..., Result]
) -> None:
    mail.behave("full")
    emailing.start_at(START)
    for hour in range(1, 11):
        emailing.rest_at(START + timedelta(hours=hour))
    mail.behave("kind")
    emailing.rest_at(START + timedelta(days=1))
    assert arrivals(mail) == {}
    listed = nextup("given-up").output
    assert listed.count("too late: the SMTP server said 452") == len(USERS)
    assert all(user_id in listed for user_id in USERS)


def test_a_refusal_for_good_is_given_up_at_once_and_a_dead_letter(
    kafka: KafkaConnection, mail: MailServer, emailing: Emailing, nextup: Callable[..., Result]
) -> None:
    mail.behave("strict")
    emailing.start_at(START)
    emailing.rest_at(START)
    assert nextup("given-up").output.count("the SMTP server said 550") == len(USERS)
    letters = records(kafka, topics.DEAD_LETTERS)
    assert {letter.key() for letter in letters} == {messages.user_key(user_id) for user_id in USERS}
    assert {dict(letter.headers() or [])["error.text"] for letter in letters} == {b"the SMTP server said 550"}
    assert not [letter for letter in letters if b"@" in (letter.value() or b"")]


@pytest.mark.parametrize("mood", ["slow", "hangs-up"])
def test_a_server_that_is_slow_or_hangs_up_gets_each_email_once_in_the_end(
    mail: MailServer, emailing: Emailing, mood: str
) -> None:
    mail.behave(mood)
    emailing.start_at(START)
    emailing.rest_at(START)
    mail.behave("kind")
    emailing.rest_at(START + timedelta(hours=1))
    assert arrivals(mail) == dict.fromkeys(USERS, 1)


@pytest.mark.parametrize(
    ("if_unknown", "arrivals_each", "n_given_up"), [("assume-taken", 1, 0), ("resend", 2, 0), ("give-up", 1, 4)]
)
def test_killed_before_the_servers_answer_no_email_is_lost_and_none_comes_twice_unless_chosen(
    mail: MailServer, emailing: Emailing, nextup: Callable[..., Result], if_unknown: str, arrivals_each: int,
    n_given_up: int,
) -> None:  # fmt: skip
    emailing.set("NEXTUP_EMAILS_IF_UNKNOWN", if_unknown)
    mail.behave("stalls")
    emailing.start_at(START)
    wait_until(lambda: len(mail.taken()) == 4, 120, "as many emails as there are connections were taken")
    killed = {letter.message_id for letter in mail.taken()}
    mail.behave("kind")
    emailing.kill()
    emailing.rest_at(START)
    taken = Counter(letter.message_id for letter in mail.taken())
    assert len(taken) == len(USERS), "none is lost"
    assert {message_id: n for message_id, n in taken.items() if n > 1} == (
        dict.fromkeys(killed, 2) if arrivals_each == 2 else {}
    )
    assert nextup("given-up").output.count("it may have arrived") == n_given_up


def test_a_dry_run_tells_what_would_be_sent_and_why_not_and_sends_nothing(
    kafka: KafkaConnection, mail: MailServer, emailing: Emailing, nextup: Callable[..., Result]
) -> None:
    def outlook(moment: datetime) -> Counter[tuple[str, str]]:
        found = outlooks(kafka, read_rules(emailing.folder / "rules.toml"), mail.settings(), {}, lambda: moment)
        return Counter((each.what, each.reason) for each in found)

    stranger = a_list("o1", ["cups"], user_id="stranger", at=START)
    send(kafka, topics.RECOMMENDATIONS, {b"stranger": messages.encode(stranger)})
    assert outlook(START) == {("send", ""): 12, ("never", "no address is known"): 1}
    assert outlook(START + VALID) == {("never", "too late: nobody looked at it in time"): 13}
    emailing.start_at(START)
    emailing.rest_at(START)
    assert arrivals(mail) == dict.fromkeys(USERS, 1)
    assert outlook(START) == {("never", "no address is known"): 1}, "what was sent is known from the topic"
    fresh = a_list("o2", ["forks"], user_id=USERS[0], at=datetime.now(UTC))
    send(kafka, topics.RECOMMENDATIONS, {messages.user_key(USERS[0]): messages.encode(fresh)})
    assert "1 send" in nextup("--dry-run").output


def test_the_report_counts_what_became_of_the_emails(
    mail: MailServer, emailing: Emailing, nextup: Callable[..., Result]
) -> None:
    assert "0 emails to 0 customers" in nextup("report").output
    emailing.start_at(START)
    emailing.rest_at(START)
    assert "12 emails to 12 customers; 0 withheld" in nextup("report").output
