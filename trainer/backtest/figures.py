"""From answers to the figures of a question, each with its interval."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from serving.features import Int64s
from trainer.backtest import bootstrap, metrics
from trainer.backtest.answers import Answers
from trainer.backtest.metrics import PER_LIST, Values
from trainer.backtest.questions.question import Kind, Walk
from trainer.backtest.ranking import NO_RANK

KS = (1, 5, 10, 20)
"""Lengths of lists that metrics are given for."""
LOWER_IS_BETTER = frozenset({"MeanRank", "MeanRankShare"})


class Figure(NamedTuple):
    """One metric of one model at one question."""

    metric: str
    k: int | None
    value: float
    low: float
    high: float


class _Column(NamedTuple):
    """One metric, before it is averaged: a value for each unit, and the user whom the unit belongs to."""

    metric: str
    k: int | None
    values: Values
    user: Int64s


def figures(kind: Kind, walk: Walk, given: Answers, seed: int) -> tuple[Figure, ...]:
    """All figures of a question."""
    columns = list(_COLUMNS[kind](walk, given))
    found = [] if not columns else _averaged(columns, walk.user, seed)
    if kind is not Kind.RANKS:
        found += _coverages(walk, given, seed)
    return tuple(found)


def _of_lists(walk: Walk, given: Answers) -> Iterator[_Column]:
    hits, n_bought = walk.truths.hits(given.lists), walk.truths.n_bought
    for metric, of_list in PER_LIST.items():
        for k in KS:
            yield _Column(metric, k, of_list(hits, n_bought, k), walk.user)


def _of_lines(walk: Walk, given: Answers) -> Iterator[_Column]:
    """Where one item is bought at a time, HitRate, Recall and top-k accuracy are the same, and MRR and MAP."""
    hits, n_bought = walk.truths.hits(given.lists), walk.truths.n_bought
    begins = np.flatnonzero(np.diff(walk.order, prepend=-1))
    n_lines = np.diff(np.append(begins, len(walk.order)))
    for k in KS:
        accuracy = metrics.hit_rate(hits, n_bought, k)
        yield _Column("Accuracy", k, accuracy, walk.user)
        yield _Column("OrderAccuracy", k, np.add.reduceat(accuracy, begins) / n_lines, walk.user[begins])
        yield _Column("MRR", k, metrics.reciprocal_rank(hits, n_bought, k), walk.user)
        yield _Column("NDCG", k, metrics.ndcg(hits, n_bought, k), walk.user)


def _of_ranks(walk: Walk, given: Answers) -> Iterator[_Column]:
    known = given.rank != NO_RANK
    if known.any():
        rank, user = given.rank[known].astype(np.float64), walk.user[known]
        yield _Column("MeanRank", None, rank, user)
        yield _Column("MeanRankShare", None, rank / walk.past.purchases.n_items, user)


_COLUMNS: dict[Kind, Callable[[Walk, Answers], Iterator[_Column]]] = {
    Kind.LISTS: _of_lists,
    Kind.LINES: _of_lines,
    Kind.RANKS: _of_ranks,
}


def _averaged(columns: list[_Column], asked: Int64s, seed: int) -> list[Figure]:
    users = np.unique(asked)
    rows = [np.searchsorted(users, column.user) for column in columns]
    sums = [np.bincount(row, column.values, len(users)) for row, column in zip(rows, columns, strict=True)]
    counts = [np.bincount(row, minlength=len(users)) for row in rows]
    found = bootstrap.means(np.stack(sums, axis=1), np.stack(counts, axis=1), seed)
    return [
        Figure(column.metric, column.k, *map(float, estimate))
        for column, *estimate in zip(columns, *found, strict=True)
    ]


def _coverages(walk: Walk, given: Answers, seed: int) -> list[Figure]:
    users, user = np.unique(walk.user, return_inverse=True)
    hits = walk.truths.hits(given.lists)
    n_items = walk.past.purchases.n_items
    found = []
    for k in KS:
        covered = {
            "Coverage": metrics.listed(user, given.lists, k),
            "PCC": metrics.listed_and_bought(user, given.lists, hits, k),
        }
        for metric, pairs in covered.items():
            estimate = bootstrap.coverage(pairs, len(users), n_items, seed)
            found.append(Figure(metric, k, *(float(bound[0]) for bound in estimate)))
    return found
