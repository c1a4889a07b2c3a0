"""Which items may be recommended."""

from streams.contract import messages
from streams.contract.messages import Item
from streams.worker.catalogue import Catalogue


def test_an_item_the_shop_never_described_is_available() -> None:
    assert Catalogue().is_available("a")


def test_a_withdrawn_item_is_not_available_until_it_is_back() -> None:
    catalogue = Catalogue()
    catalogue.on_record(b"a", messages.encode(Item("a", "A", available=False)))
    assert not catalogue.is_available("a")
    catalogue.on_record(b"a", messages.encode(Item("a", "A")))
    assert catalogue.is_available("a")


def test_a_tombstone_takes_the_withdrawal_back() -> None:
    catalogue = Catalogue()
    catalogue.on_record(b"a", messages.encode(Item("a", available=False)))
    catalogue.on_record(b"a", None)
    assert catalogue.is_available("a")


def test_a_record_that_is_no_item_withdraws_the_item_of_its_key() -> None:
    catalogue = Catalogue()
    catalogue.on_record(b"a", b"junk")
    catalogue.on_record(b"\xff", messages.encode(Item("a", available=False)))
    assert not catalogue.is_available("a")
