"""The lists that a challenger in the shadow would have published, kept until the next purchase judges them.

Nobody waits for a challenger in the shadow. Its answer is often there when the list of the serving version is
published; one that comes later is kept when the next list of the same partition is, and one that has
not come before the user's next purchase is not judged. While no shadow runs nothing is kept.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from serving.suggestion import Suggestion
from streams.contract import messages
from streams.contract.messages import ModelRef, Purchase, RecommendationList, ShadowOutcome
from streams.worker import recommend
from streams.worker.answering import InShadow
from streams.worker.batch import Batch, Slot, StateTable

Chooser: TypeAlias = Callable[[Sequence[Suggestion]], list[Suggestion]]
"""From suggestions to what a list would hold."""


class ShadowList(Struct, frozen=True, array_like=True):
    """What a challenger would have published in the place of the list `list_id`."""

    list_id: str
    model: ModelRef
    item_ids: list[str]


class _Late(NamedTuple):
    list_id: str
    asked: InShadow
    choose: Chooser


_decoder = msgspec.msgpack.Decoder(ShadowList)
_encoder = msgspec.msgpack.Encoder()


class ShadowLists:
    """Reads and writes them in a batch; `lists` is the table of the published ones. To be used when lists are
    concluded, in their order."""

    def __init__(self, table: StateTable, lists: StateTable) -> None:
        self._table = table
        self._lists = lists
        self._late: dict[int, dict[bytes, _Late]] = {}

    def keep(
        self, published: RecommendationList, partition: int, asked: InShadow | None, choose: Chooser, batch: Batch
    ) -> None:
        """Remember what stands in the shadow of a list that was just published, or that nothing does."""
        key = messages.user_key(published.user_id)
        if asked is None:
            self.forget(partition, key, batch)
        else:
            self._late.setdefault(partition, {})[key] = _Late(published.list_id, asked, choose)
            self.settle(partition, batch)

    def settle(self, partition: int, batch: Batch) -> None:
        """Keep what has arrived meanwhile, as long as the list still stands in whose shadow it is."""
        late = self._late.get(partition, {})
        for key in [key for key, each in late.items() if each.asked.is_done]:
            each = late.pop(key)
            answer = each.asked.answer
            standing = batch.get(Slot(self._lists, partition, key))
            if answer is None or standing is None:
                continue
            if messages.recommendation_list.decode(standing).list_id == each.list_id:
                item_ids = [suggestion.item_id for suggestion in each.choose(answer.suggestions)]
                kept = ShadowList(each.list_id, answer.model, item_ids)
                batch.put(Slot(self._table, partition, key), _encoder.encode(kept))

    def judged(
        self, purchase: Purchase, standing: RecommendationList, partition: int, batch: Batch
    ) -> ShadowOutcome | None:
        """What the list in the shadow of `standing` had foreseen of a purchase; None where there is none."""
        stored = batch.get(Slot(self._table, partition, messages.user_key(purchase.user_id)))
        shadow = _decoder.decode(stored) if stored else None
        if shadow is None or shadow.list_id != standing.list_id:
            return None
        return ShadowOutcome(shadow.model, recommend.hits(purchase, shadow.item_ids))

    def forget(self, partition: int, key: bytes, batch: Batch) -> None:
        """Take back what is kept of a user, if anything is."""
        slot = Slot(self._table, partition, key)
        if batch.get(slot) is not None:
            batch.put(slot, None)
