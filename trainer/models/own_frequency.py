"""Own frequency: everybody is offered what they themselves bought most often.

    score(user, item) = sum over the user's orders that hold the item of decay^k,
                        k orders ago (0 the newest)

Items that the user never bought score 0 and so follow by popularity. With decay 1 it is the personal top-n
rule (G-TopFreq/P-TopFreq in Li et al. 2023, "A next basket recommendation reality check", section 4.2), which
most published next-basket models do not beat; with a smaller one new habits outweigh old ones. The decay is
then chosen by validation.
"""

from collections.abc import Sequence

from trainer.models.histories import Histories, dense
from trainer.models.model import Frozen, Grain
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases


class OwnFrequency:
    """All orders count the same."""

    name = "own-frequency"

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "OwnFrequencyRanker":
        return OwnFrequencyRanker(past.vocabulary_size, decay=1.0)


class OwnRecency:
    """Newer orders count more.

    decay: what an order counts relative to the one after it, 0 to 1; of several the best is taken.
    """

    name = "own-recency"

    def __init__(self, decay: Sequence[float] = (0.95, 0.9, 0.8, 0.7, 0.5)) -> None:
        self._decays = decay

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "OwnFrequencyRanker":
        return _with_recency(past, chosen(self._decays, _with_recency, past, grain, progress))


class OwnFrequencyRanker(Frozen):
    """Needs to know nothing but the user's own history."""

    def __init__(self, vocabulary_size: int, decay: float) -> None:
        self._vocabulary_size = vocabulary_size
        self._decay = decay

    def scores(self, moments: Moments) -> Float32s:
        return dense(Histories.of(moments, self._vocabulary_size).orders(self._decay))


def _with_recency(past: Purchases, decay: float) -> OwnFrequencyRanker:
    return OwnFrequencyRanker(past.vocabulary_size, decay)
