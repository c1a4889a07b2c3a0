"""Which change of a list is worth an email, and when: typed rules from one TOML file, checked at the start."""

import tomllib
from collections.abc import Iterator
from datetime import time, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from streams.contract.messages import invalid_field
from streams.emails.errors import InvalidRules
from streams.emails.zones import is_zone

Hours: TypeAlias = Annotated[float, Meta(ge=0, le=24 * 365)]
Days: TypeAlias = Annotated[float, Meta(ge=0, le=365)]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]

WEEK = timedelta(days=7)


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """How much better a list must have become: a product that is new among its first `rank`, with this score."""

    rank: Annotated[int, Meta(ge=1)] = 3
    score: float = 0.0
    fallback: bool = False
    """Whether lists count that were made without the model; their scores are on another scale."""


class Timing(Struct, frozen=True, forbid_unknown_fields=True):
    """When an email may go out. Quiet hours are wall time in the customer's zone, or in `zone` where none is known;
    two equal times are no quiet hours."""

    wait_after_purchase_hours: Hours = 24.0
    merge_hours: Hours = 6.0
    """Changes so soon after the first one go into the same email."""
    valid_hours: Hours = 96.0
    """An email about a change that is older is not sent any more."""
    quiet_from: time = time(21)
    quiet_until: time = time(8)
    zone: str = "UTC"


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer is spared."""

    per_week: Annotated[int, Meta(ge=1)] = 2
    """Most emails in any seven days."""
    bought_days: Days = 14.0
    """A product that the customer bought so lately is in no email."""


class Control(Struct, frozen=True, forbid_unknown_fields=True):
    """Customers who get no email, so that one can see what emails change. Another `salt` draws others."""

    share: Annotated[float, Meta(ge=0, le=0.9)] = 0.1
    salt: str = ""
    attribution_days: Annotated[float, Meta(gt=0, le=90)] = 14.0
    """A recommended product counts as bought because of the email within so many days."""


class Sending(Struct, frozen=True, forbid_unknown_fields=True):
    """Who writes, and where links lead. `{item_id}` in `item_url` stands for the product."""

    shop: Text
    sender: Text
    click_url: Text
    """Where the gateway counts a click and leads on to `item_url`."""
    unsubscribe_url: Text
    item_url: Text
    templates: str = ""
    """Folder with email.html and email.txt of the shop's own; ours otherwise."""


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """All rules: one section of the file each."""

    sending: Sending
    change: Change = field(default_factory=Change)
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)
    control: Control = field(default_factory=Control)

    @property
    def wait_after_purchase(self) -> timedelta:
        return timedelta(hours=self.timing.wait_after_purchase_hours)

    @property
    def merge(self) -> timedelta:
        return timedelta(hours=self.timing.merge_hours)

    @property
    def validity(self) -> timedelta:
        return timedelta(hours=self.timing.valid_hours)

    @property
    def bought_lately(self) -> timedelta:
        return timedelta(days=self.limits.bought_days)

    @property
    def attribution(self) -> timedelta:
        return timedelta(days=self.control.attribution_days)

    @property
    def remembered(self) -> timedelta:
        """What is older than this has no bearing on any decision, nor on the report."""
        return max(WEEK, self.bought_lately, self.attribution, self.validity)

    def zone_of(self, name: str) -> ZoneInfo:
        """The zone that a customer's record names; the shop's where it names none, or one that does not exist."""
        return ZoneInfo(name if is_zone(name) else self.timing.zone)


def read_rules(path: Path) -> Rules:
    """The rules in a file; InvalidRules, with file and field, where they are not valid."""
    try:
        return checked(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidRules(f"{path}: cannot be read: {error.strerror}") from None
    except InvalidRules as error:
        raise InvalidRules(f"{path}: {error}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise InvalidRules(f"{path}: is not TOML: {error}") from None


def checked(values: object) -> Rules:
    """The rules in plain values, each possible and all possible together; InvalidRules names what is not."""
    try:
        rules = msgspec.convert(values, Rules)
    except msgspec.ValidationError as error:
        raise InvalidRules(str(invalid_field(error))) from None
    for problem in _problems(rules):
        raise InvalidRules(problem)
    return rules


def _problems(rules: Rules) -> Iterator[str]:
    yield from _problems_of_timing(rules.timing)
    yield from _problems_of_sending(rules.sending)


def _problems_of_timing(timing: Timing) -> Iterator[str]:
    if not is_zone(timing.zone):
        yield f"timing.zone is {timing.zone!r}; expected a name of the IANA time zones such as Europe/London"
    for name in ("quiet_from", "quiet_until"):
        if getattr(timing, name).tzinfo is not None:
            yield f"timing.{name} has a zone; expected wall time such as 21:00:00"
    earliest = max(timing.wait_after_purchase_hours, timing.merge_hours)
    if timing.valid_hours <= earliest:
        yield (
            f"timing.valid_hours is {timing.valid_hours:g}, and no email goes out before {earliest:g} hours "
            "(wait_after_purchase_hours, merge_hours); expected more than that"
        )


def _problems_of_sending(sending: Sending) -> Iterator[str]:
    if not _is_address(sending.sender):
        yield f"sending.sender is {sending.sender!r}; expected an address such as Shop <news@shop.example>"
    for name in ("click_url", "unsubscribe_url", "item_url"):
        if not _is_url(getattr(sending, name)):
            yield f"sending.{name} is {getattr(sending, name)!r}; expected a URL that begins with https://"
    if "{item_id}" not in sending.item_url:
        yield f"sending.item_url is {sending.item_url!r}; expected {{item_id}} in it, where the product's id goes"
    if sending.templates and not (Path(sending.templates) / "email.html").is_file():
        yield f"sending.templates is {sending.templates!r}; expected a folder with email.html and email.txt"


def _is_address(text: str) -> bool:
    try:
        address = Address(addr_spec=parseaddr(text)[1])
    except (MessageError, ValueError, IndexError):
        return False
    return bool(address.username and address.domain)


def _is_url(text: str) -> bool:
    """Plain http is for a machine's own address alone."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_own = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    return is_own or (parts.scheme == "https" and bool(parts.netloc))
