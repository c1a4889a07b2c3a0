"""The second stage: the best items of the first one, ranked once more beside each other.

    the K best  ->  evidence on each: how sure the first stage is, what the user did with it, how it goes with the
                    user's other items and with the other candidates                       [B, K, N]
    evidence    ->  what each one's logit gains or loses

The first stage scores each item for itself, and cannot know where it is too sure of itself. The second one learns
that from orders that the first one had not seen (`rerank_fit`): Wolpert 1992, "Stacked generalization". That
candidates are seen beside each other: Pei et al. 2019, "Personalized re-ranking for recommendation"
(arXiv:1904.06813).
"""

from typing import NamedTuple

import keras
from keras import layers, ops

from serving.features import Float32s
from trainer.next_purchase.facts import FACTS
from trainer.next_purchase.habits import Habits
from trainer.next_purchase.heads import added
from trainer.next_purchase.own_items import N_ABOUT_USER, OwnItems
from trainer.next_purchase.tensors import FAR, Tensor, log1p, table

MOST_CANDIDATES = 64
_SHOWN = 5
"""People see so much of a list."""
_LEAST_SURE = -30.0
"""Least logarithm of a probability: padding and unknown items have none."""
_FADING = 0.2
"""How much of its weight an own item loses with each order: e to minus this."""
_FARTHEST = 10.0
"""Evidence lies at most so many standard deviations from its mean, however odd a history is."""


class Shortlist(NamedTuple):
    """The K best items of each of B users, best first."""

    item: Tensor
    """[B, K]"""
    logit: Tensor
    """What the first stage says: [B, K]."""
    evidence: Tensor
    """[B, K, N]"""


class Evidence(layers.Layer):  # type: ignore[misc] # Keras has no types
    """What is known of each candidate. Nothing here is learnt."""

    def __init__(self, habits: Habits) -> None:
        super().__init__()
        self.habits = table(self, "habits", habits.items)
        self.kept = table(self, "kept", habits.kept)

    def call(self, logits: Tensor, own: OwnItems, inputs: dict[str, Tensor], items: Tensor) -> Shortlist:
        """From what the first stage says of all items [B, V] and of the own ones; `items` are its vectors [V, E]."""
        logit, item = ops.top_k(logits, min(MOST_CANDIDATES, logits.shape[-1]))
        bought = inputs["item_index"][:, None, :]
        same = ops.cast(item[..., None] == bought, "float32")
        speaks = same * own.is_newest[:, None, :]
        log_p = ops.maximum(logit - ops.logsumexp(logits, axis=-1, keepdims=True), _LEAST_SURE)
        vectors = _directions(items)
        of_candidates, of_lines = ops.take(vectors, item, axis=0), ops.take(vectors, inputs["item_index"], axis=0)
        alike = ops.einsum("bke,ble->bkl", of_candidates, of_lines)
        columns = [
            *_sureness(log_p),
            *_beside_own_items(alike, same, own, inputs["orders_ago"]),
            *_beside_candidates(ops.einsum("bke,bje->bkj", of_candidates, of_candidates), log_p),
            *self._habit(item, own, inputs["item_index"]),
        ]
        about_user = ops.ones_like(logit)[..., None] * own.about_user[:, None, :]
        parts = [
            ops.stack(columns, axis=-1),
            ops.sum(speaks, axis=-1, keepdims=True),
            ops.matmul(speaks, own.features[..., :-N_ABOUT_USER]),
            about_user,
            _taken(inputs[FACTS], item),
        ]
        return Shortlist(item, logit, ops.concatenate(parts, axis=-1))

    def _habit(self, item: Tensor, own: OwnItems, bought: Tensor) -> list[Tensor]:
        """How often those buy it who buy alike, and its rank by that among the candidates."""
        user = ops.einsum("bl,ble->be", own.is_newest * own.count, ops.take(self.habits, bought, axis=0))
        score = ops.einsum("be,bke->bk", user * self.kept, ops.take(self.habits, item, axis=0))
        better = ops.cast(score[:, None, :] > score[..., None], "float32")
        return [score, log1p(ops.sum(better, axis=-1))]


class Rerank(keras.Model):  # type: ignore[misc] # Keras has no types
    """Learns what the evidence comes to. Before it has learnt anything it changes nothing."""

    def __init__(self, mean: Float32s, deviation: Float32s) -> None:
        """Of the evidence that it learns from: [N] each."""
        super().__init__(name="rerank")
        self.mean = table(self, "mean", mean)
        self.deviation = table(self, "deviation", deviation)
        self.change = keras.Sequential(
            [
                layers.Dense(64, activation="silu"),
                layers.Dropout(0.3),
                layers.Dense(32, activation="silu"),
                layers.Dense(1, kernel_initializer="zeros"),
            ]
        )

    def call(self, shortlist: dict[str, Tensor], training: bool = False) -> Tensor:
        """The new logits [B, K] of a `logit` [B, K] and its `evidence` [B, K, N]."""
        far = (shortlist["evidence"] - self.mean) / (self.deviation + 1e-3)
        change = self.change(ops.clip(far, -_FARTHEST, _FARTHEST), training=training)
        return shortlist["logit"] + change[..., 0]


class SecondStage:
    """Evidence, and what was learnt from it."""

    def __init__(self, evidence: Evidence, rerank: Rerank) -> None:
        self.evidence = evidence
        self.rerank = rerank

    def __call__(self, logits: Tensor, own: OwnItems, inputs: dict[str, Tensor], items: Tensor) -> Tensor:
        """The logits [B, V] of the first stage, those of the candidates changed."""
        shortlist = self.evidence(logits, own, inputs, items)
        changed = self.rerank({"logit": shortlist.logit, "evidence": shortlist.evidence})
        return added(logits, shortlist.item, changed - shortlist.logit)


def _directions(items: Tensor) -> Tensor:
    """Item vectors without what all have in common, all of one length."""
    return ops.normalize(items - ops.mean(items, axis=0), axis=-1, epsilon=1e-6)


def _taken(facts: Tensor, item: Tensor) -> Tensor:
    """The facts of the candidates [B, K, N_FACTS]; `facts` [B or 1, V, N_FACTS]."""
    n_tables, size, n_facts = ops.shape(facts)
    row = ops.arange(n_tables, dtype="int32")[:, None] * size
    return ops.take(ops.reshape(facts, (-1, n_facts)), row + item, axis=0)


def _sureness(log_p: Tensor) -> list[Tensor]:
    """How likely, as the first stage believes, and where on its list: [B, K] each."""
    n = log_p.shape[-1]
    rank = ops.ones_like(log_p) * ops.arange(1, n + 1, dtype="float32")
    last_shown = min(_SHOWN, n) - 1
    return [
        log_p,
        log_p - log_p[:, :1],
        log_p - log_p[:, last_shown : last_shown + 1],
        ops.log(rank),
        1.0 / rank,
        ops.cast(rank <= _SHOWN, "float32"),
    ]


def _beside_own_items(alike: Tensor, same: Tensor, own: OwnItems, orders_ago: Tensor) -> list[Tensor]:
    """How each candidate goes with what else the user has bought: in all, and in the newest order. [B, K] each.

    alike: cosines with the lines' items [B, K, L];  same: 1 where the line holds the candidate itself
    """
    orders = ops.cast(orders_ago, "float32")
    faded = ops.exp(-_FADING * orders) * own.is_newest
    newest = ops.min(ops.where(own.is_known > 0, orders, FAR), axis=-1, keepdims=True)
    of_newest = (own.is_known * ops.cast(orders == newest, "float32"))[:, None, :] * (1.0 - same)
    other = own.is_newest[:, None, :] * (1.0 - same)
    close = ops.relu(alike) ** 3
    return [
        _mean(alike, other),
        ops.max(alike * other, axis=-1),
        log1p(ops.sum(close * other, axis=-1)),
        log1p(ops.sum(close * other * faded[:, None, :], axis=-1)),
        _mean(alike, of_newest),
        log1p(ops.sum(close * of_newest, axis=-1)),
    ]


def _beside_candidates(alike: Tensor, log_p: Tensor) -> list[Tensor]:
    """How each candidate goes with the others [B, K] each; `alike` are their cosines [B, K, K]."""
    n = alike.shape[-1]
    alike = alike * (1.0 - ops.eye(n))
    place = ops.arange(n)
    shown_above = ops.cast((place[None, :] < place[:, None]) & (place[None, :] < _SHOWN), "float32")
    return [
        ops.einsum("bkj,bj->bk", ops.relu(alike), ops.exp(log_p)),
        ops.max(alike * shown_above, axis=-1),
        ops.mean(alike, axis=-1),
    ]


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return ops.sum(values * weights, axis=-1) / ops.maximum(ops.sum(weights, axis=-1), 1.0)
