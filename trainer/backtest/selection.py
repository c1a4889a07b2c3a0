"""What a caller chose by name, and the moments that a caller wrote down."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from trainer.backtest.errors import NoMoment, UnknownName


def selected(what: str, wanted: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """The wanted names, each once, in the order of those that are known; UnknownName if one is none of them.

    A name may stand for several, joined by commas.
    """
    names = tuple(known)
    chosen = [name.strip() for several in wanted for name in several.split(",") if name.strip()]
    for name in chosen:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"
            raise UnknownName(f"there is no {what} {name!r}; {hint}")
    return tuple(name for name in names if name in chosen)


def moment(text: str, is_timed: bool) -> int:
    """Unix time of a day or a moment in ISO 8601, UTC where no zone is named; the number of a line where the data
    have no times. NoMoment where it is neither."""
    if not is_timed:
        if text.isdecimal():
            return int(text)
        raise NoMoment(f"{text!r} is no number of a line, and these data have no times")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise NoMoment(f"{text!r} is no day or moment; expected something like 2011-10-09") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
