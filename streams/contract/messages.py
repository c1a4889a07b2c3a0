"""The messages on the topics, as typed classes with one decoder each.

All values are JSON in UTF-8. Fields that a class does not name are ignored, so that a publisher may
send more than we read; null stands for an optional field that is not given. Times are ISO 8601 with a zone.

    purchases                 Purchase | Return | Erasure | Refresh   key: user_id
    purchase-log              purchases and returns, once each        key: log_key(user_id, event_id)
    recommendations           RecommendationList                      key: user_id
    recommendation-outcomes   Outcome                                 key: log_key(user_id, event_id)
    model-versions            ModelVersion                            key: model name
    worker-states             WorkerState                             key: worker
    items                     Item                                    key: item_id
    erasure-receipts          ErasureReceipt                          key: the erasure's event_id
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from streams.contract.errors import InvalidEvent
from streams.contract.lenient import LenientDecoder

T = TypeVar("T")

MAX_VALUE_BYTES = 1_000_000
"""Largest event value that is accepted, in bytes."""
MAX_ID_BYTES = 256
"""Most bytes of an id in UTF-8: with it a list or a history has a largest size, which its topic takes."""
MAX_LINES = 2_000
"""Most lines that one purchase or return may have."""
MAX_CLOCK_AHEAD = timedelta(days=1)
"""How far `occurred_at` may lie in the future; beyond it is a broken clock or unit, not a purchase."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No purchase is older: such a time is a missing one, and in year 1 even a change of zone overflows."""

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Quantity: TypeAlias = Annotated[int, Meta(gt=0, le=2**31 - 1)] | Annotated[float, Meta(gt=0, le=2**31 - 1)]


class Line(Struct, frozen=True, omit_defaults=True):
    """One line of an order: so many of one item, at a price per unit in the shop's currency."""

    item_id: Id
    quantity: Quantity = 1
    price: Annotated[float, Meta(ge=0)] | None = None


Lines: TypeAlias = Annotated[list[Line], Meta(min_length=1, max_length=MAX_LINES)]


class Purchase(Struct, frozen=True, tag_field="type", tag="purchase"):
    """A customer bought something: one order with one or more lines."""

    event_id: Id
    user_id: Id
    occurred_at: Moment
    items: Lines


class Return(Struct, frozen=True, tag_field="type", tag="return", omit_defaults=True):
    """A customer brought something back; `purchase_event_id` names the order it came from, if known."""

    event_id: Id
    user_id: Id
    occurred_at: Moment
    items: Lines
    purchase_event_id: Id | None = None


class Erasure(Struct, frozen=True, tag_field="type", tag="erasure"):
    """A customer asks to be forgotten everywhere."""

    event_id: Id
    user_id: Id
    occurred_at: Moment


class Refresh(Struct, frozen=True, tag_field="type", tag="refresh"):
    """A customer's list is to be made anew, as of `occurred_at`: the model has changed, or time has passed.

    The customer did nothing, so this is in no history and no log, and nothing follows for who has no history.
    """

    event_id: Id
    user_id: Id
    occurred_at: Moment


Deed: TypeAlias = Purchase | Return | Erasure
"""What customers do, or ask for."""
Event: TypeAlias = Deed | Refresh


class Cause(Struct, frozen=True):
    """What made a list: an event of the customer, or (`model`) a refresh."""

    type: Literal["purchase", "return", "model"]
    event_id: Id


class ModelRef(Struct, frozen=True):
    """One version of one model."""

    name: Id
    version: Annotated[int, Meta(ge=1)]


class Recommended(Struct, frozen=True):
    """One product on a list. `because` names what the customer bought that speaks for it."""

    rank: Annotated[int, Meta(ge=1)]
    item_id: Id
    score: float
    because: list[Id] = []


class RecommendationList(Struct, frozen=True, omit_defaults=True):
    """The products that a customer is most likely to buy next, best first.

    `list_id` depends on the user and the cause alone, so that a reader can drop repeats. `source` says
    whether the model answered or the fallback did; `model` is the version that answered, and null for
    a fallback. `entered` and `left` compare with the list that stood before. `active_at` is when the customer
    last bought something, where that is not `as_of`.
    """

    list_id: Id
    user_id: Id
    cause: Cause
    as_of: Moment
    generated_at: Moment
    source: Literal["model", "fallback"]
    model: ModelRef | None
    items: list[Recommended]
    entered: list[Id]
    left: list[Id]
    active_at: Moment | None = None


class Hit(Struct, frozen=True):
    """A bought item that stood on the list before the purchase, and at which rank."""

    item_id: Id
    rank: Annotated[int, Meta(ge=1)]


class ShadowOutcome(Struct, frozen=True):
    """Which bought items a challenger in the shadow would have named, had its list been the one that stood."""

    model: ModelRef
    hits: list[Hit]


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What became of the list that stood before a purchase: which bought items it had named.

    `listed_at` is when that list was made.
    """

    user_id: Id
    event_id: Id
    occurred_at: Moment
    list_id: Id
    source: Literal["model", "fallback"]
    model: ModelRef | None
    n_bought: Annotated[int, Meta(ge=1)]
    hits: list[Hit]
    shadow: ShadowOutcome | None = None
    listed_at: Moment | None = None


class ErasureReceipt(Struct, frozen=True):
    """A customer's erasure was carried out, and what of theirs there was.

    `log_records` counts the records of `purchase-log` that were taken back, `lists` and `histories` what
    stood of each: 0 or 1. It does not say who the customer is, so that it may be kept.
    """

    event_id: Id
    erased_at: Moment
    log_records: Annotated[int, Meta(ge=0)]
    lists: Annotated[int, Meta(ge=0)]
    histories: Annotated[int, Meta(ge=0)]


class Item(Struct, frozen=True, omit_defaults=True):
    """One product of the shop's catalogue. An item that is not available is never recommended."""

    item_id: Id
    title: str = ""
    category: str = ""
    available: bool = True


class Decision(Struct, frozen=True):
    """What became of a model that was trained: released or not, why, and the figures that were compared."""

    at: Moment
    released: bool
    reason: str
    figures: dict[str, float]


class Challenger(Struct, frozen=True):
    """A version that is tried beside the one that serves.

    `shadow`: it is asked as well, and its lists are judged but not published. `canary`: it answers a `share`
    of the customers, always the same ones.
    """

    version: Annotated[int, Meta(ge=1)]
    mode: Literal["shadow", "canary"]
    share: Annotated[float, Meta(gt=0, le=1)]
    since: Moment
    reason: str


class ModelVersion(Struct, frozen=True, omit_defaults=True):
    """The version of a model that serves: since when, why, what it learnt from and how good it was.

    `decision` is the newest one about this model, be it about this version or about one that was not released.
    `before` are the versions that served before, the newest first: where a rollback leads. After a rollback
    `instead_of` is the version that was taken back.
    """

    name: Id
    version: Annotated[int, Meta(ge=1)]
    since: Moment
    reason: str
    trained_from: Moment
    trained_to: Moment
    n_events: int
    metrics: dict[str, float]
    decision: Decision | None = None
    challenger: Challenger | None = None
    before: list[Annotated[int, Meta(ge=1)]] = []
    instead_of: Annotated[int, Meta(ge=1)] | None = None


class WorkerState(Struct, frozen=True):
    """Which versions a worker asks, as of `at`: sent at each switch and every few seconds, so that one that is
    silent is known to be gone. `partitions` are those of `purchases` that it answers for."""

    worker: Id
    at: Moment
    version: Annotated[int, Meta(ge=1)] | None
    challenger: Annotated[int, Meta(ge=1)] | None
    partitions: list[int]


class _Kind(Struct):
    type: str = "purchase"


_EVENT_DECODERS: dict[str, LenientDecoder[Any]] = {
    "purchase": LenientDecoder(Purchase),
    "return": LenientDecoder(Return),
    "erasure": LenientDecoder(Erasure),
    "refresh": LenientDecoder(Refresh),
}
_kind = LenientDecoder(_Kind)
_encoder = msgspec.json.Encoder()

recommendation_list = LenientDecoder(RecommendationList)
outcome = LenientDecoder(Outcome)
erasure_receipt = LenientDecoder(ErasureReceipt)
item = LenientDecoder(Item)
model_version = LenientDecoder(ModelVersion)
worker_state = LenientDecoder(WorkerState)


def encode(message: Struct) -> bytes:
    """The JSON bytes of any message of this module."""
    return _encoder.encode(message)


NO_USER = b"\xff"
"""Key of the tombstones that workers write now and then, which say nothing: not UTF-8, so no user's and no event's."""


def user_key(user_id: str) -> bytes:
    """Key of everything that belongs to one customer."""
    return user_id.encode()


def log_key(user_id: str, event_id: str) -> bytes:
    """Key in `purchase-log`: user and event as a JSON array, so that no two pairs share a key."""
    return _encoder.encode((user_id, event_id))


def log_key_prefix(user_id: str) -> bytes:
    """What the log keys of all events of a user, and of no other user, begin with."""
    return log_key(user_id, "").removesuffix(b'"]')


def list_id(user_id: str, cause: Cause) -> str:
    """Id of the list that `cause` makes for a user: the same for every attempt, whoever answers."""
    digest = hashlib.blake2b(_encoder.encode((user_id, cause.type, cause.event_id)), digest_size=12)
    return digest.hexdigest()


def decode_event(key: bytes | None, value: bytes | None, now: datetime) -> Event:
    """The event in a record of `purchases`, or InvalidEvent that says what is wrong with it.

    `now` is what `occurred_at` is compared with; it must have a zone.
    """
    if not value:
        raise InvalidEvent(
            "empty-value", "the value is empty; send a purchase, a return, an erasure or a refresh as JSON"
        )
    event = event_from_json(value)
    _check_key(key, event.user_id)
    check_acceptable(event, now)
    return event


def event_from_json(value: bytes) -> Event:
    """The event in JSON bytes that are no record yet (a line of a file); InvalidEvent says what is wrong.

    What only the record can tell is not checked: its key, and whether the time lies ahead of the clock.
    """
    return _checked(_decode_value, value)


def item_from_json(value: bytes) -> Item:
    """The catalogue item in JSON bytes; InvalidEvent says what is wrong with it."""
    found = _checked(item.decode, value)
    check_ids([("item_id", found.item_id)])
    return found


def _checked(decode: Callable[[bytes], T], value: bytes) -> T:
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidEvent("too-large", f"the value has {len(value):,} bytes; at most {MAX_VALUE_BYTES:,} are accepted")
    try:
        # The decoder skips fields that no class names without a look at their bytes.
        value.decode()
        return decode(value)
    except msgspec.ValidationError as error:
        raise invalid_field(error) from None
    except UnicodeDecodeError as error:
        raise InvalidEvent("malformed", f"the value is not UTF-8: {error.reason} at byte {error.start:,}") from None
    except msgspec.DecodeError as error:
        raise InvalidEvent("malformed", f"the value is not JSON: {error}") from None
    except RecursionError:
        raise InvalidEvent("malformed", "the value is nested too deeply") from None


def check_acceptable(event: Event, now: datetime) -> None:
    """InvalidEvent where a well-formed event is not accepted all the same.

    Its `occurred_at` is further ahead of `now` than any clock should be, or before 1970, or an id is too long. Readers
    of the log do not ask this: what was accepted once stays accepted.
    """
    check_ids(_ids_of(event))
    when = event.occurred_at
    if when > now + MAX_CLOCK_AHEAD:
        raise InvalidEvent(
            "future", f"occurred_at {when.isoformat()} is more than {MAX_CLOCK_AHEAD} in the future", "occurred_at"
        )
    if when < EARLIEST:
        raise InvalidEvent("before-1970", f"occurred_at {when.isoformat()} is before 1970", "occurred_at")


def id_bytes(text: str) -> int:
    """How long an id is in UTF-8, in bytes."""
    return len(text) if text.isascii() else len(text.encode())


_SURELY_SHORT = MAX_ID_BYTES // 4
"""An id of so few characters is short enough, whatever they are."""


def check_ids(ids: Iterable[tuple[str, str]]) -> None:
    """InvalidEvent for the first of (path, id) that is longer than MAX_ID_BYTES in UTF-8."""
    for path, text in ids:
        if len(text) > _SURELY_SHORT and id_bytes(text) > MAX_ID_BYTES:
            raise InvalidEvent(
                "invalid-field",
                f"{path}: the id has {id_bytes(text)} bytes in UTF-8; at most {MAX_ID_BYTES} are accepted",
                path,
            )


def _ids_of(event: Event) -> Iterator[tuple[str, str]]:
    yield "event_id", event.event_id
    yield "user_id", event.user_id
    if isinstance(event, Purchase | Return):
        for number, line in enumerate(event.items):
            if len(line.item_id) > _SURELY_SHORT:
                yield f"items[{number}].item_id", line.item_id
    if isinstance(event, Return) and event.purchase_event_id is not None:
        yield "purchase_event_id", event.purchase_event_id


def _decode_value(value: bytes) -> Event:
    event: Event = _event_decoder(value).decode(value)
    return event


def _decode_strictly(value: bytes) -> Event:
    event: Event = _event_decoder(value).strictly(value)
    return event


def _event_decoder(value: bytes) -> LenientDecoder[Any]:
    kind = _kind.decode(value).type
    decoder = _EVENT_DECODERS.get(kind)
    if decoder is None:
        expected = ", ".join(_EVENT_DECODERS)
        raise InvalidEvent("unknown-type", f"unknown type {_short(kind)}; expected one of {expected}", "type")
    return decoder


def check_id_key(key: bytes | None, identity: str, field: str) -> None:
    """InvalidEvent where a record's key is not the id in its value; `field` is the name of that id."""
    if key != identity.encode():
        found = _short((key or b"").decode(errors="replace"))
        raise InvalidEvent("key-mismatch", f"the key {found} differs from {field} {_short(identity)}", field)


def keyed_item(key: bytes | None, value: bytes) -> Item:
    """The item in a record of `items`; InvalidEvent where it cannot be read or has the key of another."""
    product = item_from_json(value)
    check_id_key(key, product.item_id, "item_id")
    return product


def _check_key(key: bytes | None, user_id: str) -> None:
    if not key:
        raise InvalidEvent("empty-key", "the record has no key; the key must be the user_id", "key")
    if key != user_key(user_id):
        found = _short(key.decode(errors="replace"))
        raise InvalidEvent("key-mismatch", f"the key {found} differs from user_id {_short(user_id)}", "user_id")


def _short(text: str) -> str:
    """Quoted, and cut where a megabyte of it would end up in logs and headers."""
    return repr(text if len(text) <= 64 else text[:64] + "…")


_AT_PATH = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>\w+)`")


def invalid_field(error: msgspec.ValidationError) -> InvalidEvent:
    """msgspec's text names the field at its end; keep it as a value, so that callers need not parse."""
    text = str(error)
    at = _AT_PATH.search(text)
    path = at["path"] if at else ""
    missing = _MISSING.search(text)
    if missing:
        path = f"{path}.{missing['name']}".lstrip(".")
        return InvalidEvent("missing-field", f"{path}: this field is required and missing", path)
    what = text[: at.start()] if at else text
    return InvalidEvent("invalid-field", f"{path}: {what}" if path else what, path)


def check(event: Event, now: datetime) -> bytes:
    """The bytes of an event built in Python, or InvalidEvent where the worker would refuse them.

    Struct constructors do not validate, so the event is sent through its own bytes.
    """
    value = _written(event)
    check_acceptable(_checked(_decode_strictly, value), now)
    return value


def check_item(product: Item) -> bytes:
    """The bytes of a catalogue item built in Python, or InvalidEvent where it is not what `Item` says."""
    value = _written(product)
    check_ids([("item_id", _checked(item.strictly, value).item_id)])
    return value


def _written(message: Struct) -> bytes:
    if not isinstance(message, Struct):
        raise InvalidEvent("invalid-field", f"expected a message of the contract, got {type(message).__name__}")
    try:
        return encode(message)
    except (TypeError, ValueError, RecursionError) as error:
        field = _unwritable_field(message)
        raise InvalidEvent("invalid-field", f"{field}: cannot be written as JSON: {error}", field) from None


def _unwritable_field(message: Struct) -> str:
    """The field that has no JSON form: a lone surrogate, an object of a foreign class."""
    for name in message.__struct_fields__:
        try:
            encode(getattr(message, name))
        except (TypeError, ValueError, RecursionError):
            return name
    return ""
