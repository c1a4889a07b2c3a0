"""What can go wrong with the contract.

ContractError
 ├── InvalidEvent          one event is not what the contract says; names the field
 ├── TopicMismatch         a topic is missing or not as wanted; says what to do
 ├── BrokerUnavailable     no broker answered in time
 ├── Undelivered           events that were given to a publisher and never reached the broker
 └── Unanswered            no worker answered in time
"""


class ContractError(Exception):
    """Base of all errors that this package raises on purpose."""


class InvalidEvent(ContractError):
    """One event is not what the contract says.

    `field` is the path of the offending field (`items[0].quantity`), or "" where the event as a whole
    is at fault; `reason` is the class of the fault in one word, for counting; `str()` tells both in a
    sentence.
    """

    def __init__(self, reason: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class TopicMismatch(ContractError):
    """A topic is missing, or differs from what is wanted."""


class BrokerUnavailable(ContractError):
    """No broker answered in time."""


class Undelivered(ContractError):
    """Events that a publisher accepted and could not deliver."""

    def __init__(self, message: str, event_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.event_ids = event_ids


class Unanswered(ContractError):
    """What was asked is on the broker, and no worker has answered in time."""
