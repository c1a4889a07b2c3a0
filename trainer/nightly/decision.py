"""Is a candidate released? Pure: what was found out and the rule in, the decision and its reason out."""

from datetime import datetime

from streams.contract.messages import Decision
from trainer.nightly.comparison import Compared, Comparison
from trainer.nightly.settings import NightlySettings


def without_asking(at: datetime, reason: str) -> Decision:
    """Released, as there is nothing to compare with or nobody wants to."""
    return Decision(at, True, reason, {})


def unsure(at: datetime, version: int, n_orders: int, settings: NightlySettings) -> Decision:
    """Too few orders have come since the version that serves learnt: done is what was chosen for this case."""
    figures = {"serving_version": float(version), "orders": float(n_orders)}
    told = (
        f"{n_orders:,} orders of returning customers that version {version} has not seen are too few to tell which "
        f"one is better (nightly.min_orders is {settings.min_orders:,})"
    )
    return Decision(at, settings.unsure == "release", told, figures)


def decide(at: datetime, comparison: Comparison, settings: NightlySettings) -> Decision:
    """By the rule and the margin that were set."""
    compared = comparison.metrics[settings.metric]
    released = is_released(compared, settings)
    wanted = settings.rule.replace("-", " ")
    verdict = wanted if released else f"not {wanted}" if settings.rule != "not-worse" else "worse"
    margin = f" by more than {settings.margin:g}" if settings.margin else ""
    told = (
        f"{verdict}{margin}: {settings.metric} {compared.candidate:.4f} against {compared.serving:.4f} of version "
        f"{comparison.version}, a lead of {compared.lead:+.4f} (95%: {compared.low:+.4f} to {compared.high:+.4f}) on "
        f"{comparison.n_orders:,} orders of {comparison.n_users:,} customers that neither has seen"
    )
    return Decision(at, released, told, comparison.figures)


def is_released(compared: Compared, settings: NightlySettings) -> bool:
    """Whether a lead is enough for the rule."""
    match settings.rule:
        case "always":
            return True
        case "not-worse":
            return compared.lead >= -settings.margin
        case "better":
            return compared.lead > settings.margin
        case "clearly-better":
            return compared.low > settings.margin
