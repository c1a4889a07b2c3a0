"""Several processes find what one finds."""

import os
from collections.abc import Callable, Mapping

import pytest

from tests import shops
from trainer.backtest.held_out import hold_out
from trainer.backtest.questions.catalogue import QUESTIONS
from trainer.backtest.questions.setting import Setting
from trainer.backtest.results import Backtest, Data
from trainer.backtest.run import Request, run
from trainer.models.model import Grain, Model
from trainer.models.popularity import Popularity, PopularityRanker
from trainer.progress import Progress, Silent
from trainer.purchases import Purchases

NAMES = ("next-order", "after-each-purchase", "next-month")


class Unpopularity(Popularity):
    """Another model, in a module that a new process can import."""


class Dying(Popularity):
    """Takes its process with it, as running out of memory does."""

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> PopularityRanker:
        os._exit(1)


@pytest.fixture(scope="module")
def setting() -> Setting:
    held_out = hold_out(shops.favourites(n_users=20, n_items=20, days=90).purchases)
    return Setting(held_out, held_out)


def found(setting: Setting, models: Mapping[str, Callable[[], Model]], processes: int) -> Backtest:
    questions = [QUESTIONS[name] for name in NAMES]
    return run(Request(Data("shop", (), "", ""), setting, questions, models, processes=processes), Silent())


def test_two_processes_find_what_one_does_in_the_same_order(setting: Setting) -> None:
    models = {"popularity": Popularity, "unpopularity": Unpopularity}
    one, two = (found(setting, models, processes) for processes in (1, 2))
    figures = [
        [(row.question, row.model, row.metric, row.k, row.value, row.low, row.high) for row in told.rows]
        for told in (one, two)
    ]
    assert figures[0] == figures[1]
    assert one.curves == two.curves
    assert two.failures == ()


def test_a_process_that_is_gone_is_told_and_the_run_comes_to_its_end(setting: Setting) -> None:
    told = found(setting, {"dying": Dying}, 2)
    assert {(failure.question, failure.model) for failure in told.failures} == {(name, "dying") for name in NAMES}
    assert told.rows == ()
