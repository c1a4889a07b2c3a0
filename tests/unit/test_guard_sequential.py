"""The sequential test keeps its promise by simulation, and finds what is clearly worse."""

import math

import numpy as np
import pytest

from trainer.guard.sequential import Arm, limit, log_evidence

FALSE_ALARMS = 0.05
LOOK_EVERY, CUSTOMERS = 25, 1_500


def alarm_at(rng: np.random.Generator, rate: float, other: float, margin: float) -> int | None:
    """After how many customers of each arm the alarm is raised, by who looks again and again."""
    hits = np.cumsum(rng.random(CUSTOMERS) < rate)
    other_hits = np.cumsum(rng.random(CUSTOMERS) < other)
    for n in range(LOOK_EVERY, CUSTOMERS + 1, LOOK_EVERY):
        arms = Arm(n, int(hits[n - 1])), Arm(n, int(other_hits[n - 1]))
        if log_evidence(*arms, margin) >= limit(FALSE_ALARMS):
            return n
    return None


@pytest.mark.parametrize(("rate", "other", "margin"), [(0.6, 0.6, 0.0), (0.3, 0.35, 0.05), (0.05, 0.05, 0.0)])
def test_looking_sixty_times_raises_no_more_false_alarms_than_were_allowed(
    rate: float, other: float, margin: float
) -> None:
    rng = np.random.default_rng(1)
    alarms = [alarm_at(rng, rate, other, margin) for _ in range(150)]
    assert sum(alarm is not None for alarm in alarms) <= FALSE_ALARMS * len(alarms)


def test_a_fixed_test_that_is_looked_at_as_often_raises_many_more() -> None:
    """What the promise is worth: without it, the same customers give a false alarm in every fifth trial or so."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(150):
        hits, other = (np.cumsum(rng.random(CUSTOMERS) < 0.6) for _ in range(2))
        ns = np.arange(LOOK_EVERY, CUSTOMERS + 1, LOOK_EVERY)
        pooled = (hits[ns - 1] + other[ns - 1]) / (2 * ns)
        z = (other[ns - 1] - hits[ns - 1]) / np.sqrt(2 * ns * pooled * (1 - pooled))
        alarms += bool((z > 1.645).any())
    assert alarms > 3 * FALSE_ALARMS * 150


def test_a_version_that_is_clearly_worse_is_found_and_soon_where_it_is_useless() -> None:
    rng = np.random.default_rng(2)
    worse = [alarm_at(rng, 0.45, 0.6, 0.02) for _ in range(40)]
    assert sum(found is not None for found in worse) >= 0.95 * len(worse)
    useless = [alarm_at(rng, 0.1, 0.6, 0.02) for _ in range(40)]
    assert max(found or CUSTOMERS for found in useless) <= 100


def test_a_better_version_is_never_called_worse() -> None:
    rng = np.random.default_rng(3)
    assert [alarm_at(rng, 0.65, 0.6, 0.0) for _ in range(20)] == [None] * 20


@pytest.mark.parametrize("arms", [(Arm(), Arm()), (Arm(), Arm(1000, 900)), (Arm(1000, 0), Arm())])
def test_with_one_arm_alone_nothing_is_clear(arms: tuple[Arm, Arm]) -> None:
    assert log_evidence(*arms, 0.0) <= 0


def test_the_order_of_outcomes_and_who_has_more_customers_do_not_break_it() -> None:
    assert log_evidence(Arm(40, 0), Arm(10_000, 6_000), 0.02) > limit(FALSE_ALARMS)
    assert log_evidence(Arm(40, 23), Arm(10_000, 6_000), 0.02) < 0
    assert math.isfinite(log_evidence(Arm(500, 0), Arm(500, 500), 0.5))
