"""Which rows of a file can be lines, and why the others cannot."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from trainer.backtest.sources.columns import FileRules
from trainer.backtest.sources.moments import MISSING
from trainer.backtest.sources.values import EMPTY
from trainer.numbering import Bools, SourceLines


class Sieved(NamedTuple):
    kept: Bools
    """[n]"""
    left_out: Mapping[str, int]
    """How many rows went for which reason, each for the first that applies."""


def sieved(rows: SourceLines, rules: FileRules) -> Sieved:
    """The rows that say who bought what, as far as the rules want them."""
    kept, left_out = np.ones(len(rows.quantity), np.bool_), {}
    for reason, applies in _reasons(rows, rules).items():
        left_out[reason] = int((kept & applies).sum())
        kept &= ~applies
    return Sieved(kept, left_out)


def _reasons(rows: SourceLines, rules: FileRules) -> dict[str, Bools]:
    reasons = {"no user": rows.user.code == EMPTY, "no item": rows.item.code == EMPTY}
    if rows.order is not None:
        reasons["no order"] = rows.order == EMPTY
    if rows.at is not None:
        reasons["no time"] = rows.at == MISSING
        reasons["a time before 1970"] = rows.at < 0
    reasons["a price below zero"] = rows.price < 0
    reasons["a quantity of zero"] = rows.quantity == 0
    if rules.returns == "leave-out":
        reasons["returns"] = rows.quantity < 0
    return reasons
