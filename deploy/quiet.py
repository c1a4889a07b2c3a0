"""Native libraries that talk while they load, kept quiet."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def native_stderr_off() -> Iterator[None]:
    """TensorFlow's native parts fill stderr with remarks while they load, before any setting reaches them."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
