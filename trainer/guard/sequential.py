"""Is a version clearly worse? A test that may be looked at after every outcome, for as long as one likes.

The null hypothesis is that the version's hit rate p is at most `margin` below the other's, q: p >= q - margin. Against
it stands a mixture of all pairs of rates, weighted by Jeffreys' prior, as in the mixture sequential probability ratio
test (Robbins 1970; Johari, Pekelis and Walsh, "Always valid inference", 2017, section 4). The evidence is the
likelihood of what was seen under the mixture, divided by its largest likelihood under the null hypothesis (a
universal likelihood ratio: Wasserman, Ramdas and Balakrishnan 2020, section 7). Whichever rates of the null
hypothesis are the true ones, the evidence is never above a martingale that begins at 1, so by Ville's inequality the
chance that it ever reaches 1/alpha is at most alpha: for any order of the outcomes, any shares of both versions, and
any rule for when to look. It takes independent units: here one outcome per customer (trainer.guard.trials).
"""

import math
from typing import NamedTuple

_PRIOR = 0.5
_STEPS = 80
"""Halves the place of the maximum often enough for a double."""


class Arm(NamedTuple):
    """What a version's lists were worth: customers, and those of them who bought something from their list."""

    customers: int = 0
    hits: int = 0

    @property
    def hit_rate(self) -> float:
        return self.hits / self.customers if self.customers else math.nan

    def plus(self, hit: bool) -> "Arm":
        return Arm(self.customers + 1, self.hits + hit)


def log_evidence(version: Arm, other: Arm, margin: float) -> float:
    """Natural logarithm of the evidence that the version's hit rate lies more than `margin` below the other's.

    >>> round(log_evidence(Arm(100, 60), Arm(100, 60), 0.0), 1) < 0
    True
    >>> log_evidence(Arm(100, 20), Arm(100, 60), 0.0) > math.log(20)
    True
    """
    return _log_mixture(version) + _log_mixture(other) - _log_best_of_null(version, other, margin)


def limit(false_alarms: float) -> float:
    """From which logarithm of the evidence on it is clear."""
    return -math.log(false_alarms)


def _log_mixture(arm: Arm) -> float:
    """Of this sequence of hits and misses, mixed over all rates."""
    misses = arm.customers - arm.hits
    return _log_beta(arm.hits + _PRIOR, misses + _PRIOR) - _log_beta(_PRIOR, _PRIOR)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_best_of_null(version: Arm, other: Arm, margin: float) -> float:
    """The largest log-likelihood with p >= q - margin."""
    if not version.customers or not other.customers or version.hit_rate >= other.hit_rate - margin:
        return sum(_log_likelihood(arm, arm.hit_rate) for arm in (version, other) if arm.customers)

    def on_the_edge(q: float) -> float:
        return _log_likelihood(version, q - margin) + _log_likelihood(other, q)

    # Concave, and largest between the two rates that were seen.
    low, high = max(version.hit_rate, 0.0) + margin, other.hit_rate
    for _ in range(_STEPS):
        third = (high - low) / 3
        if on_the_edge(low + third) < on_the_edge(high - third):
            low += third
        else:
            high -= third
    return on_the_edge((low + high) / 2)


def _log_likelihood(arm: Arm, rate: float) -> float:
    return _times_log(arm.hits, rate) + _times_log(arm.customers - arm.hits, 1 - rate)


def _times_log(count: int, chance: float) -> float:
    """Nothing seen is nothing to explain, however unlikely it was."""
    if count == 0:
        return 0.0
    return count * math.log(chance) if chance > 0 else -math.inf
