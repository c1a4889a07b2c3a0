"""Damage done to the running system, and what must be true after it."""

import pytest

# Assertions outside test modules tell what differs, too.
pytest.register_assert_rewrite("tests.faults.evidence")
