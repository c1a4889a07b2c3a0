"""What others build on: publish what customers buy, follow what they should be offered.

Needs no more than `confluent-kafka`, `aiokafka` and `msgspec`; neither Faust nor TensorFlow is imported.
`nextup publish` and `nextup items` add the readers of files.
"""

from streams.clients.delivery import Delivery, Receipt
from streams.clients.latest import LatestLists
from streams.clients.publisher import CataloguePublisher, PurchasePublisher
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, ContractError, InvalidEvent, TopicMismatch, Undelivered
from streams.contract.messages import (
    Erasure,
    Event,
    Item,
    Line,
    Purchase,
    RecommendationList,
    Recommended,
    Return,
)

__all__ = [
    "BrokerUnavailable",
    "CataloguePublisher",
    "ContractError",
    "Delivery",
    "Erasure",
    "Event",
    "InvalidEvent",
    "Item",
    "KafkaConnection",
    "LatestLists",
    "Line",
    "Purchase",
    "PurchasePublisher",
    "Receipt",
    "RecommendationList",
    "RecommendationSubscriber",
    "Recommended",
    "Return",
    "TopicMismatch",
    "Undelivered",
]
