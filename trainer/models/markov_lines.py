"""Markov chain over lines: what follows what was bought last, for everybody and for this user.

    context(line)  = the line that the same user bought before it, and whether the two lie in one order
    C[c, y]        = sum over lines y with context c of 2^(-age / half-life)

                     C[c, y] + k * C[kind(c), y]
    score(y) = ---------------------------------  +  w * own(c, y)
                     C[c, .] + k

    kind(c)        = everything that has a context of this kind: lines within orders, or first lines of orders
    own(c, y)      = the same share of followers, counted in the user's own history alone

A first-order chain (Shani, Heckerman and Brafman 2005, "An MDP-based recommender system", section 3) that goes
on counting as the stream goes on, forgets, and falls back on the kind where a context is rare (Dirichlet
smoothing; Zhai and Lafferty 2004, "A study of smoothing methods for language models", section 2). The first
line of an order has the last line of the order before as its context, so that shops of single lines are
followed as well.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from serving.features import UNKNOWN, Int64s
from trainer.models.forgetting import Forgetting
from trainer.models.histories import Histories
from trainer.purchases import Float32s, Moments, Purchases


class LineSettings(NamedTuple):
    """Of the chain over lines."""

    half_life: float
    """Days after which a follower counts half."""
    smoothing: float
    """k: so many followers of a context weigh as much as all contexts of its kind; in lines."""
    own: float
    """w: weight of the user's own followers."""


class Contexts(NamedTuple):
    """Rows of the table of followers: V rows for lines within an order, V for first lines of orders."""

    vocabulary_size: int

    def of_lines(self, purchases: Purchases) -> Int64s:
        """Each line's context: [n]."""
        line = purchases.by_user.line
        before = np.empty(len(line), np.int64)
        before[line] = np.append(-1, line[:-1])
        before[purchases.by_user.rank == 0] = -1
        return self._of(purchases, before, purchases.order == purchases.order[before])

    def of_moments(self, moments: Moments) -> Int64s:
        """The context of the line that comes next: [n]."""
        start, open_from, end = moments.spans
        newest = moments.purchases.by_user.line[np.maximum(end - 1, 0)]
        return self._of(moments.purchases, np.where(end > start, newest, -1), end > open_from)

    def _of(self, purchases: Purchases, before: Int64s, in_one_order: NDArray[np.bool_]) -> Int64s:
        """`before` is the position of the line before, -1 if there is none."""
        item = purchases.item[before].astype(np.int64)
        item[item >= self.vocabulary_size] = UNKNOWN
        item[before < 0] = 0
        return item + np.where(in_one_order & (before >= 0), 0, self.vocabulary_size)

    def kind(self, context: Int64s) -> Int64s:
        """0 within an order, 1 at the beginning of one."""
        return context // self.vocabulary_size


class LineMarkovRanker:
    """Knows who follows whom, as it counts at the newest line that was observed."""

    def __init__(self, vocabulary_size: int, settings: LineSettings, forgetting: Forgetting) -> None:
        self._contexts = Contexts(vocabulary_size)
        self._settings = settings
        self._forgetting = forgetting
        self._followers = sparse.csr_matrix((2 * vocabulary_size, vocabulary_size), dtype=np.float64)

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        item = purchases.item[start:end]
        known = item < self._contexts.vocabulary_size
        context = self._contexts.of_lines(purchases)[start:end]
        faded = self._followers * self._forgetting.advance(purchases.at[start:end])
        weight = self._forgetting.weight(purchases.at[start:end])
        cells = (context[known], item[known])
        self._followers = faded + sparse.csr_matrix((weight[known], cells), shape=faded.shape)

    def scores(self, moments: Moments) -> Float32s:
        context = self._contexts.of_moments(moments)
        k = self._settings.smoothing
        after = self._followers[context].astype(np.float32)
        total = np.asarray(after.sum(axis=1)) + k
        own = self._own_followers(moments, context)
        own_total = np.maximum(np.asarray(own.sum(axis=1)), 1.0)
        scores = (after.multiply(1 / total) + own.multiply(self._settings.own / own_total)).toarray()
        by_kind = self._followers_by_kind()
        for kind in (0, 1):
            rows = self._contexts.kind(context) == kind
            scores[rows] += (k / total[rows]).astype(np.float32) * by_kind[kind]
        return np.asarray(scores, np.float32)

    def _followers_by_kind(self) -> Float32s:
        """Shares: [2, V]."""
        size = self._contexts.vocabulary_size
        halves = (self._followers[:size], self._followers[size:])
        counts = np.asarray(np.vstack([half.sum(axis=0) for half in halves]))
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0), np.float32)

    def _own_followers(self, moments: Moments, context: Int64s) -> sparse.csr_matrix:
        histories = Histories.of(moments, self._contexts.vocabulary_size)
        same = self._contexts.of_lines(moments.purchases)[histories.line] == context[histories.row]
        return histories.matrix(same * self._forgetting.weight(histories.purchases.at[histories.line]))
