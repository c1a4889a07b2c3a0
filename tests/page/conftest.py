"""A page that is served by real parts, and a real browser to look at it."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.stack.broker import Broker
from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import connected
from streams.clients.publisher import CataloguePublisher
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Item
from tests import small_model
from tests.integration.workers import BOUGHT_AT, Source
from tests.page.looking import Looking, Shop, a_worker, served_page
from trainer.announcement import announce

CHROMIUM = Path("/usr/bin/chromium")
MODEL = small_model.NAME
CUSTOMERS = 12
ODD_NAMES = {
    "item-10": '<img src=x onerror="alert(1)"><script>alert(2)</script> & "quoted"',
    "item-11": "🍴🎉 Forks for the party 👨‍👩‍👧",
    "item-12": "مناديل ورقية للحفلات مع زهور",
    "item-13": "x" * 10_000,
    "item-14": "averylongwordwithoutaspace" * 20,
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed; run: make test-page")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def shop(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Broker, Triton with two versions of which the first serves, a worker, the page, and some customers."""
    folder = tmp_path_factory.mktemp("page")
    kafka = KafkaConnection(broker.bootstrap_servers, topic_prefix=f"page-{uuid.uuid4().hex[:8]}.")
    topics.ensure(kafka, topics.TopicLayout(partitions=4))
    with TritonServer(folder / "models", folder / "triton") as triton:
        _release(kafka, triton)
        _fill(kafka)
        shop = Shop(kafka, triton, folder)
        with a_worker(shop) as worker, served_page(shop) as url:
            shop.worker, shop.url = worker, url
            yield shop


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may stop: nobody else is on it."""
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def own_shop(shop: Shop, own_broker: Broker, tmp_path: Path) -> Iterator[Shop]:
    """Another shop on `own_broker`, with the models of `shop`."""
    kafka = KafkaConnection(own_broker.bootstrap_servers)
    topics.ensure(kafka, topics.TopicLayout(partitions=2))
    announce(kafka, ModelRepository(shop.triton.model_repository).read(MODEL, 1).metadata, "test")
    _fill(kafka)
    own = Shop(kafka, shop.triton, tmp_path)
    with a_worker(own) as worker, served_page(own) as url:
        own.worker, own.url = worker, url
        yield own


@pytest.fixture
def looking(browser: Browser, shop: Shop) -> Iterator[Looking]:
    """Opens pages; whatever they complained of, or fetched from elsewhere, fails the test at its end."""
    with Looking(browser, shop.url) as opened:
        yield opened
        opened.check()


def _release(kafka: KafkaConnection, triton: TritonServer) -> None:
    repository = ModelRepository(triton.model_repository)
    for version in (1, 2):
        small_model.publish(repository, version, shift=3 * version)
    repository.pin(MODEL, [1])
    with connected(TritonSettings(triton.grpc_address)) as control:
        control.load(MODEL, [1])
    announce(kafka, repository.read(MODEL, 1).metadata, "test")


def _fill(kafka: KafkaConnection) -> None:
    with CataloguePublisher(kafka) as catalogue:
        for number, item_id in enumerate(small_model.ITEM_IDS):
            catalogue.publish(Item(item_id, ODD_NAMES.get(item_id, f"Product number {number}")))
    source = Source(kafka)
    for number in range(CUSTOMERS):
        items = small_model.ITEM_IDS[number : number + 3]
        source.buy(f"customer-{number}", f"before-{number}", *items, at=BOUGHT_AT + timedelta(minutes=number))
    source.send(b"nobody", b'{"type": "purchase", "broken')
    source.flush()
