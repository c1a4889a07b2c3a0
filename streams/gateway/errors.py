"""What can go wrong with a gateway as a whole; what is wrong with one request is a `problems.Problem`.

GatewayError
 ├── StoreUnavailable     RocksDB could not be opened, read or written
 └── KeysUnreadable       the file of API keys is not what it should be
"""


class GatewayError(Exception):
    """A gateway that cannot start or cannot go on; the text says what to do."""


class StoreUnavailable(GatewayError):
    """The local view is in use, the disk is full, or its files are damaged."""


class KeysUnreadable(GatewayError):
    """The file of API keys is missing where it is needed, cannot be read, or is not of its format."""
