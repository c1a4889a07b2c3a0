"""`GET /v1/items/{id}/recommendations` and `GET /v1/users/{id}/plan`: questions that go to the model itself.

Nothing of this is on a topic: the version that serves is asked through Triton, and where that is away these two
routes alone answer 503.
"""

from typing import Annotated

import numpy as np
from anyio import from_thread
from fastapi import APIRouter, Query, Security

from serving import what_if
from serving.candidates import Candidates
from serving.errors import ModelUnavailable
from serving.features import UNKNOWN, Int32s, ModelInputs
from serving.what_if import Answer
from streams.gateway import openapi
from streams.gateway.access import may
from streams.gateway.answers import GoesWith, Json, Named, Plan, PlannedOrder, Scored
from streams.gateway.parameters import HowMany, ItemId, UserId
from streams.gateway.problems import not_found, unavailable
from streams.gateway.services import CaughtUp, Gateway
from streams.gateway.serving_model import KnownVersion
from streams.gateway.views import Views
from streams.histories.questions import lines_of

router = APIRouter(dependencies=[Security(may("read"))], default_response_class=Json)

_NAPKINS = {"rank": 1, "item_id": "22613", "title": "PACK OF 20 SPACEBOY NAPKINS"}
_MODEL = {"name": "next-purchase", "version": 3}
_GOES_WITH = {
    "item_id": "22138",
    "title": "BAKING SET 9 PIECE RETROSPOT",
    "model": _MODEL,
    "items": [_NAPKINS | {"score": 0.2}],
}
_A_PLAN = {"user_id": "12680", "model": _MODEL, "orders": [{"order": 1, "items": [_NAPKINS]}]}


@router.get(
    "/v1/items/{item_id:path}/recommendations",
    tags=["items"],
    summary="Bought together with an item",
    responses=openapi.answered(GoesWith, _GOES_WITH, 404, 503),
)
def goes_with(gateway: CaughtUp, item_id: ItemId, k: HowMany = 5) -> Json:
    """What the model would recommend to somebody who has just bought this one item."""
    known = gateway.serving.current()
    index = known.vocabulary.index_of(item_id)
    if index == UNKNOWN:
        raise not_found("unknown-item", f"version {known.ref.version} of {known.ref.name} does not know this item")
    found = what_if.bought_together(_asking(gateway, known), np.array([index], np.int32))
    others = found.item_index[0] != index
    items = [
        Scored(product.rank, product.item_id, product.title, round(float(score), 6))
        for product, score in zip(
            _named(found.item_index[0, others][:k], known, gateway.views), found.score[0, others], strict=False
        )
    ]
    return Json(GoesWith(item_id, gateway.views.title(item_id), known.ref, items))


@router.get(
    "/v1/users/{user_id:path}/plan",
    tags=["users"],
    summary="A customer's next orders",
    responses=openapi.answered(Plan, _A_PLAN, 404, 503),
)
def plan(
    gateway: CaughtUp,
    user_id: UserId,
    orders: Annotated[int, Query(ge=1, le=10, description="How many orders ahead.")] = 3,
    k: HowMany = 5,
) -> Json:
    """Step by step: each order is what the model expects when all orders before it have come true."""
    past = gateway.views.history(user_id)
    if not past.orders:
        raise not_found("no-history", "this customer has bought nothing that is known here")
    known = gateway.serving.current()
    lines = lines_of([past], known.vocabulary)
    steps = what_if.next_orders(_asking(gateway, known), lines, orders, k)
    planned = [PlannedOrder(n, _named(step, known, gateway.views)) for n, step in enumerate(steps, 1)]
    return Json(Plan(user_id, known.ref, planned))


def sellable(answer: Candidates, known: KnownVersion, views: Views) -> Candidates:
    """The answer about one user ([1, K]) without what the shop has withdrawn."""
    sold = [views.is_available(known.vocabulary.item_id(int(index))) for index in answer.item_index[0]]
    return Candidates(answer.item_index[:, sold], answer.score[:, sold], answer.because[:, sold])


def _asking(gateway: Gateway, known: KnownVersion) -> Answer:
    """Asks Triton from a thread of the server's: its client lives in the event loop."""

    def ask(inputs: ModelInputs) -> Candidates:
        try:
            answer = from_thread.run(gateway.triton.candidates, known.ref.name, known.ref.version, inputs)
        except ModelUnavailable as error:
            raise unavailable("model-unavailable", str(error), retry_after_s=5) from None
        return sellable(answer, known, gateway.views)

    return ask


def _named(items: Int32s, known: KnownVersion, views: Views) -> list[Named]:
    ids = [known.vocabulary.item_id(int(index)) for index in items]
    return [Named(rank, item_id, views.title(item_id)) for rank, item_id in enumerate(ids, 1)]
