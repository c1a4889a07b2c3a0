"""`nextup emails` by the clock of a test: the moment that stands in a file.

    python -m tests.emails.fast_motion FOLDER

Rules lie in FOLDER/rules.toml, the clock in FOLDER/clock. Whenever there is nothing left to do, FOLDER/rest says at
which moment of the clock, and how far every topic was read.
"""

import asyncio
import json
import logging
import os
import sys
from datetime import datetime
from pathlib import Path

from deploy.settings import load
from streams.emails.reader import ORDER
from streams.emails.rules import read_rules
from streams.emails.runner import Runner
from streams.emails.state import State, opened

MOST_PARTITIONS = 16


class FileClock:
    """Moves when it is asked to, by what the file says then."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.moment = datetime.fromisoformat(file.read_text())

    def __call__(self) -> datetime:
        return self.moment

    def move(self) -> None:
        self.moment = datetime.fromisoformat(self._file.read_text())


def main(folder: Path) -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    settings, clock = load(None, os.environ), FileClock(folder / "clock")
    with opened(folder / "state") as state:
        runner = Runner(settings.kafka, state, read_rules(folder / "rules.toml"), settings.emails, clock)
        runner.catch_up()
        asyncio.run(_turn_for_ever(runner, clock, state, folder))


async def _turn_for_ever(runner: Runner, clock: FileClock, state: State, folder: Path) -> None:
    while True:
        clock.move()
        moved = await runner.turn()
        if not moved and runner.is_idle():
            told = {"clock": clock.moment.isoformat(), "places": _places(state)}
            written = folder / "rest.new"
            written.write_text(json.dumps(told))
            written.replace(folder / "rest")


def _places(state: State) -> dict[str, int]:
    found = {f"{t.name}/{number}": state.place(t.name, number) for t in ORDER for number in range(MOST_PARTITIONS)}
    return {name: place for name, place in found.items() if place is not None}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
