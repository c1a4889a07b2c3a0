import logging

import pytest

from streams.contract.seldom import Seldom


def test_of_many_lines_one_is_heard_now_and_then_with_the_number_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    library = logging.getLogger("a library of this test")
    library.addFilter(Seldom(10.0, clock=lambda: now))
    for second in range(25):
        now = second
        library.error("no broker at %s", "host:1")
    assert caplog.messages == [
        "no broker at host:1",
        "no broker at host:1 (and 9 like it)",
        "no broker at host:1 (and 9 like it)",
    ]
