"""Remember what came by lately, in bounded memory."""


class Recently:
    """The last `size` ids that were asked about, so that a repeat among them is recognised.

    >>> seen = Recently(2)
    >>> [seen.has(id) for id in ("a", "b", "a", "c", "b")]
    [False, False, True, False, False]
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # A dict keeps the order of insertion: its first key is the oldest.
        self._ids: dict[str, None] = {}

    def has(self, id_: str) -> bool:
        """Whether `id_` was among the last; from now on it is the newest of them."""
        if self._size == 0:
            return False
        repeated = id_ in self._ids
        self._ids.pop(id_, None)
        self._ids[id_] = None
        if len(self._ids) > self._size:
            del self._ids[next(iter(self._ids))]
        return repeated
