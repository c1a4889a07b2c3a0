"""The walk through single lines, which several questions share: before each held-out line a list is asked for."""

from collections.abc import Iterator

import numpy as np

from serving.features import Int64s
from trainer.backtest.metrics import Truths
from trainer.backtest.questions.question import Step, Walk
from trainer.backtest.questions.setting import Setting
from trainer.backtest.questions.stages import stages
from trainer.models.model import Grain
from trainer.purchases import Moments


def observed(setting: Setting) -> Walk:
    """Rankers see each day when it is over."""
    return _walk(setting, is_observed=True)


def frozen(setting: Setting) -> Walk:
    """Of others rankers know what they knew at the split."""
    return _walk(setting, is_observed=False)


def _walk(setting: Setting, *, is_observed: bool) -> Walk:
    held_out = setting.everybody
    lines = slice(held_out.start, held_out.end)
    is_asked = setting.sampled(held_out.purchases.user[lines])
    left_out = {
        "lines that repeat an item of their order": int(held_out.purchases.is_repeated[lines][is_asked].sum()),
        "lines left out by chance": int((~is_asked).sum()),
    }
    steps = tuple(_steps(setting, held_out.start + np.flatnonzero(is_asked), is_observed))
    return Walk(setting.lines_before_split, Grain.LINE, steps, left_out, setting.bars_open_order)


def _steps(setting: Setting, asked: Int64s, is_observed: bool) -> Iterator[Step]:
    held_out = setting.everybody
    # Nothing after the end is ever needed, so it is not there to be seen.
    purchases = held_out.purchases.before(held_out.end)
    starts = purchases.order_starts
    for begin, end in stages(purchases, held_out.start, held_out.end):
        line = asked[np.searchsorted(asked, begin) : np.searchsorted(asked, end)]
        opened = starts[np.searchsorted(starts, line, side="right") - 1]
        moments = Moments(purchases, purchases.user[line], line, purchases.at[line], opened)
        yield Step(moments, Truths.single(purchases.item[line]), (begin, end) if is_observed else None)
