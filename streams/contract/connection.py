"""How to reach the brokers: one typed class that every client of ours is built from."""

import logging
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from streams.contract.seldom import Seldom

Protocol: TypeAlias = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

librdkafka_log = logging.getLogger("streams.librdkafka")
"""Where the C library's own lines go; silent in a program that sets up no logging."""
librdkafka_log.addHandler(logging.NullHandler())
librdkafka_log.addFilter(Seldom(every_s=10.0))  # while a broker is away, each client tells it many times a second


NOTHING_LOST: Mapping[str, Any] = MappingProxyType({"acks": "all", "enable_idempotence": True, "max_in_flight": 1})
"""Settings of a producer whose reports can be believed. With several requests under way the first batch may reach a new
partition before its leader is ready, and the second be taken for the beginning; the first, sent again, is then taken
for a repetition: reported as delivered, and lost."""


class KafkaConnection(Struct, frozen=True, forbid_unknown_fields=True):
    """Brokers and security, in Kafka's own words, and the prefix that our topics carry on a shared cluster."""

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Protocol = "PLAINTEXT"
    sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: str = ""
    ssl_ca_file: str = ""
    ssl_certificate_file: str = ""
    ssl_key_file: str = ""
    topic_prefix: str = ""

    def __repr__(self) -> str:
        """Without the password: this ends up in logs."""
        return f"KafkaConnection({self.bootstrap_servers}, {self.security_protocol})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As above, for rich, which would otherwise show every field."""
        return [("bootstrap_servers", self.bootstrap_servers), ("security_protocol", self.security_protocol)]

    @property
    def uses_sasl(self) -> bool:
        return self.security_protocol.startswith("SASL")

    @property
    def uses_tls(self) -> bool:
        return self.security_protocol.endswith("SSL")

    def for_confluent(self, **more: Any) -> dict[str, Any]:
        """Configuration of a confluent-kafka client; `more` has librdkafka's names with _ for dots.

        Callbacks (`error_cb`, `stats_cb`) keep their underscore, as they do there.
        """
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "logger": librdkafka_log,
        }
        if self.uses_sasl:
            config |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        files = {
            "ssl.ca.location": self.ssl_ca_file,
            "ssl.certificate.location": self.ssl_certificate_file,
            "ssl.key.location": self.ssl_key_file,
        }
        if self.uses_tls:
            config |= {name: path for name, path in files.items() if path}
        return config | {_dotted(name): value for name, value in more.items()}

    def ssl_context(self) -> ssl.SSLContext | None:
        """TLS settings for clients written in Python, or None where the protocol has no TLS."""
        if not self.uses_tls:
            return None
        context = ssl.create_default_context(cafile=self.ssl_ca_file or None)
        if self.ssl_certificate_file:
            context.load_cert_chain(self.ssl_certificate_file, self.ssl_key_file or None)
        return context


def _dotted(name: str) -> str:
    return name if name.endswith("_cb") else name.replace("_", ".")
