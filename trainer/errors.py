"""What can go wrong on the way from the log to a released version.

TrainerError
 ├── NotEnoughData       the log holds too few purchases to learn from
 ├── GrainUnsupported    a model is asked for the next order or the next line, and answers only the other
 ├── UnreadableData      a file is not what its caller said, or cannot be understood
 ├── ExportMismatch      the exported model does not answer as the trained one does
 ├── DataFolderUnusable  the trainer's folder cannot be written, is damaged, or another run has it
 └── ReleaseRefused      a version failed a check before it was announced; the one before goes on serving
"""


class TrainerError(Exception):
    """Base of all errors that this package raises on purpose."""


class NotEnoughData(TrainerError):
    """The log holds too few purchases to learn from."""


class GrainUnsupported(TrainerError):
    """A model is asked for the next order or the next line, and answers only the other."""


class UnreadableData(TrainerError):
    """A file is not what its caller said, or cannot be understood."""


class ExportMismatch(TrainerError):
    """The exported model does not answer as the trained one does."""


class DataFolderUnusable(TrainerError):
    """The trainer's folder cannot be written, is damaged, or another run has it."""


class ReleaseRefused(TrainerError):
    """A version failed a check before it was announced; the one before goes on serving."""
