"""What a report says about a question, a split and the software, in plain values."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata

from trainer.backtest.figures import LOWER_IS_BETTER
from trainer.backtest.held_out import HeldOut
from trainer.backtest.questions.question import Question, Walk
from trainer.backtest.results import Asked, Count, Split
from trainer.models.model import Grain

LIBRARIES = ("nextup", "numpy", "scipy", "tensorflow", "keras", "implicit", "gensim")
GRAINS = {Grain.ORDER: "next order", Grain.LINE: "next line"}


def asked(question: Question, walk: Walk) -> Asked:
    """A question with the counts of what it was asked about."""
    past, truths = walk.past.purchases, walk.truths
    known_users = walk.user < past.n_users
    counts = {
        "lists": len(walk),
        "users": len(set(walk.user.tolist())),
        "users whom no model knew before": len(set(walk.user[~known_users].tolist())),
        "items bought": len(truths.item),
        "of which no model could know": int((truths.item >= past.vocabulary_size).sum()),
        "items in the catalogue": past.n_items,
        "lines learnt from": len(past),
        **{what: n for what, n in walk.left_out.items() if n},
    }
    return Asked(
        question.name,
        question.title,
        _flowing(question.protocol),
        question.headline,
        tuple(Count(what, n) for what, n in counts.items()),
        LOWER_IS_BETTER,
    )


def fit_in_words(walk: Walk) -> str:
    return f"{walk.past.name}, {GRAINS[walk.grain]}"


def split(held_out: HeldOut) -> Split:
    timed = held_out.purchases.is_timed
    return Split(
        _moment(held_out.split_at, timed),
        _moment(held_out.until, timed),
        held_out.start,
        held_out.end - held_out.start,
    )


def versions() -> tuple[tuple[str, str], ...]:
    """Of the libraries that are there; a model whose library is missing is told among the failures."""
    return tuple(_versions())


def _versions() -> Iterator[tuple[str, str]]:
    for library in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            yield library, metadata.version(library)


def _moment(at: int, timed: bool) -> str:
    if not timed:
        return str(at)
    moment = datetime.fromtimestamp(at, UTC)
    return moment.date().isoformat() if not at % (24 * 3600) else moment.isoformat()


def _flowing(text: str) -> str:
    """Paragraphs without the line breaks of a docstring; an empty line parts them."""
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
