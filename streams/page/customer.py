"""What is shown of one customer: the list that stands, and what was bought. Plain values, made by pure functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.contract.messages import Item, RecommendationList
from streams.histories.history import History
from streams.page.pictures import picture
from streams.page.wording import clipped, day, name_of, quantity

MOST_ORDERS = 4
MOST_LINES = 4
"""Of each order that is shown; the others are counted."""

ItemOf = Callable[[str], Item]


@dataclass(frozen=True)
class Product:
    """One product with its picture. `note` is a word or two about it here."""

    item_id: str
    name: str
    picture: str
    note: str = ""


@dataclass(frozen=True)
class Place:
    """One place on a list; `because` names what speaks for it."""

    rank: int
    product: Product
    because: str
    entered: bool


@dataclass(frozen=True)
class ListShown:
    """A list: its places, who made it, and what left it when it came."""

    list_id: str
    source: str
    is_fallback: bool
    places: list[Place]
    left: list[str]


@dataclass(frozen=True)
class OrderShown:
    """A past order: the first of its lines, and how many more there are."""

    day: str
    products: list[Product]
    more: int


def product(item: Item, note: str = "") -> Product:
    return Product(item.item_id, name_of(item.title, item.item_id), picture(item.title, item.item_id), note)


def list_shown(made: RecommendationList, item_of: ItemOf) -> ListShown:
    """A list as it is read. Where one is on it because it was bought before, that is the reason."""
    entered = set(made.entered)
    return ListShown(
        list_id=made.list_id,
        source=source_of(made),
        is_fallback=made.model is None,
        places=[
            Place(
                each.rank,
                product(item_of(each.item_id)),
                reason(each.item_id, each.because, item_of),
                each.item_id in entered,
            )
            for each in made.items
        ],
        left=[_name(item_id, item_of) for item_id in made.left],
    )


def source_of(made: RecommendationList) -> str:
    if made.model is None:
        return "fallback, without a model"
    return f"{clipped(made.model.name, 40)}, version {made.model.version}"


def reason(item_id: str, because: Sequence[str], item_of: ItemOf) -> str:
    """
    >>> reason("2", ["1"], lambda item_id: Item(item_id, title=f"Item {item_id}"))
    'because of Item 1'
    """
    if not because:
        return "popular now"
    if item_id in because:
        return "bought before"
    return f"because of {_name(because[0], item_of)}"


def orders_shown(past: History, item_of: ItemOf) -> list[OrderShown]:
    """The newest orders first."""
    return [
        OrderShown(
            day(datetime.fromtimestamp(order.occurred_at / 1000, UTC)),
            [
                product(item_of(item_id), f"× {quantity(count)}")
                for item_id, count in list(zip(order.item_ids, order.quantities, strict=True))[:MOST_LINES]
            ],
            max(len(order.item_ids) - MOST_LINES, 0),
        )
        for order in past.orders[: -MOST_ORDERS - 1 : -1]
    ]


def _name(item_id: str, item_of: ItemOf) -> str:
    return name_of(item_of(item_id).title, item_id)
