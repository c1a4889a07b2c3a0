"""Whether a record lies in the partition that its key belongs to."""

from streams.contract.errors import InvalidEvent
from streams.contract.partitioner import MURMUR2, partition_of


def check_partition(key: bytes, partition: int, n_partitions: int) -> None:
    """InvalidEvent where a record with `key` lies elsewhere than in its partition of `n_partitions`.

    It is not carried to where it belongs: among the customer's other events its place would be another then.
    """
    right = partition_of(key, n_partitions)
    if partition != right:
        raise InvalidEvent(
            "wrong-partition",
            f"the record is in partition {partition}, and its key belongs to partition {right} of {n_partitions}: set "
            f"partitioner={MURMUR2} in producers built on librdkafka, or use the default partitioner of Kafka's Java "
            "client, and send the event again",
            "key",
        )
