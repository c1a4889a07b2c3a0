"""The model that the worker serves: an LSTM over a user's orders, with heads that repeat and explore.

See `trainer.next_purchase.network`, and `trainer.next_purchase.line_network` for the next line. At order grain its
weights stay as the stream goes on (`order_ranker`); at line grain it learns on with each day, unless told otherwise
(`line_ranker`).
"""

from trainer.models.model import Grain, Ranker
from trainer.next_purchase.line_fit import fit_lines
from trainer.next_purchase.line_settings import InStream, LineTraining
from trainer.next_purchase.order_ranker import NextPurchaseRanker
from trainer.next_purchase.task import Manner
from trainer.next_purchase.training import learn
from trainer.progress import Progress
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings


class NextPurchase:
    """Learns as a release does.

    epochs: how often from each order or line; unless given, as often as helps on the newest part of the past, and at
        line grain as often as `lines` say
    lines: settings at line grain; where they are not given:
    width: of item vectors there, half that of the state;  most_examples: lines that are learnt from, the newest
    name: as in tables;  in_stream: what the stream teaches it at line grain
    rerank: whether there is a second stage at order grain, where `settings` are not given
    """

    def __init__(
        self,
        epochs: int | None = None,
        seed: int = 1,
        settings: TrainerSettings | None = None,
        lines: LineTraining | None = None,
        width: int = LineTraining().embedding,
        most_examples: int = LineTraining().most_examples,
        name: str = "next-purchase",
        in_stream: str = InStream.LEARNS,
        rerank: bool = True,
    ) -> None:
        self.name = name
        self._manner = None if epochs is None else Manner(epochs)
        self._settings = settings or TrainerSettings(seed=seed, rerank=rerank)
        usual = LineTraining(width, 2 * width, most_examples=most_examples, in_stream=InStream(in_stream), seed=seed)
        self._lines = lines or (usual if epochs is None else usual._replace(epochs=epochs, min_steps=1))

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> Ranker:
        if grain is Grain.LINE:
            return fit_lines(past, self._lines, progress)
        return NextPurchaseRanker(learn(past, self._settings, progress, self._manner))
