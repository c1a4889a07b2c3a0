"""Connection settings reach every client, and secrets reach no log."""

import io
import ssl
from typing import Any

import pytest
from rich.console import Console

from streams.contract.connection import KafkaConnection, Protocol

SECRET = "swordfish"  # noqa: S105 - a made-up one


def connection(protocol: Protocol, **more: Any) -> KafkaConnection:
    return KafkaConnection("broker:9092", protocol, sasl_username="shop", sasl_password=SECRET, **more)


def confluent(protocol: Protocol, **more: Any) -> dict[str, object]:
    settings = connection(protocol, **more).for_confluent()
    del settings["logger"]
    return settings


SASL = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "shop", "sasl.password": SECRET}


@pytest.mark.parametrize(
    ("protocol", "security"), [("PLAINTEXT", {}), ("SSL", {}), ("SASL_PLAINTEXT", SASL), ("SASL_SSL", SASL)]
)
def test_each_protocol_has_the_settings_it_needs_and_no_others(protocol: Protocol, security: dict[str, str]) -> None:
    expected = {"bootstrap.servers": "broker:9092", "security.protocol": protocol}
    assert confluent(protocol) == expected | security


def test_certificates_are_named_where_there_is_tls() -> None:
    files = {"ssl_ca_file": "ca.pem", "ssl_certificate_file": "me.pem", "ssl_key_file": "me.key"}
    named = {"ssl.ca.location": "ca.pem", "ssl.certificate.location": "me.pem", "ssl.key.location": "me.key"}
    assert named.items() <= confluent("SSL", **files).items()
    assert not named.keys() & confluent("PLAINTEXT", **files).keys()


def test_more_settings_are_given_with_underscores_and_win() -> None:
    settings = connection("PLAINTEXT").for_confluent(linger_ms=5, security_protocol="SSL")
    assert settings["linger.ms"] == 5
    assert settings["security.protocol"] == "SSL"


def test_python_clients_get_a_verifying_tls_context_only_with_tls() -> None:
    assert connection("SASL_PLAINTEXT").ssl_context() is None
    context = connection("SASL_SSL").ssl_context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_the_password_is_in_no_way_of_printing_it() -> None:
    secretive = connection("SASL_SSL")
    console = Console(file=io.StringIO(), width=200)
    console.print(secretive)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "broker:9092" in printed
    for text in (repr(secretive), str(secretive), f"{secretive}", printed):
        assert SECRET not in text
