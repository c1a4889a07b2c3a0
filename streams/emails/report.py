"""What emails change: customers who got them beside those from whom they were withheld, pure.

A customer belongs to the control group by a hash of the id, and is counted from the first email that was sent, or that
would have been sent. What is compared is what these customers then bought of the products that were in the email,
or would have been. Intervals are 95%, by the percentile bootstrap over customers (Efron & Tibshirani 1993, chapter 13).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import bootstrap

from streams.contract.email_messages import EmailEvent

ROUNDS = 2_000
SEED = 1


class Interval(NamedTuple):
    """A figure, and between which it lies; both ends are None where there are too few customers to tell."""

    value: float
    low: float | None = None
    high: float | None = None


class Comparison(NamedTuple):
    """One measure of both groups, and how much they differ. None: there is nobody to measure it on."""

    name: str
    sent: Interval | None
    withheld: Interval | None
    difference: Interval | None


class Report(NamedTuple):
    """How many customers and emails there are in each group, and what became of them."""

    customers: int
    emails: int
    control_customers: int
    control_emails: int
    unsubscribed: int
    given_up: dict[str, int]
    opened: Interval | None
    """Share of emails of which a link was opened."""
    compared: list[Comparison]


class _Customer:
    def __init__(self) -> None:
        self.decisions: set[str] = set()
        self.opened: set[str] = set()
        self.bought = 0
        self.value = 0.0


def report(events: Iterable[EmailEvent]) -> Report:
    """The report of all events that there are."""
    groups, others = _grouped(events)
    sent, withheld = groups["sent"], groups["withheld"]
    return Report(
        len(sent),
        sum(len(customer.decisions) for customer in sent),
        len(withheld),
        sum(len(customer.decisions) for customer in withheld),
        sum(event.kind == "unsubscribed" for event in others),
        _counted(event.reason for event in others if event.kind == "given-up"),
        _opened(sent),
        [
            _compared(name, *([measure(customer) for customer in group] for group in (sent, withheld)))
            for name, measure in _MEASURES.items()
        ],
    )


_MEASURES: dict[str, Callable[["_Customer"], float]] = {
    "bought a recommended product, share of customers": lambda customer: float(customer.bought > 0),
    "recommended products bought, per customer": lambda customer: float(customer.bought),
    "their value, per customer": lambda customer: customer.value,
}


def _grouped(events: Iterable[EmailEvent]) -> tuple[dict[str, list[_Customer]], list[EmailEvent]]:
    """The customers of both groups with what they did, and the events that are about neither."""
    events = list(events)
    customers: dict[str, dict[str, _Customer]] = {"sent": defaultdict(_Customer), "withheld": defaultdict(_Customer)}
    group_of = {}
    for event in events:
        if event.kind in customers:
            customers[event.kind][event.user_id].decisions.add(event.decision_id)
            group_of[event.decision_id] = event.kind
    for event in events:
        customer = customers[group_of.get(event.decision_id, "sent")][event.user_id]
        if event.kind == "clicked":
            customer.opened.add(event.decision_id)
        elif event.kind == "purchased":
            customer.bought += len(event.items)
            customer.value += event.value
    others = [event for event in events if event.kind in {"unsubscribed", "given-up"}]
    return {name: [c for c in group.values() if c.decisions] for name, group in customers.items()}, others


def _opened(sent: Sequence[_Customer]) -> Interval | None:
    if not sent:
        return None
    opened = np.array([len(customer.opened & customer.decisions) for customer in sent], float)
    emails = np.array([len(customer.decisions) for customer in sent], float)
    return _interval((opened, emails), _ratio, paired=True)


def _compared(name: str, sent: Sequence[float], withheld: Sequence[float]) -> Comparison:
    of_sent, of_withheld = np.array(sent, float), np.array(withheld, float)
    difference = _interval((of_sent, of_withheld), _difference) if sent and withheld else None
    return Comparison(
        name,
        _interval((of_sent,), np.mean) if sent else None,
        _interval((of_withheld,), np.mean) if withheld else None,
        difference,
    )


def _interval(samples: tuple[np.ndarray, ...], statistic: Any, *, paired: bool = False) -> Interval:
    value = float(statistic(*samples, axis=0))
    if min(len(sample) for sample in samples) < 2:
        return Interval(value)
    found = bootstrap(
        samples, statistic, n_resamples=ROUNDS, batch=100, method="percentile", paired=paired, vectorized=True,
        rng=np.random.default_rng(SEED),
    )  # fmt: skip
    return Interval(value, float(found.confidence_interval.low), float(found.confidence_interval.high))


def _difference(one: np.ndarray, other: np.ndarray, axis: int) -> Any:
    return np.mean(one, axis=axis) - np.mean(other, axis=axis)


def _ratio(part: np.ndarray, whole: np.ndarray, axis: int) -> Any:
    return np.sum(part, axis=axis) / np.sum(whole, axis=axis)


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for reason in reasons:
        counts[reason] += 1
    return dict(sorted(counts.items(), key=lambda counted: (-counted[1], counted[0])))
