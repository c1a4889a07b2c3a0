"""The package that others depend on: light to import, typed, and complete."""

import subprocess
import sys
from pathlib import Path

from streams import clients

HEAVY = ("faust", "tensorflow", "keras", "numpy", "rocksdict", "tritonclient", "pyarrow", "streams.worker", "serving")


def test_importing_it_imports_neither_faust_nor_tensorflow() -> None:
    question = f"import sys, streams.clients; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"


def test_it_says_that_it_is_typed() -> None:
    root = Path(clients.__file__).parents[1]
    assert (root / "py.typed").exists()


def test_all_that_it_offers_is_there_and_documented() -> None:
    offered = {name: getattr(clients, name) for name in clients.__all__}
    assert sorted(offered) == clients.__all__
    undocumented = [name for name, thing in offered.items() if name != "Event" and not thing.__doc__]
    assert undocumented == []
