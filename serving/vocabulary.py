"""Which item the model means by which number."""

from collections.abc import Iterable, Sequence

import numpy as np

from serving.features import FIRST_ITEM, UNKNOWN, Int32s


class Vocabulary:
    """The items that a model version knows. `item_index` counts from FIRST_ITEM in the order given.

    >>> vocabulary = Vocabulary(["22138", "22613"])
    >>> vocabulary.size, vocabulary.n_items
    (4, 2)
    >>> vocabulary.index_of("22613"), vocabulary.index_of("new today"), vocabulary.item_id(3)
    (3, 1, '22613')
    """

    def __init__(self, item_ids: Sequence[str]) -> None:
        self.item_ids = tuple(item_ids)
        self._index = {item_id: index for index, item_id in enumerate(self.item_ids, FIRST_ITEM)}
        if len(self._index) != len(self.item_ids):
            raise ValueError("a vocabulary must not name an item twice")

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.item_ids)

    @property
    def size(self) -> int:
        """How many values `item_index` can take: the items, padding and unknown."""
        return self.n_items + FIRST_ITEM

    def index_of(self, item_id: str) -> int:
        """The item's index, or UNKNOWN."""
        return self._index.get(item_id, UNKNOWN)

    def indexes(self, item_ids: Iterable[str]) -> Int32s:
        """The indexes of many items, UNKNOWN where one is not known: int32 [n]."""
        index = self._index
        return np.fromiter((index.get(item_id, UNKNOWN) for item_id in item_ids), np.int32)

    def item_id(self, index: int) -> str:
        """The item behind an index. Padding and unknown are no items: IndexError."""
        if index < FIRST_ITEM:
            raise IndexError(f"item_index {index} stands for no item")
        return self.item_ids[index - FIRST_ITEM]
