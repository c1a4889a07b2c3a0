"""One training, from the log to the version that answers."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from serving.candidates import K_CANDIDATES, TOP
from serving.features import FIRST_ITEM, INPUT_TYPES, SEQUENCE_LENGTH, ModelInputs
from serving.model_repository import Metadata, ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import connected
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion
from trainer import faithfulness, purchase_history
from trainer.errors import NotEnoughData
from trainer.export import export
from trainer.holdout import Metrics, Split, measure, split_by_time
from trainer.models.next_purchase import NextPurchaseRanker
from trainer.next_purchase.examples import Examples, inputs_of, order_examples, visible_lines
from trainer.next_purchase.network import NextPurchaseModel
from trainer.next_purchase.training import learn
from trainer.progress import Progress, timed_step
from trainer.purchase_history import PurchaseHistory
from trainer.release import Release, release
from trainer.settings import TrainerSettings
from trainer.training import n_batches

N_GOLDEN = 16
N_REASONS = 256
"""Held-out histories on whose lists the reasons are judged."""


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
    with timed_step(progress, "learning without the newest days"):
        judged = learn(split.past, settings, progress)
    with timed_step(progress, "measuring on the newest days"):
        metrics = measure(NextPurchaseRanker(judged), split) | _reasons(judged.model, split.held_out)
        progress.noted(_told(metrics))
    purchases = history.purchases
    steps = judged.epochs * n_batches(len(order_examples(purchases)), settings.batch_size)
    with timed_step(progress, "learning from all days", steps):
        model = learn(purchases, settings, progress, judged.epochs).model
    with timed_step(progress, "exporting"):
        candidate = _candidate(name, model, history, golden_inputs(split.held_out), metrics)
    with timed_step(progress, "releasing"), connected(triton) as control:
        return release(candidate, ModelRepository(repository), control, connection)


def _split(history: PurchaseHistory, settings: TrainerSettings) -> Split:
    """The examples, split by time; NotEnoughData where there is too little to learn from or to measure on."""
    if history.n_events < settings.min_events:
        raise NotEnoughData(
            f"the purchase log holds {history.n_events:,} events; at least {settings.min_events:,} are needed "
            "(trainer.min_events)"
        )
    split = split_by_time(history.purchases, settings.holdout_days)
    n_learnt, n_held_out = len(order_examples(split.past)), len(split.held_out)
    if not n_learnt or not n_held_out:
        raise NotEnoughData(
            f"the purchase log holds {n_learnt:,} orders of returning customers before the newest days and "
            f"{n_held_out:,} in them; both are needed, to learn from and to measure on"
        )
    return split


def _candidate(
    name: str, model: NextPurchaseModel, history: PurchaseHistory, golden: ModelInputs, metrics: Metrics
) -> Release:
    bought_at, n_items = history.purchases.at, history.purchases.n_items
    k = min(K_CANDIDATES, n_items)
    exported = export(model, golden, k)
    metadata = Metadata(
        name=name,
        version=0,  # the release counts
        created_at=datetime.now(UTC),
        trained_from=datetime.fromtimestamp(int(bought_at[0]), UTC),
        trained_to=datetime.fromtimestamp(int(bought_at[-1]), UTC),
        n_events=history.n_events,
        n_orders=history.n_orders,
        n_items=n_items,
        k_candidates=k,
        metrics=metrics,
    )
    return Release(metadata, history.vocabulary, exported.onnx, exported.golden)


def golden_inputs(held_out: Examples) -> ModelInputs:
    """Some real histories, an empty one, and one with numbers that no table holds: at most N_GOLDEN + 2 rows."""
    real = _some_inputs(held_out, N_GOLDEN, held_out.moments.purchases.vocabulary_size)
    wild = np.tile([-1, 10**9], (1, SEQUENCE_LENGTH // 2))
    return {
        name: np.concatenate([real[name], np.zeros((1, SEQUENCE_LENGTH), dtype), wild.astype(dtype)])
        for name, dtype in INPUT_TYPES.items()
    }


def _reasons(model: NextPurchaseModel, held_out: Examples) -> Metrics:
    """For which share of the recommendations leaving out the item that is named as the reason costs more than
    leaving out another; of items that had been bought before ("own") and others ("new")."""
    inputs = _some_inputs(held_out, N_REASONS, model.architecture.vocabulary_size)
    found = faithfulness.of_model(model, inputs, min(TOP, model.architecture.vocabulary_size - FIRST_ITEM))
    return {f"because_{kind}_costs_more": each.named_costs_more for kind, each in found.items()}


def _some_inputs(held_out: Examples, n: int, vocabulary_size: int) -> ModelInputs:
    """The inputs of so many of the held-out examples, spread evenly over them."""
    rows = np.linspace(0, len(held_out) - 1, num=min(n, len(held_out))).astype(np.int64)
    moments = held_out.rows(rows).moments
    return inputs_of(visible_lines(moments.purchases), moments, vocabulary_size)


def _told(metrics: Metrics) -> str:
    rules = {"model": "", "on visit": "on_the_visit_", "own frequency": "own_frequency_", "popularity": "popularity_"}
    hit_rates = (f"{rule} {metrics[f'{key}hit_rate_at_5']:.3f}" for rule, key in rules.items())
    return "HR@5 " + ", ".join(hit_rates)
