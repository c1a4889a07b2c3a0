"""Which partition a key belongs to: the same answer as Kafka's own Java clients give."""

from aiokafka.partitioner import murmur2

MURMUR2 = "murmur2_random"
"""librdkafka's name for it. Its default is another hash, so every producer of ours sets this."""


def partition_of(key: bytes, n_partitions: int) -> int:
    """The partition of `key` in a topic of `n_partitions`."""
    positive: int = murmur2(key) & 0x7FFFFFFF
    return positive % n_partitions
