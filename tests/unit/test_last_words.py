"""The last line of a process is a sentence, whatever ended it."""

import asyncio

import pytest

from streams.contract.errors import BrokerUnavailable
from streams.contract.last_words import last_words
from streams.worker.errors import WorkerError


def raised(error: BaseException) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


@pytest.mark.parametrize("error", [WorkerError("the disk is full; make room"), BrokerUnavailable("no broker answered")])
def test_an_error_of_ours_says_it_itself(error: Exception) -> None:
    assert last_words(raised(error)) == str(error)


def test_an_error_without_a_text_is_told_with_its_name_and_its_place() -> None:
    told = last_words(raised(AssertionError()))
    assert told.startswith("AssertionError in raised, ")
    assert __file__ in told
    assert "start it again" in told


def test_a_foreign_error_keeps_its_text_and_its_module() -> None:
    assert last_words(raised(asyncio.QueueFull("no room"))).startswith("asyncio.queues.QueueFull (no room) in raised, ")


def test_an_error_of_ours_that_says_nothing_is_told_like_a_foreign_one() -> None:
    assert last_words(raised(WorkerError())).startswith("streams.worker.errors.WorkerError in raised, ")


def test_of_a_group_the_first_error_is_told() -> None:
    assert last_words(ExceptionGroup("several", [WorkerError("the first"), ValueError()])) == "the first"


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert last_words(KeyError("x")).startswith("KeyError ('x'); ")
