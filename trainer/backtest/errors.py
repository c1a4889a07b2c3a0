"""What can go wrong in a backtest, beside what a model itself may raise.

TrainerError
 └── BacktestError
      ├── UnknownName    there is no question or model of this name
      ├── NoMoment       what should be a day or the number of a line is none
      ├── NoAnswer       a model gave something that is no score for every item
      └── LookedAhead    a model's scores depend on what happened later
"""

from trainer.errors import TrainerError


class BacktestError(TrainerError):
    """Base of all errors that a backtest raises on purpose."""


class UnknownName(BacktestError):
    """There is no question or model of this name; says which is meant, or which there are."""


class NoMoment(BacktestError):
    """What should be a day or the number of a line is none."""


class NoAnswer(BacktestError):
    """A model gave something that is no score for every item."""


class LookedAhead(BacktestError):
    """A model's scores depend on what happened after the moment that it was asked about."""
