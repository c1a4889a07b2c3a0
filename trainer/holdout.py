"""How good is the model, on days that it has not seen, and is it better than the simple rules?

HitRate@k is the share of held-out orders with at least one item among the k best of the list that
stood before it. NDCG@k rewards more of an order's items, and higher ranks. Ties between items are
broken by popularity: with arbitrary ties the rules would look worse than they are.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, PADDING, Int32s, Int64s
from trainer.lstm import NextPurchaseModel
from trainer.purchase_history import PurchaseHistory
from trainer.sequences import Examples

K = 10
BATCH = 128

Metrics: TypeAlias = dict[str, float]


def popularity(history: PurchaseHistory, before: float = np.inf) -> Int64s:
    """In how many lines each item was bought before a moment (unix time): [V]."""
    seen = history.lines.bought_at < before
    return np.bincount(history.lines.item_index[seen], minlength=history.vocabulary.size).astype(np.int64)


def measure(model: NextPurchaseModel, held_out: Examples, bought: Int64s) -> Metrics:
    """The metrics of the model and of both rules; `bought` is the popularity before the held-out days: [V]."""
    k = min(K, held_out.history.vocabulary.n_items)
    ranked = {
        "": by_model(model, held_out, k),
        "own_frequency_": by_own_frequency(held_out, bought, k),
        "popularity_": by_popularity(held_out, bought, k),
    }
    metrics = {"held_out_orders": float(len(held_out))}
    for rule, top in ranked.items():
        metrics[f"{rule}hit_rate_at_5"] = hit_rate(top[:, :5], held_out.targets)
        metrics[f"{rule}hit_rate_at_10"] = hit_rate(top, held_out.targets)
        metrics[f"{rule}ndcg_at_10"] = ndcg(top, held_out.targets)
    return metrics


def by_model(model: NextPurchaseModel, examples: Examples, k: int) -> Int32s:
    """The model's k best items for each example: [n, k]."""
    batches = (examples.rows(slice(start, start + BATCH)) for start in range(0, len(examples), BATCH))
    return np.concatenate([_top(np.asarray(model.predict_on_batch(batch.inputs())), k) for batch in batches])


def by_popularity(examples: Examples, bought: Int64s, k: int) -> Int32s:
    """The same k items for everyone: [n, k]."""
    return np.repeat(_top(bought[None].astype(float), k), len(examples), axis=0)


def by_own_frequency(examples: Examples, bought: Int64s, k: int) -> Int32s:
    """What the user bought most often in the whole history, then what everyone did: [n, k]."""
    items = examples.history.lines.item_index
    tie_break = bought / (bought.max() + 1)
    runs = zip(examples.starts, examples.ends, strict=True)
    return np.concatenate(
        [_top((np.bincount(items[start:end], minlength=len(bought)) + tie_break)[None], k) for start, end in runs]
    )


def hit_rate(top: Int32s, targets: Int32s) -> float:
    """Share of the rows of `top` [n, k] that hold any of their `targets` [n, T]."""
    return float(_hits(top, targets).any(axis=1).mean())


def ndcg(top: Int32s, targets: Int32s) -> float:
    """Normalised discounted cumulative gain of `top` [n, k] for their `targets` [n, T]."""
    discount = 1 / np.log2(np.arange(2, top.shape[1] + 2))
    n_targets = np.clip((targets != PADDING).sum(axis=1), 1, top.shape[1])
    return float(((_hits(top, targets) * discount).sum(axis=1) / discount.cumsum()[n_targets - 1]).mean())


def _hits(top: Int32s, targets: Int32s) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = (top[:, :, None] == targets[:, None, :]).any(axis=2)
    return hits


def _top(scores: NDArray[np.floating], k: int) -> Int32s:
    """The k best items of each row, best first; padding and unknown are none: [n, k]."""
    scores = scores[:, FIRST_ITEM:]
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return (np.take_along_axis(best, order, axis=1) + FIRST_ITEM).astype(np.int32)
