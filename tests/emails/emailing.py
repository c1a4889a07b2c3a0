"""The process that sends emails, under a clock that the test moves."""

import json
import random
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.stack.process import ChildProcess
from streams.contract.connection import KafkaConnection
from streams.contract.reading import assigned_consumer, available_span, partitions_of
from streams.emails.reader import ORDER
from tests.emails.mail import MailServer
from tests.emails_made import NEVER, SENDING
from tests.integration.workers import environment_of

VALID = timedelta(hours=10)

OPEN_RULES = f"""
[timing]
wait_after_purchase_hours = 0
merge_hours = 0
valid_hours = {VALID / timedelta(hours=1)}
quiet_from = {NEVER}
quiet_until = {NEVER}
[control]
share = 0
[sending]
""" + "\n".join(f'{name} = "{value}"' for name, value in SENDING.items())
"""Rules that let every change pass at once, for so long."""


class Emailing:
    """Starts with `start`; `rest_at` moves the clock and returns when all is done that is to be done by then."""

    def __init__(self, kafka: KafkaConnection, mail: MailServer, folder: Path, rules: str, **settings: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.kills = 0
        (folder / "rules.toml").write_text(rules)
        command = [sys.executable, "-m", "tests.emails.fast_motion", str(folder)]
        environment = environment_of(kafka, **variables_of(mail) | settings)
        self.process = ChildProcess(command, name="emails", log=folder / "emails.log", environment=environment)
        self._consumer = assigned_consumer(kafka)
        self._partitions = {
            topic.name: partitions_of(self._consumer, kafka.topic_prefix + topic.name) for topic in ORDER
        }

    def set(self, variable: str, value: str) -> None:
        """For the next start."""
        environment = self.process.environment
        assert environment is not None
        environment[variable] = value

    def start_at(self, moment: datetime) -> None:
        self.set_clock(moment)
        self.process.start()

    def set_clock(self, moment: datetime) -> None:
        written = self.folder / "clock.new"
        written.write_text(moment.isoformat())
        written.replace(self.folder / "clock")

    def rest_at(self, moment: datetime, rng: random.Random | None = None, timeout_s: float = 300.0) -> None:
        """With `rng` the process is killed at a random moment before it rests, and started again."""
        self.set_clock(moment)
        if rng is not None:
            time.sleep(rng.uniform(0.0, 0.6))
            self.kill()
        deadline = time.monotonic() + timeout_s
        while not self._rests_at(moment):
            if not self.process.is_running or time.monotonic() > deadline:
                told = "\n".join(self.process.last_lines(15))
                raise AssertionError(f"no rest at {moment}: {self._rest()}\n{told}")
            time.sleep(0.03)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.kills += 1
        (self.folder / "rest").unlink(missing_ok=True)
        self.process.start()

    def stop(self) -> None:
        self.process.stop(30)
        self._consumer.close()

    def _rest(self) -> dict[str, Any]:
        file = self.folder / "rest"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def _rests_at(self, moment: datetime) -> bool:
        rest = self._rest()
        return rest.get("clock") == moment.isoformat() and rest["places"] == self._ends()

    def _ends(self) -> dict[str, int]:
        found = {
            f"{name}/{place.partition}": available_span(self._consumer, place).end
            for name, places in self._partitions.items()
            for place in places
        }
        return {name: end for name, end in found.items() if end}


def variables_of(mail: MailServer) -> dict[str, str]:
    """The settings by which a process hands over to this server, as environment variables."""
    made = mail.settings()
    smtp = {name: str(getattr(made, name)) for name in made.__struct_fields__ if name.startswith("smtp_")}
    ours = smtp | {"link_secret": made.link_secret, "retry_first_s": str(made.retry_first_s)}
    return {f"NEXTUP_EMAILS_{name}".upper(): value for name, value in ours.items()}
