"""Where item vectors start: items with the same buyers lie in the same direction.

    lines        ->  who has bought what                       [U, V], ones and zeros
    buyers       ->  how often two items share a buyer,
                     beside how often chance would have it     PPMI [V, V]
    PPMI         ->  its largest singular values, each with
                     its left vector times its root            [V, E]

Items of few orders would otherwise hardly leave the place that chance gave them. What is factored is what word2vec
factors without saying so: Levy and Goldberg 2014, "Neural word embedding as implicit matrix factorization"; how the
popular ones are tamed: Levy, Goldberg and Dagan 2015, "Improving distributional similarity with lessons learned from
word embeddings", section 3.2.
"""

import numpy as np
from scipy import sparse

from serving.features import Float32s
from trainer.next_purchase.factors import factored
from trainer.purchases import Purchases

SPREAD = 0.3
"""How large the values are of items that have companions, in the root of the mean of squares ..."""
LONGEST = 1.0
"""... and those of one item at most: a few items that are only ever bought together would else outshout all others."""
DRAWN = 0.1
"""How large they are where chance draws them: for items of which less than this is known."""
TAMED = 0.75
"""A companion counts as if it were bought so many times less, the more popular the less: how often, to this power."""
MOST_PAIRS = 50_000_000
"""Pairs of items that are counted; once a shop has more, the users beyond are left out, in an order drawn by chance."""
MOST_ITEMS = 4_000
"""Who has bought more different items says little about which belong together, and would have most of the pairs."""


def starting_vectors(past: Purchases, vocabulary_size: int, width: int, seed: int) -> Float32s:
    """A vector for each item: [V, E]. The same past and seed give the same ones."""
    random = np.random.default_rng(seed)
    vectors = random.normal(0.0, DRAWN, (vocabulary_size, width)).astype(np.float32)
    association = companionship(past, vocabulary_size, random)
    item = np.flatnonzero(np.diff(association.indptr))
    if not len(item):
        return vectors
    left, values = factored(association[item], width)
    factors = left * np.sqrt(values)
    factors *= SPREAD / np.sqrt(np.mean(factors**2))
    size = np.sqrt(np.mean(factors**2, axis=1))
    known = size > DRAWN
    factors *= np.minimum(1, LONGEST / np.maximum(size, DRAWN))[:, None]
    vectors[item[known], : factors.shape[1]] = factors[known]
    return vectors


def companionship(past: Purchases, vocabulary_size: int, random: np.random.Generator) -> sparse.csr_matrix:
    """Positive pointwise mutual information of items and their companions: [V, V], nothing on the diagonal.

    What two items share are users, and one of n different items counts 1 / sqrt(n): it has n - 1 companions for each.
    """
    bought = _bought(past, vocabulary_size, random)
    n_items = np.maximum(np.diff(bought.indptr), 1)
    together = (bought.T @ sparse.diags((n_items**-0.5).astype(np.float32)) @ bought).tocsr()
    together.setdiag(0)
    together.eliminate_zeros()
    of_item = np.asarray(together.sum(axis=1, dtype=np.float64)).ravel()
    as_companion = of_item**TAMED / max((of_item**TAMED).sum(), 1e-9)
    log_of_item, log_as_companion = (np.log(np.maximum(n, 1e-30)).astype(np.float32) for n in (of_item, as_companion))
    # In place: of a large shop this is most of the memory.
    information = np.log(together.data, out=together.data)
    information -= np.repeat(log_of_item, np.diff(together.indptr))
    information -= log_as_companion[together.indices]
    np.maximum(information, 0, out=information)
    together.eliminate_zeros()
    return together


def _bought(past: Purchases, vocabulary_size: int, random: np.random.Generator) -> sparse.csr_matrix:
    """1 where a user has bought an item: [U, V], without those users whose pairs would be too many."""
    user, item = np.divmod(
        np.unique(past.user.astype(np.int64) * past.vocabulary_size + past.item), past.vocabulary_size
    )
    n_items = np.bincount(user, minlength=past.n_users)
    n_pairs = np.where(n_items <= MOST_ITEMS, n_items.astype(np.int64) ** 2, 0)
    drawn = random.permutation(len(n_pairs))
    counted = np.empty(len(n_pairs), np.bool_)
    counted[drawn] = np.cumsum(n_pairs[drawn]) <= MOST_PAIRS
    kept = counted[user] & (n_pairs[user] > 0) & (item < vocabulary_size)
    ones = np.ones(np.count_nonzero(kept), np.float32)
    return sparse.csr_matrix((ones, (user[kept], item[kept])), (past.n_users, vocabulary_size))
