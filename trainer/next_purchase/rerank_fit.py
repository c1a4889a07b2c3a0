"""The second stage learns from lists that the first stage made for orders it had not seen.

    examples, oldest first   |---------- first stage learns ----------|-- makes lists for --|
                             |-- learns --|-- lists --|                                           one block after the
                             |------ learns ------|-- lists --|                                   other, each by a first
                             |---------- learns ----------|-- lists --|                           stage of its own
    all of these lists, and what was bought   ->   the second stage

So it sees first stages as they are when they serve: as sure of themselves as of orders still to come. The newest block
tells whether there is anything in it.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, Self

import keras
import numpy as np
import tensorflow
from numpy.typing import NDArray

from serving.features import Float32s, Int64s
from trainer.holdout import hits
from trainer.next_purchase.batches import drawn_away, training_inputs
from trainer.next_purchase.examples import Examples, visible_lines
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.habits import habits
from trainer.next_purchase.loss import Aim, ShortlistLoss
from trainer.next_purchase.network import FirstStage
from trainer.next_purchase.rerank import Evidence, Rerank, SecondStage
from trainer.purchases import Purchases

LEARNT_FROM = (0.4, 0.55, 0.7, 0.85)
"""The older share of the examples that each first stage learns from; it makes lists for those up to the next share."""
FEWEST_LISTS = 1_000
"""Fewer in all, with something in them that was bought, teach nothing."""
MOST_LISTS = 5_000
"""Of one block; of more, so many are drawn by chance."""
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 10, 64, 2e-3, 1e-3
_AT_A_TIME = 128


class Lists(NamedTuple):
    """n shortlists, of which at least one item each was bought."""

    logit: Float32s
    """[n, K]"""
    evidence: Float32s
    """[n, K, N]"""
    bought: Float32s
    """1 for candidates that the order held: [n, K]"""

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        n_candidates = min(part.logit.shape[1] for part in parts)
        return cls(
            *(np.concatenate([values[:, :n_candidates] for values in column]) for column in zip(*parts, strict=True))
        )

    @property
    def inputs(self) -> dict[str, Float32s]:
        return {"logit": self.logit, "evidence": self.evidence}


def second_stage(
    past: Purchases,
    examples: Examples,
    first_stage: Callable[[Purchases], FirstStage],
    width: int,
    aim: Aim,
    seed: int,
) -> SecondStage | None:
    """For a first stage that has learnt from the whole past; none where there is too little to learn from, or nothing.

    `first_stage` learns from a part of the past; `width` is how many columns the habits have.
    """
    if len(examples) * (1 - LEARNT_FROM[0]) < FEWEST_LISTS:
        return None
    random = np.random.default_rng(seed)
    blocks = [
        _lists(past, examples.rows(rows), drawn_away(len(rows), random), first_stage, width)
        for rows in _blocks(len(examples), random)
    ]
    older, newest = Lists.joined(blocks[:-1]), blocks[-1]
    if len(older.logit) + len(newest.logit) < FEWEST_LISTS or not len(newest.logit):
        return None
    loss = ShortlistLoss(aim)
    if not _helps(_learnt(older, loss, seed), loss, newest):
        return None
    return SecondStage(Evidence(habits(past, width)), _learnt(Lists.joined(blocks), loss, seed))


def _blocks(n: int, random: np.random.Generator) -> list[Int64s]:
    """Which examples each of the first stages makes lists for, in the order of time."""
    bounds = [int(share * n) for share in (*LEARNT_FROM, 1.0)]
    return [np.sort(start + random.permutation(end - start)[:MOST_LISTS]) for start, end in pairwise(bounds)]


def _lists(
    past: Purchases,
    examples: Examples,
    away: NDArray[np.float64],
    first_stage: Callable[[Purchases], FirstStage],
    width: int,
) -> Lists:
    """Lists for these examples, asked `away`, by a first stage that has learnt from what came before them."""
    known = past.before(int(examples.moments.before[0]))
    first, evidence = first_stage(known), Evidence(habits(known, width))

    @tensorflow.function(reduce_retracing=True)  # type: ignore[untyped-decorator] # TensorFlow has no types
    def shortlist(inputs: dict[str, tensorflow.Tensor]) -> tuple[tensorflow.Tensor, ...]:
        logits, own = first.looked(inputs)
        return tuple(evidence(logits, own, inputs, first.items.embeddings))

    lines, facts = visible_lines(past), Ledger(past, first.architecture.vocabulary_size).facts()
    parts = []
    for start in range(0, len(examples), _AT_A_TIME):
        rows = slice(start, start + _AT_A_TIME)
        asked = examples.rows(rows)
        inputs = training_inputs(lines, asked.asked(away[rows]), facts)
        item, logit, told = (values.numpy() for values in shortlist(inputs))
        bought = hits(item, asked.targets)
        hit = bought.any(axis=1)
        parts.append(Lists(logit[hit], told[hit], bought[hit].astype(np.float32)))
    return Lists.joined(parts)


def _learnt(lists: Lists, loss: ShortlistLoss, seed: int) -> Rerank:
    keras.utils.set_random_seed(seed)
    rerank = Rerank(lists.evidence.mean(axis=(0, 1)), lists.evidence.std(axis=(0, 1)))
    n_steps = max(1, EPOCHS * len(lists.logit) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, n_steps)
    rerank.compile(keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), loss, jit_compile=False)
    rerank.fit(lists.inputs, lists.bought, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return rerank


def _helps(rerank: Rerank, loss: ShortlistLoss, lists: Lists) -> bool:
    """Whether orders that it has not learnt from surprise it less than they surprise the first stage."""
    before = Rerank(np.zeros(lists.evidence.shape[-1], np.float32), np.ones(lists.evidence.shape[-1], np.float32))
    before.compile(loss=loss)
    after_loss, before_loss = (
        float(model.evaluate(lists.inputs, lists.bought, batch_size=_AT_A_TIME, verbose=0))
        for model in (rerank, before)
    )
    return after_loss < before_loss
