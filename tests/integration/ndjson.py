"""Tells Schemathesis how a text becomes a body of JSON lines: as it is."""

import schemathesis
from schemathesis import SerializationContext


@schemathesis.serializer("application/x-ndjson")
def as_it_is(_: SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
