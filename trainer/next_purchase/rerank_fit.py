"""The second stage learns from lists that the first stage made for orders it had not seen.

    examples, oldest first   |- learns -|------ makes lists for ------|
                             |------ learns ------|------ makes lists for ------|            and so on: each block is
                             |----------- learns -----------|------ makes lists for ------|  listed by the two first
                                        |  a block          |  a block          |            stages that end before it
    all of these lists, and what was bought   ->   the second stage

So it sees first stages as they are when they serve: as sure of themselves as of orders still to come. The newest block
tells whether there is anything in it.
"""

from collections.abc import Callable, Iterable
from itertools import chain, pairwise
from typing import NamedTuple, Self

import keras
import numpy as np
import tensorflow

from serving.features import Float32s
from trainer.holdout import hits
from trainer.next_purchase.batches import drawn_away, training_inputs
from trainer.next_purchase.examples import Examples, visible_lines
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.habits import habits
from trainer.next_purchase.loss import Aim, ShortlistLoss
from trainer.next_purchase.network import FirstStage
from trainer.next_purchase.rerank import Evidence, Rerank, SecondStage
from trainer.purchases import Purchases

LEARNT_FROM = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
"""The older share of the examples that each first stage learns from. Between two shares lies a block."""
BLOCKS_LISTED = 2
"""For so many of the blocks after it a first stage makes lists: one that is older is wrong about other things."""
FEWEST_LISTS = 1_000
"""Fewer in all, with something in them that was bought, teach nothing."""
MOST_LISTS = 3_000
"""That one first stage makes for one block; of more orders, so many are drawn by chance."""
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
    def joined(cls, parts: Iterable[Self]) -> Self:
        """All of them, each with as many candidates as the shortest one has."""
        parts = list(parts)
        n_candidates = min(part.logit.shape[1] for part in parts)
        return cls(
            *(np.concatenate([values[:, :n_candidates] for values in column]) for column in zip(*parts, strict=True))
        )

    @property
    def inputs(self) -> dict[str, Float32s]:
        return {"logit": self.logit, "evidence": self.evidence}


class Reranking(NamedTuple):
    """A second stage, and what it has learnt from."""

    stage: SecondStage
    lists: Lists


def second_stage(
    past: Purchases,
    examples: Examples,
    first_stage: Callable[[Purchases], FirstStage],
    width: int,
    aim: Aim,
    seed: int,
) -> Reranking | None:
    """For a first stage that has learnt from the whole past; none where there is too little to learn from, or nothing.

    `first_stage` learns from a part of the past; `width` is how many columns the habits have.
    """
    if len(examples) * (1 - LEARNT_FROM[0]) < FEWEST_LISTS:
        return None
    bounds = [int(share * len(examples)) for share in (*LEARNT_FROM, 1.0)]
    blocks = [examples.rows(slice(*bound)) for bound in pairwise(bounds)]
    of_blocks: list[list[Lists]] = [[] for _ in blocks]
    random = np.random.default_rng(seed)
    for number, block in enumerate(blocks):
        known = past.before(int(block.moments.before[0]))
        lists_for = _list_maker(past, first_stage(known), Evidence(habits(known, width)), random)
        for later in range(number, min(number + BLOCKS_LISTED, len(blocks))):
            of_blocks[later].append(lists_for(blocks[later]))
    older, newest = Lists.joined(chain(*of_blocks[:-1])), of_blocks[-1][-1]
    if len(older.logit) + len(newest.logit) < FEWEST_LISTS or not len(newest.logit):
        return None
    loss = ShortlistLoss(aim)
    if not _helps(_learnt(older, loss, seed), loss, newest):
        return None
    lists = Lists.joined(chain(*of_blocks))
    return Reranking(SecondStage(Evidence(habits(past, width)), _learnt(lists, loss, seed)), lists)


def second_stage_again(
    past: Purchases, newer: Examples, first_before: FirstStage, before: Reranking, aim: Aim, seed: int
) -> Reranking:
    """For a first stage that has learnt from a longer past than the one before it did.

    `newer` are the examples that are new in it; the first stage before makes lists for these.
    """
    lists_for = _list_maker(past, first_before, before.stage.evidence, np.random.default_rng(seed))
    lists = Lists.joined([before.lists, lists_for(newer)])
    evidence = Evidence(habits(past, first_before.architecture.embedding))
    return Reranking(SecondStage(evidence, _learnt(lists, ShortlistLoss(aim), seed)), lists)


def _list_maker(
    past: Purchases, first: FirstStage, evidence: Evidence, random: np.random.Generator
) -> Callable[[Examples], Lists]:
    """What makes lists for some of a past's examples, which the first stage must not have learnt from."""

    @tensorflow.function(reduce_retracing=True)  # type: ignore[untyped-decorator] # TensorFlow has no types
    def shortlist(inputs: dict[str, tensorflow.Tensor]) -> tuple[tensorflow.Tensor, ...]:
        logits, own = first.looked(inputs)
        return tuple(evidence(logits, own, inputs, first.items.embeddings))

    lines, facts = visible_lines(past), Ledger(past, first.architecture.vocabulary_size).facts()

    def lists_for(examples: Examples) -> Lists:
        drawn = examples.rows(np.sort(random.permutation(len(examples))[:MOST_LISTS]))
        away = drawn_away(len(drawn), random)
        parts = []
        for start in range(0, len(drawn), _AT_A_TIME):
            rows = slice(start, start + _AT_A_TIME)
            asked = drawn.rows(rows)
            inputs = training_inputs(lines, asked.asked(away[rows]), facts)
            item, logit, told = (values.numpy() for values in shortlist(inputs))
            bought = hits(item, asked.targets)
            hit = bought.any(axis=1)
            parts.append(Lists(logit[hit], told[hit], bought[hit].astype(np.float32)))
        return Lists.joined(parts)

    return lists_for


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
