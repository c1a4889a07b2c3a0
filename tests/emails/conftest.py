"""What the tests of emails share with those that do damage."""

from tests.faults.conftest import report

__all__ = ["report"]
