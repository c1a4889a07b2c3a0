"""What can go wrong with a worker as a whole; one bad event is no error but a dead letter."""


class WorkerError(Exception):
    """A worker that cannot start or cannot go on; the text says what to do."""


class StateUnavailable(WorkerError):
    """RocksDB could not read or write: the disk is full, or its files are damaged."""


class LeaseLost(WorkerError):
    """The partitions are no longer this worker's: what was decided under the lease is another's to decide."""


class RecordTooLarge(WorkerError):
    """What an event leads to is larger than its topic takes; that event is given up."""


class RecordRefused(WorkerError):
    """Records could not be delivered, and no waiting mends it; the text names the events that they came of."""
