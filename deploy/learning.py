"""One run of the trainer, as the commands show it. Importing this brings TensorFlow along."""

import os
from pathlib import Path

import msgspec
from rich.table import Table

from deploy.command_line import out
from deploy.progress_lines import shown_on
from deploy.quiet import native_stderr_off
from deploy.refreshing import refresh_stale_lists
from deploy.settings import Settings
from serving.model_repository import ModelRepository
from trainer.nightly.settings import NightlySettings
from trainer.nightly.timings import Timing
from trainer.tuning.tuned import tuned

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with native_stderr_off():
    from trainer.next_purchase.training import FIRST_STAGE
    from trainer.nightly.run import LEARNING_ALL, Outcome, Systems, run
    from trainer.training import use_threads


def learn(settings: Settings, rule: NightlySettings) -> None:
    """Run once; tell how it goes, how long each step took and what was decided; where no person looks, all of it once
    more as a last line of JSON."""
    learning, found = tuned(settings.trainer, Path(settings.trainer.tuned))
    if found:
        out.print(f"learning as {settings.trainer.tuned} says: {found}", soft_wrap=True, highlight=False)
    use_threads(learning.threads)
    repository = ModelRepository(settings.models.repository)
    systems = Systems(settings.kafka, settings.triton, repository, settings.models.name, settings.swap)
    with shown_on(out) as progress:
        outcome = run(systems, learning, rule, progress)
    out.print(_table(outcome.timings))
    out.print(_verdict(outcome, settings.models.name), soft_wrap=True, highlight=False, markup=False)
    if outcome.version and settings.refresh.after_release:
        asked = refresh_stale_lists(settings.kafka, settings.models.name, settings.refresh)
        out.print(f"{asked:,} lists are made anew", highlight=False)
    if not out.is_terminal:
        out.print(_line(outcome), soft_wrap=True, highlight=False, markup=False)


def _table(timings: tuple[Timing, ...]) -> Table:
    table = Table("step", "seconds", "done", "per second", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for step in timings:
        done = f"{step.parts:,} {step.unit}" if step.unit else ""
        rate = f"{step.per_s:,.{0 if step.per_s >= 10 else 2}f}" if step.per_s else ""
        table.add_row(step.step, f"{step.seconds:.1f}", done, rate)
    return table


def _verdict(outcome: Outcome, name: str) -> str:
    if outcome.version is None:
        return f"{name} stays as it is: {outcome.decision.reason}"
    return f"{name} version {outcome.version.version} answers from now on: {outcome.decision.reason}"


def _line(outcome: Outcome) -> str:
    """For whoever reads with a program."""
    told = {
        "released": outcome.decision.released,
        "version": outcome.version.version if outcome.version else None,
        "reason": outcome.decision.reason,
        "figures": outcome.decision.figures,
        "seconds_per_epoch": _seconds_per_epoch(outcome),
        "steps": [step._asdict() | {"per_s": step.per_s} for step in outcome.timings],
    }
    return msgspec.json.encode(told).decode()


def _seconds_per_epoch(outcome: Outcome) -> float | None:
    """Of the training whose model was released; of its first stage alone, where there may be two."""
    last = {step.step: step.seconds for step in outcome.timings}
    if not outcome.epochs or LEARNING_ALL not in last:
        return None
    return last.get(FIRST_STAGE, last[LEARNING_ALL]) / outcome.epochs
