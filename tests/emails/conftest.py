"""What the tests of emails share with each other, and with those that do damage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emails.mail import MailServer
from tests.faults.conftest import report

__all__ = ["report"]


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    """A real SMTP server that takes everything, until it is told otherwise."""
    with MailServer(tmp_path / "mail") as server:
        yield server
