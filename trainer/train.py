"""One training, from the log to the version that answers."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from serving.candidates import K_CANDIDATES
from serving.features import INPUT_NAMES, SEQUENCE_LENGTH, ModelInputs
from serving.model_repository import Metadata, ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import connected
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion
from trainer import purchase_history
from trainer.errors import NotEnoughData
from trainer.export import export
from trainer.holdout import Metrics, measure, popularity
from trainer.lstm import NextPurchaseModel
from trainer.progress import Progress, timed_step
from trainer.purchase_history import PurchaseHistory, n_orders
from trainer.release import Release, release
from trainer.sequences import Examples, Split, examples, split_by_time
from trainer.settings import TrainerSettings
from trainer.training import steps, train

N_GOLDEN = 16


def run(
    connection: KafkaConnection,
    settings: TrainerSettings,
    triton: TritonSettings,
    repository: Path | str,
    name: str,
    progress: Progress,
) -> ModelVersion:
    """Train model `name` on the whole log and release it: the version that answers from now on.

    The metrics are those of a model that has not seen the newest days; what is released has then learnt
    from all of them in the same way. Raises NotEnoughData, ExportMismatch or ReleaseRefused, and the
    errors of the broker; in all these cases the version before goes on answering. How many cores it
    uses is the process's business: see trainer.training.use_threads.
    """
    with timed_step(progress, "looking for Triton"), connected(triton) as control:
        control.check_live()
    with timed_step(progress, "reading the purchase log"):
        history = purchase_history.read(connection, progress)
    split = _split(history, settings)
    with timed_step(progress, "learning without the newest days", steps(split.learn, settings)):
        judged = train(split.learn, popularity(history, split.at), settings, progress)
    with timed_step(progress, "measuring on the newest days"):
        metrics = measure(judged, split.held_out, popularity(history, split.at))
        progress.noted(_told(metrics))
    with timed_step(progress, "learning from all days", steps(split.all, settings)):
        model = train(split.all, popularity(history), settings, progress)
    with timed_step(progress, "exporting"):
        candidate = _candidate(name, model, split, metrics)
    with timed_step(progress, "releasing"), connected(triton) as control:
        return release(candidate, ModelRepository(repository), control, connection)


def _split(history: PurchaseHistory, settings: TrainerSettings) -> Split:
    """The examples, split by time; NotEnoughData where there is too little to learn from or to measure on."""
    if history.n_events < settings.min_events:
        raise NotEnoughData(
            f"the purchase log holds {history.n_events:,} events; at least {settings.min_events:,} are needed "
            "(trainer.min_events)"
        )
    split = split_by_time(examples(history), settings.holdout_days)
    if not len(split.learn) or not len(split.held_out):
        raise NotEnoughData(
            f"the purchase log holds {len(split.learn):,} orders of returning customers before the newest days and "
            f"{len(split.held_out):,} in them; both are needed, to learn from and to measure on"
        )
    return split


def _candidate(name: str, model: NextPurchaseModel, split: Split, metrics: Metrics) -> Release:
    history = split.all.history
    bought_at = history.lines.bought_at
    k = min(K_CANDIDATES, history.vocabulary.n_items)
    exported = export(model, golden_inputs(split.held_out), k)
    metadata = Metadata(
        name=name,
        version=0,  # the release counts
        created_at=datetime.now(UTC),
        trained_from=datetime.fromtimestamp(int(bought_at.min()), UTC),
        trained_to=datetime.fromtimestamp(int(bought_at.max()), UTC),
        n_events=history.n_events,
        n_orders=n_orders(history),
        n_items=history.vocabulary.n_items,
        k_candidates=k,
        metrics=metrics,
    )
    return Release(metadata, history.vocabulary, exported.onnx, exported.golden)


def golden_inputs(held_out: Examples) -> ModelInputs:
    """Some real histories, an empty one, and one with numbers that no table holds: at most N_GOLDEN + 2 rows."""
    rows = np.linspace(0, len(held_out) - 1, num=min(N_GOLDEN, len(held_out))).astype(np.int64)
    real = held_out.rows(rows).inputs()
    empty = np.zeros((1, SEQUENCE_LENGTH), np.int32)
    wild = np.tile(np.array([-1, 10**9], np.int32), (1, SEQUENCE_LENGTH // 2))
    return {key: np.concatenate([real[key], empty, wild]) for key in INPUT_NAMES}


def _told(metrics: Metrics) -> str:
    rules = {"model": "", "own frequency": "own_frequency_", "popularity": "popularity_"}
    return "HR@5 " + ", ".join(f"{rule} {metrics[f'{key}hit_rate_at_5']:.3f}" for rule, key in rules.items())
