"""View models as HTML. Everything that comes from a topic is escaped by the templates."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from streams.contract.messages import Item
from streams.page import wording
from streams.page.charts import Series, chart
from streams.page.condition import Condition
from streams.page.customer import ListShown, OrderShown, product
from streams.page.versions import Version, may_roll_back, versions_shown
from streams.page.watch import Board

_templates = Environment(
    loader=PackageLoader("streams.page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["ms"] = wording.milliseconds
_templates.filters["percent"] = wording.percent
_templates.filters["clipped"] = wording.clipped
_templates.filters["drawn"] = Markup
"""For what streams.page.pictures and charts have drawn, which is HTML already."""

NEAR_S = 5
"""Rates are told as means over so many of the newest seconds."""


def recommended(shown: ListShown | None, waited_ms: float | None) -> str:
    return _rendered("list.html", list=shown, waited_ms=waited_ms)


def history(orders: Sequence[OrderShown]) -> str:
    return _rendered("history.html", orders=orders)


def shelf(found: Sequence[Item], searched: str) -> str:
    """Products to buy: what was searched for, or what is popular."""
    return _rendered("shelf.html", products=[product(item) for item in found], searched=searched)


def customers(recent: Sequence[str], chosen: str) -> str:
    return _rendered("customers.html", recent=recent, chosen=chosen)


def state(condition: Condition) -> str:
    return _rendered("state.html", condition=condition)


def notice(condition: Condition) -> str:
    return condition.sentence


def flow(board: Board) -> str:
    """Purchases and lists per second."""
    purchases, lists = (sum(series[-NEAR_S:]) / NEAR_S for series in (board.purchases, board.lists))
    label = f"Of the last minute: {purchases:.0f} purchases and {lists:.0f} lists per second now"
    drawn = chart(label, [Series("lists", board.lists), Series("purchases", board.purchases)], "/s")
    return _rendered("flow.html", purchases=purchases, lists=lists, chart=drawn)


def latency(board: Board) -> str:
    """How long lists were waited for."""
    overall = board.overall
    label = (
        f"Purchase to list over the last minute: half within {wording.milliseconds(overall.p50)}, "
        f"99 of 100 within {wording.milliseconds(overall.p99)}"
    )
    p50, p99 = Series("p50", [one.p50 for one in board.waits]), Series("p99", [one.p99 for one in board.waits])
    return _rendered("latency.html", overall=overall, chart=chart(label, [p50, p99], " ms"))


def rates(board: Board) -> str:
    """Who was right how often."""
    most = max((rate.share or 0.0 for rate in board.rates), default=0.0) or 1.0
    return _rendered("rates.html", rates=board.rates, most=most)


def versions(found: list[Version], told: str, *, is_busy: bool) -> str:
    return _rendered(
        "versions.html",
        versions=versions_shown(found),
        may_roll_back=may_roll_back(found),
        told=told,
        is_busy=is_busy,
    )


def letters(board: Board) -> str:
    return _rendered("letters.html", letters=board.letters, count=board.n_letters)


def _rendered(template: str, **values: object) -> str:
    return _templates.get_template(template).render(**values)
