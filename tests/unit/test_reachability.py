"""What a client knows of its brokers from the library's reports."""

from confluent_kafka import KafkaError

from streams.contract.reachability import Reachability

AWAY = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
REFUSED = KafkaError(KafkaError._AUTHENTICATION, "invalid credentials")


def test_brokers_are_there_until_all_are_reported_gone() -> None:
    reachability = Reachability("broker:9092")
    reachability.told(KafkaError(KafkaError._TRANSPORT, "one of them disconnected"))
    assert reachability.away_for() is None
    reachability.told(AWAY)
    assert reachability.away_for() is not None
    reachability.answered()
    assert reachability.away_for() is None


def test_a_second_report_does_not_begin_the_absence_anew() -> None:
    reachability = Reachability()
    reachability.told(AWAY)
    first = reachability.away_for()
    reachability.told(AWAY)
    again = reachability.away_for()
    assert first is not None
    assert again is not None
    assert again >= first


def test_the_error_says_where_and_why() -> None:
    reachability = Reachability("broker:9092")
    assert str(reachability.unavailable(9.6, "timed out")) == "no broker answered at broker:9092 within 10 s: timed out"
    reachability.told(REFUSED)
    told = str(reachability.unavailable(9.6, "timed out"))
    assert told.startswith(
        "the broker at broker:9092 refused this client: invalid credentials; check security_protocol"
    )
