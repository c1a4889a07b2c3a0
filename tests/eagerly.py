"""Networks that learn a few steps only, or none."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow


@contextmanager
def without_graphs() -> Iterator[None]:
    """To make a graph takes longer than the few steps that it would be used for."""
    tensorflow.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            # What is said here of reading data is known, and does not matter.
            warnings.filterwarnings("ignore", "Even though the .*run_functions_eagerly", UserWarning)
            yield
    finally:
        tensorflow.config.run_functions_eagerly(False)
