"""What the shop sells, to be looked through by name."""

from collections.abc import Sequence
from itertools import islice

from streams.contract.messages import Item

MOST_FOUND = 8


class Catalogue:
    """The products of the `items` topic; also those that were only ever bought, by their ids."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._words: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._items)

    def put(self, product: Item) -> None:
        self._items[product.item_id] = product
        self._words[product.item_id] = f"{product.title} {product.category} {product.item_id}".casefold()

    def remove(self, item_id: str) -> None:
        self._items.pop(item_id, None)
        self._words.pop(item_id, None)

    def saw(self, item_id: str) -> None:
        """Somebody bought it: it is there, whether or not the shop has told of it."""
        if item_id not in self._items:
            self.put(Item(item_id))

    def of(self, item_id: str) -> Item:
        return self._items.get(item_id) or Item(item_id)

    def is_available(self, item_id: str) -> bool:
        return self.of(item_id).available

    def search(self, text: str, first: Sequence[str] = ()) -> list[Item]:
        """What is for sale and has all words of `text` in its name, at most MOST_FOUND; those in `first` lead."""
        words = text.casefold().split()
        names = [*(item_id for item_id in first if item_id in self._items), *self._items]
        found = dict.fromkeys(
            item_id
            for item_id in names
            if self._items[item_id].available and all(word in self._words[item_id] for word in words)
        )
        return [self._items[item_id] for item_id in islice(found, MOST_FOUND)]
