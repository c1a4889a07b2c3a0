"""Whether brokers can be reached, and if not, why."""

import time
from typing import Any, TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from streams.contract.errors import BrokerUnavailable, TopicMismatch

Client: TypeAlias = Producer | Consumer | AdminClient

_REFUSED = (KafkaError._AUTHENTICATION, KafkaError._SSL)
_STEP_S = 1.0


class Reachability:
    """What one client has heard of its brokers; `told` goes into the client's settings as `error_cb`.

    librdkafka connects anew for ever and in silence: only here it tells what goes wrong, and only while
    the client is polled.
    """

    def __init__(self, servers: str = "") -> None:
        self._at = f" at {servers}" if servers else ""
        self.refusal = ""
        """Why a broker has turned this client away, which no waiting mends; "" if none has."""
        self._away_since: float | None = None

    def told(self, error: KafkaError) -> None:
        """Take in one report of the library."""
        if error.code() in _REFUSED:
            self.refusal = error.str()
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and self._away_since is None:
            self._away_since = time.monotonic()

    def answered(self) -> None:
        """A broker has answered: whatever was wrong is over."""
        self._away_since, self.refusal = None, ""

    def wait_anew(self) -> None:
        """From now on, for whoever counts how long no broker could be reached."""
        self._away_since = time.monotonic()

    def away_for(self) -> float | None:
        """Seconds for which no broker could be reached; None while one can, as far as is known."""
        return None if self._away_since is None else time.monotonic() - self._away_since

    def unavailable(self, waited_s: float, why: str) -> BrokerUnavailable:
        """The error to raise, with the reason that a broker gave where one did."""
        if self.refusal:
            return BrokerUnavailable(
                f"the broker{self._at} refused this client: {self.refusal}; check security_protocol, "
                "the sasl_ and the ssl_ settings"
            )
        return BrokerUnavailable(f"no broker answered{self._at} within {waited_s:.0f} s: {why}")


def topic_metadata(client: Client, topic: str, reachability: Reachability, timeout_s: float) -> Any:
    """What the brokers know of a topic, as confluent-kafka's TopicMetadata.

    Raises as `topics_known` does, and TopicMismatch where there is no such topic.
    """
    metadata = topics_known(client, reachability, timeout_s, topic)[topic]
    if metadata.error is not None:
        raise TopicMismatch(f"{topic}: {metadata.error.str()}; create the topics with: nextup topics")
    return metadata


def topics_known(client: Client, reachability: Reachability, timeout_s: float, topic: str | None = None) -> Any:
    """What the brokers know of all topics, or of one, by name: the first question of a client.

    Raises BrokerUnavailable, at once where a broker turns this client away, else after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            known = client.list_topics(topic, timeout=min(_STEP_S, timeout_s)).topics
        except KafkaException as error:
            client.poll(0)
            if reachability.refusal or time.monotonic() >= deadline:
                raise reachability.unavailable(timeout_s, error.args[0].str()) from None
        else:
            reachability.answered()
            return known
