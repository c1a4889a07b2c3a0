"""`nextup emails` as a process: reads, decides, hands over and tells, until it is stopped."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from streams.contract.connection import KafkaConnection
from streams.emails.desk import Desk, Parcel
from streams.emails.errors import HandoverFailed
from streams.emails.handover import Connection
from streams.emails.intake import Arrived, Intake
from streams.emails.links import links_by
from streams.emails.message import Composer
from streams.emails.reader import Reader
from streams.emails.rules import Rules
from streams.emails.settings import EmailSettings
from streams.emails.state import State
from streams.emails.telling import Teller

log = logging.getLogger(__name__)

IDLE_S = 0.2
"""How long one wait for records lasts where there is nothing to do."""
BUSY_S = 0.005
"""The same while emails are being handed over."""
FINISH_S = 12.0
"""So long a stop waits for emails that are being handed over; those it leaves are as a crash would leave them."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Runner:
    """Everything that one process does, in turns. `now` is the clock that all rules go by.

    One thread decides and writes the state; records are waited for in a second one, and the broker's receipts
    in more. Emails are handed over side by side, each over a connection of its own.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        state: State,
        rules: Rules,
        settings: EmailSettings,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Raises BrokerUnavailable, TopicMismatch or InvalidRules where something is missing."""
        self._composer = Composer(rules.sending, links_by(settings, rules))
        self._intake = Intake(rules, now)
        self._desk = Desk(state, rules, settings, now)
        self._now = now
        self._state = state
        self._reader = Reader(connection, state)
        self._teller = Teller(connection, state)
        self._free = [Connection(settings) for _ in range(settings.smtp_connections)]
        self._handing_over: set[asyncio.Task[None]] = set()
        self._waiting = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    def catch_up(self) -> None:
        """Read what is on the topics before anything is decided: much may have happened since the last run."""
        for records in self._reader.missed():
            self._take(records)
        self._settle()
        self._reader.follow()

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until `stop`; emails that are being handed over then are finished."""
        try:
            while not stop.is_set():
                await self.turn()
        finally:
            await self.close()

    async def turn(self) -> bool:
        """Read what has come, decide what is due, tell what has happened; whether there was anything to do."""
        loop = asyncio.get_running_loop()
        self._collect()
        timeout_s = BUSY_S if self._handing_over or not self._desk.is_idle() else IDLE_S
        records = await loop.run_in_executor(self._waiting, self._reader.arrived, timeout_s)
        if records:
            self._take(records)
            self._settle()
        parcels = self._desk.due(len(self._free))
        for parcel in parcels:
            self._handing_over.add(loop.create_task(self._hand_over(parcel, self._free.pop())))
        told = self._teller.tell()
        return bool(records or parcels or told)

    def is_idle(self) -> bool:
        """Whether all that was read has been dealt with, as of now."""
        return not self._handing_over and self._desk.is_idle() and self._teller.is_idle()

    async def close(self) -> None:
        """Finish what is under way, and take leave of servers and brokers: within 30 s, though none answers."""
        await self._finish_handing_over()
        await asyncio.gather(*(connection.quit() for connection in self._free))
        self._waiting.shutdown()
        self._reader.close()
        self._teller.close()

    async def _finish_handing_over(self) -> None:
        if not self._handing_over:
            return
        _, left = await asyncio.wait(self._handing_over, timeout=FINISH_S)
        if left:
            log.warning(
                "%d emails are left in the middle: the SMTP server has not answered for %g s", len(left), FINISH_S
            )
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    def _take(self, records: list[Arrived]) -> None:
        step = self._state.step()
        self._intake.take(step, records)
        step.write()

    def _settle(self) -> None:
        step = self._state.step()
        self._intake.settle(step)
        step.write()

    async def _hand_over(self, parcel: Parcel, connection: Connection) -> None:
        try:
            letter = self._composer.letter(parcel, self._now())
            if await connection.hand_over(letter, lambda: self._desk.handing_over(parcel)):
                self._desk.sent(parcel)
                log.info("email %s was handed over", parcel.outgoing.decision_id)
        except HandoverFailed as failure:
            log.info("email %s was not handed over: %s", parcel.outgoing.decision_id, failure)
            self._desk.failed(parcel, failure)
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            self._free.append(connection)

    def _collect(self) -> None:
        """What goes wrong in handing over beyond what a server may do is a bug, and ends the process here."""
        done = {task for task in self._handing_over if task.done()}
        self._handing_over -= done
        for task in done:
            task.result()
