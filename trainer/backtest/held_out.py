"""Where past and future part, for the questions that ask in the order of time.

A month is held out by default, and what comes after it is left to those who come back late. On data of less
than a year a twelfth of their time takes the month's place; where there are no times, a twelfth of the lines.
"""

from dataclasses import dataclass
from functools import cached_property

from trainer.errors import NotEnoughData
from trainer.purchases import Purchases

DAY_S = 24 * 3600
MONTH_S = 31 * DAY_S
PARTS = 12
"""Held out is at most one of so many parts."""


@dataclass(frozen=True)
class HeldOut:
    """Lines of a shop, and the stretch of them that is asked about."""

    purchases: Purchases
    split_at: int
    """First moment of the future: unix time, or the number of a line where `purchases` have no times."""
    until: int
    """First moment that is not asked about any more."""

    @cached_property
    def start(self) -> int:
        """Position of the first line that was held out."""
        return self.purchases.position(self.split_at)

    @cached_property
    def end(self) -> int:
        """Position of the first line after those that are asked about."""
        return self.purchases.position(self.until)

    @cached_property
    def past(self) -> Purchases:
        """All that was known at the split."""
        return self.purchases.before(self.start)


def hold_out(purchases: Purchases, split_at: int | None = None, until: int | None = None) -> HeldOut:
    """Split at a moment; what is not given is chosen by the length of the data. NotEnoughData if a side is empty."""
    default_split, default_until, stretch = _default(purchases)
    if split_at is None:
        split_at = default_split if until is None else until - stretch
    elif until is None:
        until = split_at + stretch
    held_out = HeldOut(purchases, split_at, default_until if until is None else until)
    if not 0 < held_out.start < held_out.end:
        raise NotEnoughData(
            f"of {len(purchases):,} lines {held_out.start:,} lie before the split and "
            f"{max(held_out.end - held_out.start, 0):,} between it and the end of what is asked about; "
            "both must hold some: choose when to split, or until when to ask"
        )
    return held_out


def _default(purchases: Purchases) -> tuple[int, int, int]:
    """Where to split, until when to ask, and how long that is."""
    if not len(purchases):
        raise NotEnoughData("there is no line to learn from")
    first, last = int(purchases.at[0]), int(purchases.at[-1])
    stretch = max((last + 1 - first) // PARTS, 1)
    if not purchases.is_timed or stretch < DAY_S:
        return last + 1 - 2 * stretch, last + 1 - stretch, stretch
    # Days are kept whole: the last one counts as the last of the month that is left over.
    stretch = min(stretch // DAY_S * DAY_S, MONTH_S)
    tomorrow = (last // DAY_S + 1) * DAY_S
    return tomorrow - 2 * stretch, tomorrow - stretch, stretch
