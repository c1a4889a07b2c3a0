"""The served model without one of its parts, at order grain: what it loses is what the part is worth."""

from trainer.errors import GrainUnsupported
from trainer.models.model import Grain, Ranker
from trainer.next_purchase.architecture import ALL_PARTS
from trainer.next_purchase.order_ranker import NextPurchaseRanker
from trainer.next_purchase.training import learn
from trainer.progress import Progress
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings


class NextPurchaseWithout:
    """Learns as `next_purchase` does; raises GrainUnsupported when it is asked about the next line.

    part: what is left out, a field of `Parts`
    """

    def __init__(self, part: str, seed: int = 1, settings: TrainerSettings | None = None) -> None:
        self.name = f"next-purchase-without-{part}"
        self._parts = ALL_PARTS._replace(**{part: False})
        self._settings = settings or TrainerSettings(seed=seed)

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> Ranker:
        if grain is Grain.LINE:
            raise GrainUnsupported(f"{self.name} answers the next order; choose a question about orders")
        return NextPurchaseRanker(learn(past, self._settings, progress, parts=self._parts))
