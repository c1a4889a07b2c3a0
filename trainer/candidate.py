"""What is released: a trained model as a graph, with inputs that it must answer alike wherever it runs."""

from datetime import UTC, datetime

import numpy as np

from serving.candidates import K_CANDIDATES, TOP
from serving.features import FIRST_ITEM, ModelInputs
from serving.model_repository import Metadata
from trainer import faithfulness
from trainer.export import Exported, export
from trainer.holdout import Metrics
from trainer.models.model import Grain
from trainer.next_purchase.examples import Examples, inputs_of, visible_lines
from trainer.next_purchase.grains import Servable, asked
from trainer.purchase_history import PurchaseHistory
from trainer.release import Release

N_REASONS = 256
"""Held-out histories on whose lists the reasons are judged."""


def exported(model: Servable, golden: ModelInputs) -> Exported:
    """The graph; ExportMismatch where it does not answer the golden inputs as the model does."""
    return export(model, golden, min(K_CANDIDATES, _n_items(model)))


def release_of(name: str, made: Exported, history: PurchaseHistory, grain: Grain, metrics: Metrics) -> Release:
    """Everything that makes a version of a graph that has learnt from the whole history."""
    bought_at = history.purchases.at
    metadata = Metadata(
        name=name,
        version=0,  # the release counts
        created_at=datetime.now(UTC),
        trained_from=datetime.fromtimestamp(int(bought_at[0]), UTC),
        trained_to=datetime.fromtimestamp(int(bought_at[-1]), UTC),
        n_events=history.n_events,
        n_orders=history.n_orders,
        n_items=history.purchases.n_items,
        k_candidates=made.golden.answers.item_index.shape[1],
        metrics=metrics,
        grain=grain.value,
    )
    return Release(metadata, history.vocabulary, made.onnx, made.golden)


def reasons(model: Servable, held_out: Examples, grain: Grain) -> Metrics:
    """For which share of the recommendations leaving out the item that is named as the reason costs more than
    leaving out another; of items that had been bought before ("own") and others ("new")."""
    inputs = _some_inputs(held_out, grain, N_REASONS, model.architecture.vocabulary_size)
    found = faithfulness.of_model(model, inputs, min(TOP, _n_items(model)))
    return {f"because_{kind}_costs_more": each.named_costs_more for kind, each in found.items()}


def _n_items(model: Servable) -> int:
    return model.architecture.vocabulary_size - FIRST_ITEM


def _some_inputs(held_out: Examples, grain: Grain, n: int, vocabulary_size: int) -> ModelInputs:
    """The inputs of so many of the held-out examples, spread evenly over them."""
    rows = np.linspace(0, len(held_out) - 1, num=min(n, len(held_out))).astype(np.int64)
    examples = held_out.rows(rows)
    return inputs_of(visible_lines(examples.moments.purchases), asked(examples, grain), vocabulary_size)
