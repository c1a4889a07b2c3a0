"""Who answers whom: the serving version, a challenger beside it, or the fallback.

The serving version is asked about everybody, the challenger about those whom it is tried on, at the same
time. So a challenger that is late or wrong takes nothing from anybody: where it has no answer, the serving
version's stands.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from serving import fallback, suggestion
from serving.candidates import K_CANDIDATES, Candidates
from serving.errors import ModelUnavailable
from serving.fallback import RecentPopularity
from serving.features import FIRST_ITEM
from serving.suggestion import Suggestion
from serving.triton import TritonClient
from streams.contract.canary import in_canary
from streams.contract.messages import ModelRef
from streams.histories import questions
from streams.histories.history import History
from streams.worker.metrics import Metrics
from streams.worker.model_switch import ModelSwitch, ServingModel, Trial

log = logging.getLogger(__name__)


class Question(NamedTuple):
    """What does this user buy next, seen from `as_of` (unix time, seconds)?"""

    user_id: str
    history: History
    as_of: int


class ModelAnswer(NamedTuple):
    """What a version says about one user, best first."""

    model: ModelRef
    suggestions: Sequence[Suggestion]


ModelAnswers: TypeAlias = list[ModelAnswer | None]
"""One for each question; None where the version does not know the user, or could not be asked."""


class InShadow(NamedTuple):
    """A challenger's answer that nobody waits for."""

    answers: asyncio.Task[ModelAnswers]
    row: int

    @property
    def is_done(self) -> bool:
        return self.answers.done()

    @property
    def answer(self) -> ModelAnswer | None:
        """Once it is done."""
        return self.answers.result()[self.row]


class Answer(NamedTuple):
    """Suggestions, best first; `model` is None where the fallback made them."""

    model: ModelRef | None
    suggestions: Sequence[Suggestion]
    in_shadow: InShadow | None = None


class Answering:
    """Asks Triton, at most once per version for a batch, and falls back where that fails."""

    def __init__(
        self, switch: ModelSwitch, triton: TritonClient, popularity: RecentPopularity, metrics: Metrics
    ) -> None:
        self._switch = switch
        self._triton = triton
        self._popularity = popularity
        self._metrics = metrics

    async def warm_up(self) -> None:
        """Connect to Triton, so that the first customers need not wait for that."""
        await self._triton.is_ready(self._switch.name, 1)

    async def answers(self, asked: Sequence[Question]) -> list[Answer]:
        """One for each question, whatever fails."""
        serving, trial = self._switch.current
        if serving is None or not asked:
            return [self.fall_back(question) for question in asked]
        if trial is None:
            return self._filled(asked, await self._of_model(serving, asked))
        rows = tried_on(trial, asked)
        theirs = asyncio.ensure_future(self._of_model(trial.model, [asked[row] for row in rows]))
        answers = await self._of_model(serving, asked)
        if trial.mode == "canary":
            for row, answer in zip(rows, await theirs, strict=True):
                answers[row] = answer or answers[row]
            return self._filled(asked, answers)
        return [
            answer._replace(in_shadow=InShadow(theirs, row)) for row, answer in enumerate(self._filled(asked, answers))
        ]

    def fall_back(self, question: Question) -> Answer:
        return Answer(None, self.fillers(question.history))

    def fillers(self, past: History) -> list[Suggestion]:
        """What the user bought most, then what is popular."""
        return fallback.suggest([order.item_ids for order in past.orders], self._popularity, K_CANDIDATES)

    def _filled(self, asked: Sequence[Question], answers: ModelAnswers) -> list[Answer]:
        return [
            Answer(*answer) if answer else self.fall_back(question)
            for question, answer in zip(asked, answers, strict=True)
        ]

    async def _of_model(self, model: ServingModel, asked: Sequence[Question]) -> ModelAnswers:
        if not asked:
            return []
        as_of = [question.as_of for question in asked]
        inputs = questions.inputs_of([question.history for question in asked], model.vocabulary, as_of)
        try:
            candidates = await self._triton.candidates(model.ref.name, model.ref.version, inputs)
            _check_items(candidates, model)
        except ModelUnavailable as error:
            log.warning("%d questions have no answer: %s", len(asked), error)
            self._metrics.unanswered(model.ref, len(asked))
            return [None] * len(asked)
        sequences = inputs["item_index"]
        knows_user: list[bool] = np.any(sequences >= FIRST_ITEM, axis=1).tolist()
        return [
            ModelAnswer(model.ref, suggestion.from_model(candidates, row, sequences[row], model.vocabulary))
            if known
            else None
            for row, known in enumerate(knows_user)
        ]


def tried_on(trial: Trial, asked: Sequence[Question]) -> list[int]:
    """The rows about which the challenger is asked."""
    if trial.mode == "shadow":
        return list(range(len(asked)))
    version = trial.model.ref.version
    return [row for row, question in enumerate(asked) if in_canary(question.user_id, version, trial.share)]


def _check_items(candidates: Candidates, model: ServingModel) -> None:
    """ModelUnavailable where an answer names an item that the version's vocabulary does not hold."""
    fault = candidates.unknown_item(model.vocabulary.size)
    if fault:
        raise ModelUnavailable(f"{model.ref.name} version {model.ref.version} answered {fault}")
