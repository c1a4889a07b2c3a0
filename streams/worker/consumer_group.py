"""What the broker knows of the workers' consumer group: who is in it, and how far it has come."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable
from streams.contract.reading import TIMEOUT_S, available_span, read_spans


class ConsumerGroup:
    """One consumer group that reads one topic."""

    def __init__(self, connection: KafkaConnection, name: str, topic: str) -> None:
        self.name = name
        self.topic = topic
        self._admin = AdminClient(connection.for_confluent())

    def members(self) -> list[str]:
        """The client ids of those in the group; a process that was killed stays until its session has expired."""
        try:
            described = self._admin.describe_consumer_groups([self.name], request_timeout=TIMEOUT_S)[self.name].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise BrokerUnavailable(f"the group {self.name} could not be described: {error.args[0].str()}") from None
        return [member.group_instance_id or member.client_id for member in described.members]

    def end_if_done(self, consumer: Consumer, partition: int) -> int | None:
        """Where a partition ends, if the group has acknowledged every record of it; `consumer` is used to look.

        The committed offset alone does not tell: a transaction's marker takes an offset, too, and is no record.
        """
        span = available_span(consumer, TopicPartition(self.topic, partition))
        left = span._replace(start=max(span.start, self._committed(partition)))
        return span.end if next(read_spans(consumer, [left]), None) is None else None

    def _committed(self, partition: int) -> int:
        """The offset at which the group goes on; -1001 where it never was."""
        question = ConsumerGroupTopicPartitions(self.name, [TopicPartition(self.topic, partition)])
        try:
            answer = self._admin.list_consumer_group_offsets([question], request_timeout=TIMEOUT_S)[self.name].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return -1001
            raise BrokerUnavailable(f"the place of group {self.name} is unknown: {error.args[0].str()}") from None
        return int(answer.topic_partitions[0].offset)
