"""The clients against a broker that asks for TLS and a password: both get through, and a refusal says why."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from msgspec.structs import replace

from deploy.stack.broker import Broker
from deploy.stack.ports import LOOPBACK, free_ports
from streams.clients import BrokerUnavailable, KafkaConnection, Line, Purchase, PurchasePublisher
from streams.clients import RecommendationSubscriber as Subscriber
from streams.contract import topics
from streams.contract.reading import read_to_end

PASSWORD = "correct horse battery staple"  # noqa: S105 - a made-up one
CONNECT: list[Callable[[KafkaConnection], object]] = [PurchasePublisher, Subscriber, topics.check]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a broker's certificate, the authority that signed it, and one that did not."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    (folder / "broker.pem").write_bytes(_key_and_chain(authority.issue_cert(LOOPBACK)))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other-ca.pem"))
    return folder


def _key_and_chain(certificate: trustme.LeafCert) -> bytes:
    """As Kafka reads it: the key in PKCS 8."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    return b"".join(
        [
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            *(blob.bytes() for blob in certificate.cert_chain_pems),
        ]
    )


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[KafkaConnection]:
    """The connection settings that a broker with SASL_SSL asks for; its topics are made."""
    plain, sasl, controller = free_ports(3)
    settings = {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{plain},SASL_SSL://{LOOPBACK}:{sasl},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{plain},SASL_SSL://{LOOPBACK}:{sasl}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates / "broker.pem"),
    }
    with Broker(tmp_path_factory.mktemp("secured"), port=plain, settings=settings) as broker:
        _add_user(broker.bootstrap_servers, "shop")
        connection = KafkaConnection(
            f"{LOOPBACK}:{sasl}",
            "SASL_SSL",
            sasl_username="shop",
            sasl_password=PASSWORD,
            ssl_ca_file=str(certificates / "ca.pem"),
        )
        topics.ensure(connection, topics.TopicLayout(partitions=2))
        yield connection


def _add_user(bootstrap_servers: str, name: str) -> None:
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    user = UserScramCredentialUpsertion(name, credential, PASSWORD.encode())
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for done in admin.alter_user_scram_credentials([user]).values():
        done.result(timeout=30)


def test_a_purchase_gets_through_and_lists_are_followed(secured: KafkaConnection) -> None:
    order = Purchase("order-1", "customer-7", datetime.now(UTC), [Line("22613")])
    with Subscriber(secured) as lists, PurchasePublisher(secured) as publisher:
        receipt = publisher.publish_and_wait(order)
        assert lists.receive(timeout_s=0.5) is None
        assert lists.latest("customer-7") is None
    (record,) = read_to_end(secured, topics.PURCHASES.name)
    assert (record.partition(), record.offset()) == (receipt.partition, receipt.offset)


@pytest.mark.parametrize("connect", CONNECT)
def test_a_wrong_password_is_told_and_not_waited_for(
    secured: KafkaConnection, connect: Callable[[KafkaConnection], object]
) -> None:
    with pytest.raises(BrokerUnavailable, match=r"refused this client: .*Authentication failed.*sasl_") as caught:
        connect(replace(secured, sasl_password="wrong"))  # noqa: S106 - a made-up one
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("connect", CONNECT)
def test_a_certificate_of_another_authority_is_told(
    secured: KafkaConnection, certificates: Path, connect: Callable[[KafkaConnection], object]
) -> None:
    with pytest.raises(BrokerUnavailable, match=r"refused this client: .*certificate verify failed"):
        connect(replace(secured, ssl_ca_file=str(certificates / "other-ca.pem")))


@pytest.mark.parametrize("connect", CONNECT)
def test_without_tls_and_password_nobody_gets_in(
    secured: KafkaConnection, monkeypatch: pytest.MonkeyPatch, connect: Callable[[KafkaConnection], object]
) -> None:
    monkeypatch.setattr("streams.contract.reading.TIMEOUT_S", 2.0)
    monkeypatch.setattr("streams.contract.topics.TIMEOUT_S", 2.0)
    monkeypatch.setattr("streams.clients.delivery.CONNECT_TIMEOUT_S", 2.0)
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="no broker answered at"):
        connect(KafkaConnection(secured.bootstrap_servers))
    assert time.monotonic() - started < 60
