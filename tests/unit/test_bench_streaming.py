"""What the benchmarks count and time, over pieces of a stream as they come."""

import pytest

from deploy.bench.figures import late
from deploy.bench.gateway_load import Flow
from deploy.bench.streaming import Reader, streamed
from deploy.stack.errors import StackError

STREAM = b"".join(
    b'id: 0:%d\nevent: list\ndata: {"cause":{"kind":"purchase","event_id":"event-%d"}}\n\n' % (number, number)
    for number in range(4)
)
FLOW = Flow({b"event-%d" % number: float(number) for number in range(4)}, timed_from=1.0, took_s=3.0, cpu=0.1)


@pytest.mark.parametrize("length", [1, 3, 10, 11, 12, 50, len(STREAM)])
def test_every_list_is_counted_once_wherever_the_pieces_are_cut(length: int) -> None:
    reader = Reader()
    for begin in range(0, len(STREAM), length):
        reader.take(STREAM[begin : begin + length])
    assert reader.received == 4


def test_of_each_piece_the_newest_whole_list_is_timed() -> None:
    reader = Reader()
    reader.take(STREAM)
    assert [event_id for event_id, _ in reader.arrivals] == [b"event-3"]


def test_only_purchases_after_the_warm_up_are_timed() -> None:
    reader, silent = Reader(), Reader()
    reader.take(STREAM)
    reader.arrivals = [(b"event-1", 9.0), (b"event-2", 2.5), (b"event-3", 3.25), (b"another", 9.0)]
    found = streamed([reader, silent], FLOW)
    assert (found.readers, found.purchases, found.delivered) == (2, 4, 0.5)
    assert (found.p50, found.slowest) == (375.0, 500.0)


def test_where_nothing_was_timed_it_is_said_how_to_go_on() -> None:
    with pytest.raises(StackError, match="more seconds"):
        late([])
