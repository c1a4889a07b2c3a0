"""The messages about emails: who may get them, and what became of them.

customers      Customer     key: user_id
email-events   EmailEvent   key: log_key(user_id, event_id)
"""

import hashlib
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from streams.contract.lenient import LenientDecoder
from streams.contract.messages import Id, Moment

EmailEventKind: TypeAlias = Literal["sent", "withheld", "clicked", "unsubscribed", "purchased", "given-up"]


class Customer(Struct, frozen=True, omit_defaults=True):
    """Whom the shop may write to. `zone` is a name of the IANA time zones, for the customer's quiet hours."""

    user_id: Id
    email: Annotated[str, Meta(max_length=320)] = ""
    zone: str = ""
    unsubscribed: bool = False

    def __repr__(self) -> str:
        """Without the address: this ends up in logs."""
        return f"Customer({self.user_id!r})"


class EmailEvent(Struct, frozen=True, omit_defaults=True):
    """Something that happened to an email, named by the decision that led to it.

    `items` are the products: those in the email (sent, withheld, given-up), the one that was clicked, those that were
    bought (purchased), for `value` in the shop's currency. `withheld`: the customer is in the control group, and got no
    email. `given-up` has a `reason`; `is_unknown` says that the server may have taken it all the same.
    """

    event_id: Id
    user_id: Id
    decision_id: Id
    kind: EmailEventKind
    at: Moment
    items: list[Id] = []
    value: float = 0.0
    reason: str = ""
    is_unknown: bool = False


customer = LenientDecoder(Customer)
email_event = LenientDecoder(EmailEvent)


def email_event_id(decision_id: str, kind: EmailEventKind, about: str = "") -> str:
    """The same for every attempt at telling the same; `about` is the product or the purchase."""
    digest = hashlib.blake2b(msgspec.json.encode((decision_id, kind, about)), digest_size=12)
    return digest.hexdigest()
