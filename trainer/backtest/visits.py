"""Which walks have to be made for the questions that are asked, and which of them one fit is enough for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from trainer.backtest.described import asked
from trainer.backtest.findings import EVERY_MODEL, Findings
from trainer.backtest.groups import Groups, groups_of
from trainer.backtest.questions.question import Question, Walk
from trainer.backtest.questions.setting import Setting


class Visit(NamedTuple):
    """A walk, and all that is asked on it."""

    walk: Walk
    questions: tuple[Question, ...]
    groups: tuple[Groups, ...]


Fits: TypeAlias = tuple[tuple[Visit, ...], ...]
"""The visits of each fit, at least one."""


def visits(questions: Sequence[Question], setting: Setting, findings: Findings) -> Iterator[Visit]:
    """One visit for each way through the data, however many questions are asked on it; what cannot be asked of these
    data is told among the failures."""
    sharing = defaultdict(list)
    for question in questions:
        sharing[question.walk].append(question)
    for make, together in sharing.items():
        with findings.failing(EVERY_MODEL, [question.name for question in together]):
            walk = make(setting)
            findings.asked += [asked(question, walk) for question in together]
            yield Visit(walk, tuple(together), groups_of(walk))


def by_fit(all_visits: Iterable[Visit]) -> Fits:
    """Visits that share a fit. One from which rankers come back changed is the last of its fit."""
    fits: dict[tuple[object, ...], list[Visit]] = {}
    for visit in sorted(all_visits, key=lambda visit: visit.walk.is_observed):
        learnt = visit.walk.past.name, visit.walk.grain
        if visit.walk.is_observed and any(other.walk.is_observed for other in fits.get(learnt, ())):
            fits[*learnt, len(fits)] = [visit]
        else:
            fits.setdefault(learnt, []).append(visit)
    return tuple(map(tuple, fits.values()))
