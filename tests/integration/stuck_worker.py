"""`nextup worker` with a journey that stands still from its first event on, in one of two ways."""

import asyncio
import os
import time
from collections.abc import Sequence
from unittest.mock import patch

from deploy import cli
from streams.worker import app
from streams.worker.answering import Answer
from streams.worker.batch import Batch, SourceRecord
from streams.worker.purchase_journey import Forgotten, PurchaseJourney, Step


class Blocked(PurchaseJourney):
    """Deciding never ends, and the event loop does not turn meanwhile."""

    def decide(self, record: SourceRecord, batch: Batch) -> Step | Forgotten | None:
        while True:
            time.sleep(1)


class Waiting(PurchaseJourney):
    """The event loop turns, and no answer ever comes."""

    async def ask(self, steps: Sequence[Step | Forgotten]) -> list[Answer]:
        return await asyncio.Future()


if __name__ == "__main__":
    with patch.object(app, "PurchaseJourney", {"blocked": Blocked, "waiting": Waiting}[os.environ["STUCK"]]):
        cli.main()
