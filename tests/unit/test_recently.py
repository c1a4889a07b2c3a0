"""Repeats are recognised in bounded memory."""

from streams.clients.recently import Recently


def test_a_repeat_is_recognised_as_long_as_it_is_remembered() -> None:
    seen = Recently(3)
    assert [seen.has(id_) for id_ in "abcadb"] == [False, False, False, True, False, False]


def test_size_zero_recognises_nothing() -> None:
    seen = Recently(0)
    assert not seen.has("a")
    assert not seen.has("a")
