"""A record in another partition than its key belongs to is refused, and told how to mend it."""

import pytest

from streams.contract.errors import InvalidEvent
from streams.contract.partitioner import partition_of
from streams.contract.placement import check_partition


@pytest.mark.parametrize("key", [b"12680", b"u", "ü".encode()])
def test_only_the_partition_of_the_key_is_right(key: bytes) -> None:
    right = partition_of(key, 4)
    check_partition(key, right, 4)
    for wrong in {0, 1, 2, 3} - {right}:
        with pytest.raises(InvalidEvent, match=f"partition {right} of 4: set partitioner=murmur2_random") as caught:
            check_partition(key, wrong, 4)
        assert caught.value.reason == "wrong-partition"
