"""What could not be processed, kept with its bytes and the reason."""

from streams.contract.errors import InvalidEvent
from streams.worker.batch import Record, SourceRecord


def dead_letter(topic: str, record: SourceRecord, error: Exception) -> Record:
    """The record as it came, with what was wrong and where it stood in headers beside its own.

    It goes to the partition it came from, so that letters of one key stay in order.
    """
    about = {
        "error.class": reason_of(error),
        "error.type": type(error).__name__,
        "error.text": str(error),
        "source.topic": record.topic,
        "source.partition": str(record.partition),
        "source.offset": str(record.offset),
    }
    added = tuple((name, text.encode(errors="replace")) for name, text in about.items())
    return Record(topic, record.partition, record.key, record.value, record.headers + added)


def reason_of(error: Exception) -> str:
    """The class of what was wrong, in one word."""
    return error.reason if isinstance(error, InvalidEvent) else "internal-error"
