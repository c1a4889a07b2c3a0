"""The version's answers are timed beside those of a plain LSTM that is as large and answers the same users."""

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

from deploy.bench.plain_lstm import Size, plain_lstm, size_of
from deploy.cli import main
from deploy.stack.errors import StackError
from serving.features import FIRST_ITEM
from serving.model_repository import ModelRepository
from tests import small_model
from trainer.export import Exported, export
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.facts import N_FACTS
from trainer.next_purchase.network import FirstStage, NextPurchaseModel, Tables

ITEMS = [f"item-{number}" for number in range(20)]
SIZE = Size(len(ITEMS) + FIRST_ITEM, embedding=12, state=24, k=small_model.K)


@pytest.fixture(scope="module")
def exported() -> Exported:
    """The served model, small and without having learnt anything."""
    keras.utils.set_random_seed(1)
    tables = Tables(np.zeros((SIZE.vocabulary, N_FACTS), np.float32), np.ones(SIZE.vocabulary, np.float32))
    first = FirstStage(Architecture(SIZE.vocabulary, embedding=SIZE.embedding, state=SIZE.state), tables)
    model = NextPurchaseModel(first)
    return export(model, small_model.random_inputs(rows=5, n_items=len(ITEMS)), SIZE.k)


def test_the_size_of_a_version_is_read_from_its_graph(exported: Exported) -> None:
    assert size_of(onnx.load_from_string(exported.onnx), SIZE.vocabulary, SIZE.k) == SIZE


def test_a_plain_lstm_of_this_size_answers_the_most_likely_items() -> None:
    graph = plain_lstm(SIZE)
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    items = small_model.random_inputs(rows=3, n_items=len(ITEMS))["item_index"]
    score, candidate = session.run(["score", "candidate"], {"item_index": items})
    assert score.shape == candidate.shape == (3, SIZE.k)
    assert (np.diff(score, axis=1) <= 0).all()
    assert (score.sum(axis=1) > 0).all()
    assert (score.sum(axis=1) < 1).all()


def test_both_are_timed_and_told(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = ModelRepository(tmp_path)
    golden = small_model.publish(repository, 1, item_ids=ITEMS)
    # Versions are checked with such numbers, too.
    golden.inputs["item_index"][0] = 10**9
    monkeypatch.setattr(ModelRepository, "read_golden", lambda *_: golden)
    (tmp_path / small_model.NAME / "1" / "model.onnx").write_bytes(exported.onnx)
    done = CliRunner().invoke(main, ["bench", "--answers", "--models", str(tmp_path)])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["batch"] == 64
    assert told["ratio"] > 0
    assert min(told["version_ms"], told["plain_ms"]) > 0


def test_a_version_without_an_lstm_is_compared_with_nothing() -> None:
    with pytest.raises(StackError, match="nothing to compare"):
        size_of(onnx.load_from_string(small_model.onnx_bytes(n_items=20)), SIZE.vocabulary, SIZE.k)


def test_a_repository_without_a_version_says_how_to_get_one(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bench", "--answers", "--models", str(tmp_path)])
    assert done.exit_code == 1
    assert "train one first" in " ".join(done.stderr.split())
