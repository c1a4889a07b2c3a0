"""Keys go where Kafka's Java clients put them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.partitioner import partition_of


@pytest.mark.parametrize(
    ("key", "murmur2"),
    # Kafka's own test vectors, from UtilsTest.testMurmur2.
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafka(key: bytes, murmur2: int) -> None:
    assert partition_of(key, 1 << 31) == murmur2 & 0x7FFFFFFF


@given(st.binary(min_size=1), st.integers(1, 100))
def test_every_key_has_a_partition(key: bytes, n_partitions: int) -> None:
    assert 0 <= partition_of(key, n_partitions) < n_partitions
