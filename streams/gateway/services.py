"""What all routes share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from serving.triton import TritonClient
from streams.clients.publisher import PurchasePublisher
from streams.contract.connection import KafkaConnection
from streams.emails.feedback import Feedback
from streams.gateway.broadcast import Broadcast
from streams.gateway.keys import KeyRing
from streams.gateway.metrics import Metrics
from streams.gateway.problems import unavailable
from streams.gateway.rate_limit import RateLimit
from streams.gateway.serving_model import ServingModel
from streams.gateway.settings import GatewaySettings
from streams.gateway.topic_reader import TopicReader
from streams.gateway.views import Views


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of one gateway, opened."""

    kafka: KafkaConnection
    settings: GatewaySettings
    views: Views
    reader: TopicReader
    broadcast: Broadcast
    publisher: PurchasePublisher
    serving: ServingModel
    triton: TritonClient
    keys: KeyRing
    rate_limit: RateLimit
    metrics: Metrics
    feedback: Feedback | None
    """Takes what customers do with the links of emails; None where no links are served."""


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


GatewayOf = Annotated[Gateway, Depends(gateway_of)]
"""The gateway that a request came to, whatever it has read so far."""


async def _caught_up(gateway: GatewayOf) -> Gateway:
    if not gateway.broadcast.has_begun:
        raise unavailable("not-ready", f"the topics are being read, {gateway.reader.behind:,} records to go")
    return gateway


CaughtUp = Annotated[Gateway, Depends(_caught_up)]
"""The same, once it has read what was on the topics at its start; until then it cannot know what stands."""
