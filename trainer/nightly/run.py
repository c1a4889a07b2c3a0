"""One run, from the log to the version that answers, or to the reason why the one before goes on answering.

 1. The copy of the log is brought up to date and put into columns (trainer.purchase_history).
 2. The newest days are held out: what neither the version that serves nor the candidate has seen.
 3. The candidate learns from the days before.
 4. Both are asked about the same newest orders, and it is decided.
 5. Released is a model that has learnt from all days in the same way; otherwise the decision alone is announced.

Nothing that others see is changed before step 5, and that begins with a version that nobody uses yet (trainer.release).
So a run can be cut short anywhere, and the next one does all that is still to be done.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import connected
from serving.vocabulary import Vocabulary
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Decision, ModelVersion
from trainer import purchase_history
from trainer.announcement import announce_decision, announced
from trainer.candidate import exported, reasons, release_of
from trainer.errors import DataFolderUnusable, NotEnoughData
from trainer.golden import golden_inputs
from trainer.holdout import Metrics, Split, measure, split_by_time
from trainer.log_store import LogStore
from trainer.models.model import Grain
from trainer.next_purchase import grains
from trainer.next_purchase.examples import order_examples
from trainer.next_purchase.grains import Fitted
from trainer.next_purchase.manner import HOW
from trainer.next_purchase.training import FIRST_STAGE, SECOND_STAGE
from trainer.nightly.comparison import compare
from trainer.nightly.decision import decide, unsure, without_asking
from trainer.nightly.opponent import Opponent, opponent_of
from trainer.nightly.questions import asked_about
from trainer.nightly.settings import NightlySettings
from trainer.nightly.timings import Timing, Timings
from trainer.nightly.versions import Version
from trainer.progress import Progress, counted, timed_step
from trainer.purchase_history import PurchaseHistory
from trainer.purchases import Purchases
from trainer.release import Release, release
from trainer.settings import TrainerSettings
from trainer.swaps.settings import SwapSettings

READING, SORTING = "reading the purchase log", "putting it into columns"
LEARNING, LEARNING_ALL = "learning without the newest days", "learning from all days"
BUILDING, ASKING = "building sequences", "asking both versions"
UNITS = {
    READING: "records",
    SORTING: "records",
    LEARNING: "batches",
    LEARNING_ALL: "batches",
    **dict.fromkeys((HOW, FIRST_STAGE, SECOND_STAGE), "batches"),
    BUILDING: "sequences",
    ASKING: "lists",
}
"""What is counted in which step."""


class Systems(NamedTuple):
    """What a run reads from and releases to."""

    kafka: KafkaConnection
    triton: TritonSettings
    repository: ModelRepository
    name: str
    """Of the model."""
    swap: SwapSettings = SwapSettings()
    """How long is waited for workers, and what is kept of the versions before."""


class Outcome(NamedTuple):
    """What came of a run."""

    decision: Decision
    version: ModelVersion | None
    """The one that answers from now on; None where the one before goes on."""
    timings: tuple[Timing, ...]
    epochs: int | None
    """How often what was released learnt from each example."""


def run(systems: Systems, learning: TrainerSettings, rule: NightlySettings, progress: Progress) -> Outcome:
    """Learn, and release what is better: see above.

    Raises NotEnoughData, DataFolderUnusable, ExportMismatch or ReleaseRefused, and the errors of the broker and of
    Triton; in all these cases the version before goes on answering. How many cores it uses is the process's business:
    see trainer.training.use_threads.
    """
    try:
        return _Run(systems, learning, rule, Timings(progress, UNITS), datetime.now(UTC)).outcome()
    except OSError as error:
        raise DataFolderUnusable(
            f"{error}; trainer.datadir and models.repository need to be writable and have room. Nothing was released"
        ) from None


class _Plan(NamedTuple):
    """What is known before anything is learnt: the split, and whom to compare with, or the decision already."""

    split: Split
    opponent: Opponent | Decision


@dataclass(frozen=True)
class _Run:
    systems: Systems
    learning: TrainerSettings
    rule: NightlySettings
    progress: Timings
    now: datetime

    def outcome(self) -> Outcome:
        with timed_step(self.progress, "looking for Triton"), connected(self.systems.triton) as control:
            control.check_live()
        with LogStore(Path(self.learning.datadir) / "log") as store:
            return self._decided(self._history(store))

    def _history(self, store: LogStore) -> PurchaseHistory:
        with timed_step(self.progress, READING):
            store.catch_up(self.systems.kafka, self.progress)
        with timed_step(self.progress, SORTING):
            records = counted(store.records(), self.progress.advanced)
            folder = Path(self.learning.datadir) / "columns"
            history = purchase_history.from_records(records, folder, self.learning.most_lines)
        if history.n_events < self.learning.min_events:
            raise NotEnoughData(
                f"the purchase log holds {history.n_events:,} events; at least {self.learning.min_events:,} are "
                "needed (trainer.min_events)"
            )
        return history

    def _decided(self, history: PurchaseHistory) -> Outcome:
        plan = self._plan(history.purchases)
        if isinstance(plan.opponent, Decision) and not plan.opponent.released:
            return self._kept(plan.opponent)
        grain = self._grain(history.purchases)
        with timed_step(self.progress, LEARNING):
            judged = grains.fit(plan.split.past, grain, self.learning, self.progress)
        # Before it is measured: a ranker may learn on while it is.
        decision = plan.opponent
        if isinstance(decision, Opponent):
            decision = self._compared(judged, plan.split, grain, decision)
        if not decision.released:
            return self._kept(decision)
        with timed_step(self.progress, "measuring on the newest days"):
            metrics = reasons(judged.model, plan.split.held_out, grain) | measure(judged.ranker, plan.split)
            self.progress.noted(_told(metrics))
        candidate = self._candidate(history, plan.split, judged, grain, metrics)
        with timed_step(self.progress, "releasing"), connected(self.systems.triton) as control:
            systems = self.systems
            version = release(candidate, systems.repository, control, systems.kafka, decision, systems.swap)
        return Outcome(decision, version, tuple(self.progress.done), judged.epochs)

    def _plan(self, purchases: Purchases) -> _Plan:
        serving = announced(self.systems.kafka, self.systems.name)
        opponent = opponent_of(serving, self.systems.repository, self.rule.rule)
        if isinstance(opponent, str):
            return _Plan(_checked(self._split(purchases)), without_asking(self.now, opponent))
        unseen = self._split(purchases, opponent.learnt_to)
        n_orders = len(unseen.held_out)
        if n_orders >= self.rule.min_orders:
            return _Plan(_checked(unseen), opponent)
        decision = unsure(self.now, opponent.number, n_orders, self.rule)
        return _Plan(_checked(self._split(purchases)) if decision.released else unseen, decision)

    def _split(self, purchases: Purchases, learnt_to: int | None = None) -> Split:
        return split_by_time(purchases, self.learning.holdout_days, learnt_to)

    def _grain(self, purchases: Purchases) -> Grain:
        return grains.suiting(purchases) if self.learning.grain == "auto" else Grain(self.learning.grain)

    def _compared(self, judged: Fitted, split: Split, grain: Grain, opponent: Opponent) -> Decision:
        """Both versions answer the same questions, as graphs, with what they knew when they had learnt."""
        progress = self.progress
        with timed_step(progress, "exporting the candidate"):
            graph = exported(judged.model, golden_inputs(_vocabulary_size(split), grain)).onnx
            candidate = Version(Vocabulary(split.past.item_ids), graph)
        with timed_step(progress, BUILDING):
            asked = asked_about(split.held_out)
            progress.advanced(2 * len(asked))
        with timed_step(progress, ASKING, 4 * len(asked)):
            ours, theirs = (version.answered(asked, progress.advanced) for version in (candidate, opponent.version))
            comparison = compare(asked, ours, theirs, opponent.number, self.learning.seed)
            decision = decide(self.now, comparison, self.rule)
            progress.noted(decision.reason)
        return decision

    def _candidate(
        self, history: PurchaseHistory, split: Split, judged: Fitted, grain: Grain, metrics: Metrics
    ) -> Release:
        """A model that has learnt from all days, as the judged one did from its own."""
        with timed_step(self.progress, LEARNING_ALL):
            model = grains.fit_again(history.purchases, self.learning, self.progress, judged).model
        with timed_step(self.progress, "exporting"):
            made = exported(model, golden_inputs(_vocabulary_size(split), grain))
        return release_of(self.systems.name, made, history, grain, metrics)

    def _kept(self, decision: Decision) -> Outcome:
        with timed_step(self.progress, "announcing the decision"):
            announce_decision(self.systems.kafka, self.systems.name, decision)
        return Outcome(decision, None, tuple(self.progress.done), None)


def _vocabulary_size(split: Split) -> int:
    return split.held_out.moments.purchases.vocabulary_size


def _checked(split: Split) -> Split:
    """NotEnoughData where there is too little to learn from or to measure on."""
    n_learnt, n_held_out = len(order_examples(split.past)), len(split.held_out)
    if not n_learnt or not n_held_out:
        raise NotEnoughData(
            f"the purchase log holds {n_learnt:,} orders of returning customers before the newest days and "
            f"{n_held_out:,} in them; both are needed, to learn from and to measure on"
        )
    return split


def _told(metrics: Metrics) -> str:
    rules = {"model": "", "on visit": "on_the_visit_", "own frequency": "own_frequency_", "popularity": "popularity_"}
    hit_rates = (f"{rule} {metrics[f'{key}hit_rate_at_5']:.3f}" for rule, key in rules.items())
    return "HR@5 " + ", ".join(hit_rates)
