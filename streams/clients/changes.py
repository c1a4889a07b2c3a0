"""Know, in bounded memory, whether a customer's list is another one than before."""

from streams.contract.messages import RecommendationList


class LastItems:
    """The items, in order, of the last list of each of the `size` customers who got one most lately.

    A customer's first list is a change, and so is the first after the customer was forgotten: when in
    doubt, a reader gets a list too many and never one too few. What a list itself says has `entered` and
    `left` does not decide: the list that it compares with may have been compacted away unread.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # A dict keeps the order of insertion: its first key is the customer who got no list for longest.
        self._items: dict[str, int] = {}

    def changed(self, recommended: RecommendationList) -> bool:
        """Whether items or their order differ from the customer's last list; from now on it is this one."""
        items = hash(tuple(item.item_id for item in recommended.items))
        changed = self._items.pop(recommended.user_id, None) != items
        self._items[recommended.user_id] = items
        if len(self._items) > self._size:
            del self._items[next(iter(self._items))]
        return changed

    def forget(self, user_id: str) -> None:
        """The customer's list was taken back, so the next one is news."""
        self._items.pop(user_id, None)
