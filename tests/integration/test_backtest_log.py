"""`nextup backtest` without a file: on the purchase log of a real broker."""

import json
import os
import subprocess
import sys
from pathlib import Path

from streams.contract import messages
from streams.contract.connection import KafkaConnection
from tests.integration.trainers import a_shop, write_log
from tests.integration.workers import environment_of


def test_models_are_compared_on_what_the_log_holds(kafka: KafkaConnection, tmp_path: Path) -> None:
    events = a_shop()
    erased = messages.log_key(events[0].user_id, events[0].event_id)
    write_log(kafka, *events, erased)
    environment = environment_of(kafka, COLUMNS="200", PATH=os.environ["PATH"])
    command = [sys.executable, "-m", "deploy", "backtest", "--question", "next-order,after-each-purchase"]
    models = ("--models", "popularity,own-frequency", "--processes", "1", "--output", str(tmp_path))
    split = ("--split-at", "2011-01-14", "--until", "2011-01-30")
    done = subprocess.run(
        [*command, *models, *split], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "report.json").read_text())
    counts = {count["what"]: count["n"] for count in told["data"]["counts"]}
    assert counts["orders"] == len(events) - 1
    asked = {(row["question"], row["model"]) for row in told["rows"]}
    assert asked == {
        (question, model)
        for question in ("next-order", "after-each-purchase")
        for model in ("popularity", "own-frequency")
    }
