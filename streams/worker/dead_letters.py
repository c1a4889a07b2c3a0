"""What could not be processed, kept with its bytes and the reason."""

from hashlib import sha256

from streams.contract.errors import InvalidEvent
from streams.worker.batch import Record, SourceRecord
from streams.worker.errors import RecordTooLarge

MOST_BYTES = 3 << 20
"""A value that is larger is cut. A compressed record may be of any size once it is read, and what is so large is no
event that could be sent again."""
KEPT_BYTES = 256 << 10
"""So much of a value that is cut stays."""
MOST_KEY_BYTES = 8 << 10
MOST_HEADER_BYTES = 64 << 10
MOST_TEXT = 2_000
"""Characters of an error's text."""
MOST_LETTER_BYTES = MOST_BYTES + MOST_KEY_BYTES + MOST_HEADER_BYTES + (16 << 10)
"""A letter with all its headers; the topic takes 4 MiB."""


def dead_letter(topic: str, record: SourceRecord, error: Exception) -> Record:
    """The record as it came, with what was wrong and where it stood in headers beside its own.

    It goes to the partition it came from, so that letters of one key stay in order. One that is too large for the
    topic is cut: `source.cut` names what, `source.size` and `source.sha256` tell of the whole value.
    """
    about = {
        "error.class": reason_of(error),
        "error.type": type(error).__name__,
        "error.text": str(error)[:MOST_TEXT],
        "source.topic": record.topic,
        "source.partition": str(record.partition),
        "source.offset": str(record.offset),
    }
    kept, cut = _cut(record)
    if cut:
        value = record.value or b""
        about |= {
            "source.cut": ",".join(cut),
            "source.size": str(len(value)),
            "source.sha256": sha256(value).hexdigest(),
        }
    added = tuple((name, text.encode(errors="replace")) for name, text in about.items())
    return Record(topic, record.partition, kept.key, kept.value, kept.headers + added)


def _cut(record: SourceRecord) -> tuple[SourceRecord, list[str]]:
    """What of a record fits into a letter, and which parts of it are not whole."""
    cut = []
    if record.value is not None and len(record.value) > MOST_BYTES:
        record = record._replace(value=record.value[:KEPT_BYTES])
        cut.append("value")
    if record.key is not None and len(record.key) > MOST_KEY_BYTES:
        record = record._replace(key=record.key[:MOST_KEY_BYTES])
        cut.append("key")
    if sum(len(name.encode()) + len(value or b"") for name, value in record.headers) > MOST_HEADER_BYTES:
        record = record._replace(headers=())
        cut.append("headers")
    return record, cut


def reason_of(error: Exception) -> str:
    """The class of what was wrong, in one word."""
    if isinstance(error, InvalidEvent):
        return error.reason
    return "result-too-large" if isinstance(error, RecordTooLarge) else "internal-error"
