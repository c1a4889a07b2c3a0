"""What the broker knows of the workers' consumer group: who is in it, and how far it has come."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable
from streams.contract.reading import TIMEOUT_S, Span, available_span, read_spans
from streams.worker.errors import WorkerError

RETRY = "stop all workers, and run the command again"


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

    def require_no_member(self) -> None:
        """WorkerError where a worker may read or write beside us."""
        members = self.members()
        if members:
            raise WorkerError(
                f"{len(members)} workers are in the group {self.name} ({', '.join(members)}); stop them first. "
                "One that was just stopped stays in the group for up to 10 s"
            )

    def next_record(self, consumer: Consumer, partition: TopicPartition) -> Message | None:
        """The record at which the group goes on; None where there is none yet. `consumer` is used to look."""
        return self._next_in(consumer, available_span(consumer, partition))

    def move_to(self, partition: int, offset: int) -> None:
        """Commit `offset` for the group, which must have no member; WorkerError where the broker refuses."""
        wish = ConsumerGroupTopicPartitions(self.name, [TopicPartition(self.topic, partition, offset)])
        try:
            done = self._admin.alter_consumer_group_offsets([wish], request_timeout=TIMEOUT_S)[self.name].result()
        except KafkaException as error:
            raise WorkerError(f"the group {self.name} could not be moved: {error.args[0].str()}; {RETRY}") from None
        if (refused := done.topic_partitions[0].error) is not None:
            raise WorkerError(f"the group {self.name} could not be moved: {refused.str()}; {RETRY}")

    def end_if_done(self, consumer: Consumer, partition: int) -> int | None:
        """Where a partition ends, if the group has acknowledged every record of it; `consumer` is used to look.

        The committed offset alone does not tell: a transaction's marker takes an offset, too, and is no record.
        """
        span = available_span(consumer, TopicPartition(self.topic, partition))
        return span.end if self._next_in(consumer, span) is None else None

    def _next_in(self, consumer: Consumer, span: Span) -> Message | None:
        left = span._replace(start=max(span.start, self._committed(span.partition)))
        return next(read_spans(consumer, [left]), None)

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
