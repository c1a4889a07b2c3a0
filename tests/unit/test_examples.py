"""The examples in docstrings are true. Those of the clients need a broker: see the integration tests."""

import doctest
import importlib
from pathlib import Path

import pytest

NEED_A_BROKER = {"streams.clients.publisher", "streams.clients.subscriber"}
ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("serving", "streams", "trainer", "deploy")
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
}


@pytest.mark.parametrize("module", sorted(MODULES - NEED_A_BROKER))
def test_the_examples_of_a_module_do_what_they_say(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0
