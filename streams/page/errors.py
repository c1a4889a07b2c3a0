"""What the page is told when something cannot be done."""


class OperationRefused(Exception):
    """A change of versions that was not made; the text says why, in one line."""
