"""What can be set about a gateway."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class GatewaySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one gateway process. `datadir` belongs to one process alone."""

    address: str = "127.0.0.1:8080"
    """Where it listens: host:port. Port 0 takes a free one. Any other host than this machine needs API keys."""
    datadir: str = ".nextup/gateway"
    keys_file: str = ".nextup/gateway-keys.json"
    """API keys, hashed, as `nextup gateway keys add` writes them. While there are none, everybody may do everything."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    requests_per_second: Annotated[float, Meta(gt=0)] = 500.0
    """How many requests one key may make in the long run, and one address that follows links of emails."""
    burst: Annotated[int, Meta(ge=1)] = 1000
    """How many of them at once."""
    delivery_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    """A purchase that no broker took within so long is answered with 503."""
    max_streams: Annotated[int, Meta(ge=1)] = 1000
    """Most readers of the stream at a time."""
    stream_buffer: Annotated[int, Meta(ge=1)] = 1000
    """Most lists that wait for one reader of the stream; who falls further behind is told so and let go."""
    heartbeat_s: Annotated[float, Meta(gt=0)] = 15.0
    """How often a stream on which nothing happens says that it is alive."""
    send_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """A reader that has taken nothing for so long is let go."""
