"""How good is a model, on days that it has not seen, and is it better than the simple rules?

HitRate@k is the share of held-out orders with at least one item among the k best of the list that
stood before it. NDCG@k rewards more of an order's items, and higher ranks. Ties between items are
broken by popularity: with arbitrary ties the rules would look worse than they are.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.features import DAY_S, FIRST_ITEM, PADDING, Int32s, Int64s
from trainer.models.model import Ranker
from trainer.next_purchase.examples import Examples, order_examples
from trainer.purchases import Moments, Purchases

K = 10
BATCH = 128

Metrics: TypeAlias = dict[str, float]


class Split(NamedTuple):
    """Purchases before a moment, and the orders from it on of users who were known by then or had come since."""

    past: Purchases
    held_out: Examples
    at: int
    """The moment, unix time."""


def split_by_time(purchases: Purchases, holdout_days: float, learnt_to: int | None = None) -> Split:
    """Hold out the newest days; of a short log, at most its newest quarter.

    `learnt_to` is the newest moment (unix time) that another version has seen. Held out is then at most the newest
    half of what came after it: orders that neither has seen, while what is learnt from is newer than what the other
    one learnt from, as it will be once it is released.
    """
    first, last = int(purchases.at[0]), int(purchases.at[-1])
    at = int(last - min(holdout_days * DAY_S, (last - first) / 4))
    if learnt_to is not None:
        at = max(at, learnt_to + max(1, (last - learnt_to) // 2))
    position = purchases.position(at)
    examples = order_examples(purchases)
    return Split(purchases.before(position), examples.rows(examples.moments.before >= position), at)


def measure(ranker: Ranker, split: Split) -> Metrics:
    """The metrics of a model that was fit on the past, asked as the stream asks (right after the order before)
    and again on the visit, and those of both rules."""
    held_out, bought = split.held_out, popularity(split.past)
    k = min(K, split.past.n_items)
    right_after = held_out.asked(np.zeros(len(held_out)))
    # On the visit last: what a ranker has observed by then, it must not have known before.
    ranked = {
        "own_frequency_": by_own_frequency(held_out, bought, k),
        "popularity_": np.repeat(best(bought[None].astype(float), k), len(held_out), axis=0),
        "": by_ranker(ranker, right_after, k, len(split.past)),
        "on_the_visit_": by_ranker(ranker, held_out.moments, k, len(split.past)),
    }
    targets = held_out.targets
    metrics = {"held_out_orders": float(len(held_out))}
    for rule, top in ranked.items():
        metrics[f"{rule}hit_rate_at_5"] = hit_rate(top[:, :5], targets)
        metrics[f"{rule}hit_rate_at_10"] = hit_rate(top, targets)
        metrics[f"{rule}ndcg_at_10"] = ndcg(top, targets)
    return metrics


def popularity(past: Purchases) -> Int64s:
    """In how many lines each item was bought: [V]."""
    return np.bincount(past.item, minlength=past.vocabulary_size)


def by_ranker(ranker: Ranker, moments: Moments, k: int, observed: int) -> Int32s:
    """The model's k best items at each moment, [n, k]; between two batches it observes what has happened."""
    tops = []
    for start in range(0, len(moments), BATCH):
        batch = moments.rows(slice(start, start + BATCH))
        until = max(observed, int(batch.before[0]))
        ranker.observe(moments.purchases, observed, until)
        observed = until
        tops.append(best(ranker.scores(batch), k))
    return np.concatenate(tops)


def by_own_frequency(examples: Examples, bought: Int64s, k: int) -> Int32s:
    """What the user bought most often in the whole history, then what everyone did: [n, k]."""
    item, size = examples.moments.purchases.item, len(bought)
    tie_break = bought / (bought.max() + 1)
    counts = (np.bincount(item[examples.moments.history(row)], minlength=size)[:size] for row in range(len(examples)))
    return np.concatenate([best((own + tie_break)[None], k) for own in counts])


def hit_rate(top: Int32s, targets: Int32s) -> float:
    """Share of the rows of `top` [n, k] that hold any of their `targets` [n, T]."""
    return float(hits(top, targets).any(axis=1).mean())


def ndcg(top: Int32s, targets: Int32s) -> float:
    """Normalised discounted cumulative gain of `top` [n, k] for their `targets` [n, T]."""
    discount = 1 / np.log2(np.arange(2, top.shape[1] + 2))
    n_targets = np.clip((targets != PADDING).sum(axis=1), 1, top.shape[1])
    return float(((hits(top, targets) * discount).sum(axis=1) / discount.cumsum()[n_targets - 1]).mean())


def hits(top: Int32s, targets: Int32s) -> NDArray[np.bool_]:
    """Which of `top` [n, k] are among their `targets` [n, T]: [n, k]."""
    found: NDArray[np.bool_] = (top[:, :, None] == targets[:, None, :]).any(axis=2)
    return found


def best(scores: NDArray[np.floating], k: int) -> Int32s:
    """The k best items of each row, best first; padding and unknown are none: [n, k]."""
    scores = scores[:, FIRST_ITEM:]
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    return (np.take_along_axis(top, order, axis=1) + FIRST_ITEM).astype(np.int32)
