"""The SMTP server of the tests as a thing to start, stop and ask."""

import json
import sys
from datetime import datetime
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from deploy.stack.ports import accepts_connections, free_ports
from deploy.stack.process import ChildProcess, wait_until
from streams.emails.settings import EmailSettings

SECRET = "a secret of the tests"  # noqa: S105 - it signs links of these tests alone


class Taken(NamedTuple):
    """A letter that the server has taken."""

    recipient: str
    message_id: str
    date: datetime
    message: EmailMessage


class MailServer:
    """Starts with the block and ends with it; `stop` and `start` in between are an outage."""

    def __init__(self, folder: Path, *options: str | Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_ports(1)[0]
        self.behave("kind")
        command = [sys.executable, "-m", "tests.emails.smtp_server", str(self.port), folder, *options]
        self.process = ChildProcess(command, name="smtp", log=folder / "smtp.log")

    def settings(self, **more: object) -> EmailSettings:
        """How to reach it without TLS, and a first retry soon."""
        ours = {
            "smtp_port": self.port,
            "smtp_security": "none",
            "smtp_timeout_s": 20.0,
            "retry_first_s": 60.0,
            "link_secret": SECRET,
        }
        return EmailSettings(**ours | more)  # type: ignore[arg-type]

    def behave(self, mood: str) -> None:
        """How it behaves from now on; see `tests.emails.smtp_server`."""
        written = self.folder / "mood.new"
        written.write_text(mood)
        written.replace(self.folder / "mood")

    def taken(self) -> list[Taken]:
        """All letters, in order."""
        file = self.folder / "taken.jsonl"
        return [_taken(line) for line in file.read_text().splitlines()] if file.exists() else []

    def start(self) -> None:
        self.process.start()
        wait_until(lambda: accepts_connections(self.port), 60, "the SMTP server listens")

    def stop(self) -> None:
        self.process.stop(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _taken(line: str) -> Taken:
    found = json.loads(line)
    message = message_from_string(found["content"], policy=policy.default)
    return Taken(found["recipient"], found["message_id"], datetime.fromisoformat(found["date"]), message)
