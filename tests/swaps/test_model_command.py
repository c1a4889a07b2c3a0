"""`nextup model` as whoever runs the shop uses it."""

import json
import os
import subprocess
import sys

import pytest

from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from streams.contract.connection import KafkaConnection
from tests.faults import models
from tests.faults.conftest import settings_for
from tests.integration.workers import environment_of
from tests.small_model import NAME
from trainer.swaps.swaps import Swaps


class Command:
    """Runs `nextup` with the settings of one test."""

    def __init__(self, kafka: KafkaConnection, server: TritonServer) -> None:
        more = {"COLUMNS": "200", "PATH": os.environ["PATH"], "NEXTUP_SWAP_GRACE_S": "0"}
        self._environment = environment_of(kafka, **settings_for(server), **more)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=self._environment, timeout=300, check=False)

    def told(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        return done.stderr


@pytest.fixture
def nextup(kafka: KafkaConnection, server: TritonServer) -> Command:
    for version in (1, 2, 3):
        models.publish(server, version, shift=version)
    return Command(kafka, server)


def roles(nextup: Command) -> dict[int, tuple[str, bool]]:
    found = json.loads(nextup.told("model", "list", "--json"))
    return {each["version"]: (each["role"], each["loaded"]) for each in found["versions"]}


def test_versions_are_promoted_tried_and_rolled_back_by_command(nextup: Command) -> None:
    assert roles(nextup) == {1: ("", False), 2: ("", False), 3: ("", False)}
    assert "version 1 answers: by hand" in nextup.told("model", "promote", "1")
    assert "version 2 answers: better" in nextup.told("model", "promote", "2", "--reason", "better")
    tried = nextup.told("model", "challenge", "3", "--mode", "canary", "--share", "0.2")
    assert "version 3 is tried for 20% of the customers" in tried
    assert roles(nextup) == {1: ("served before", True), 2: ("serves", True), 3: ("canary", True)}
    assert "unloaded: 3" in nextup.told("model", "challenge", "--stop")
    assert "version 1 answers: worse" in nextup.told("model", "rollback", "--reason", "worse")
    assert roles(nextup) == {1: ("serves", True), 2: ("", False), 3: ("", False)}
    table = nextup.told("model", "list")
    assert "serves" in table
    assert "0.500" in table
    assert "learnt from" in nextup.told("model", "show", "1")
    assert nextup.told("model", "guard", "--once") == ""
    assert "0 lists are made anew" in nextup.told("model", "promote", "2", "--refresh")
    assert "0 lists are made anew" in nextup.told("refresh", "--active-days", "7", "--rate", "50")


def test_what_makes_no_sense_is_refused_in_one_line(nextup: Command, swaps: Swaps) -> None:
    assert "no version of next-purchase answers yet" in nextup.refused("model", "rollback")
    assert "has no version 9; there are: 1, 2, 3" in nextup.refused("model", "promote", "9")
    swaps.promote(1, "the first")
    assert "version 1 answers already" in nextup.refused("model", "promote", "1")
    assert "cannot challenge itself" in nextup.refused("model", "challenge", "1")
    assert "no challenger of next-purchase is tried" in nextup.refused("model", "challenge", "--stop")
    assert "no version is known to have answered before" in nextup.refused("model", "rollback")
    swaps.challenge(2, "shadow", 1.0, "tried")
    assert "version 2 is tried already; stop that first" in nextup.refused("model", "challenge", "3")
    assert "has no version 9; there are: 1, 2, 3" in nextup.refused("model", "show", "9")


def test_two_changes_at_once_are_refused(nextup: Command, repository: ModelRepository) -> None:
    with repository.locked(NAME):
        assert "somebody else is changing which version" in nextup.refused("model", "promote", "1")
