"""How a worker's process ends: in order, and in time even where no broker answers.

On its way out Faust waits for what is under way, asks the broker once more, and joins its consumer's thread. While no
broker answers, that thread never ends, and it keeps the process with it. None of this is needed: what was acknowledged
is on the broker, and whatever a sudden end cuts off is done again (promise 3 of the architecture).
"""

import asyncio
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

import faust

from streams.contract.last_words import last_words
from streams.worker import state_folder
from streams.worker.settings import WorkerSettings

log = logging.getLogger(__name__)

LAST_WORDS_S = 5.0


def leave(exit_code: int, level: int, text: str) -> NoReturn:
    """Say why, and be gone: nothing is closed, and no thread is waited for.

    The last line is written in a thread of its own, because the log itself may be what is blocked.
    """
    words = threading.Thread(target=log.log, args=(level, "%s", text), daemon=True)
    words.start()
    words.join(LAST_WORDS_S)
    os._exit(exit_code)


class EndingWorker(faust.Worker):  # type: ignore[misc]
    """Runs an app until a signal or a failure ends it; `worker.stop_within_s` after that the process is gone."""

    def __init__(self, app: faust.App, settings: WorkerSettings, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(app, loglevel=settings.log_level, redirect_stdouts=False, loop=loop)
        self._settings = settings
        self._failed_start: Exception | None = None
        self._deadline = threading.Timer(settings.stop_within_s, self._cut_short)
        self._deadline.daemon = True

    def run(self) -> NoReturn:
        """Exit code 0 where the stop was asked for, 1 after a failure, which the log's last line tells."""
        with suppress(SystemExit):
            self.execute_from_commandline()
        if (failure := self._failure) is not None:
            log.critical("%s", self._why(failure))
            sys.exit(1)
        sys.exit(0)

    async def start(self) -> None:
        """Faust logs what fails here amid the lines of the stop that comes of it, and forgets it."""
        try:
            await super().start()
        except Exception as error:
            if not self.should_stop:
                self._failed_start = error
            raise

    async def on_stop(self) -> None:
        """Faust calls this first, once, whatever the stop comes from."""
        self._deadline.start()
        await super().on_stop()

    @property
    def _failure(self) -> BaseException | None:
        return self.app.crash_reason or self._failed_start

    def _cut_short(self) -> NoReturn:
        if (failure := self._failure) is not None:
            leave(1, logging.CRITICAL, self._why(failure))
        leave(
            0,
            logging.WARNING,
            f"the worker ends in the middle of its stop, which took {self._settings.stop_within_s:g} s "
            "(worker.stop_within_s), as it does while no broker answers; a new one goes on where it was",
        )

    def _why(self, failure: BaseException) -> str:
        """The last line; damage is marked for the next start before it is told."""
        if state_folder.is_damage(failure):
            state_folder.mark_suspect(self._settings.datadir)
        return f"the worker has stopped, because it could not go on: {last_words(failure)}"
