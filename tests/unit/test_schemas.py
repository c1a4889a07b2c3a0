"""The committed JSON Schema files are those of the classes, and hold for what is really sent."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import msgspec
import pytest

from streams.contract import messages, schemas
from streams.contract.email_messages import Customer, EmailEvent
from streams.contract.messages import (
    Cause,
    Challenger,
    Decision,
    Erasure,
    ErasureReceipt,
    Hit,
    Item,
    Line,
    ModelRef,
    ModelVersion,
    Outcome,
    Purchase,
    RecommendationList,
    Recommended,
    Refresh,
    Return,
    ShadowOutcome,
    WorkerState,
)

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
MODEL = ModelRef("next-purchase", 12)
EXAMPLES: list[msgspec.Struct] = [
    Purchase("581587", "12680", NOW, [Line("22613", 12, 0.85), Line("22138"), Line("22139", 0.5)]),
    Return("C581588", "12680", NOW, [Line("22613")], purchase_event_id="581587"),
    Return("C581588", "12680", NOW, [Line("22613")]),
    Erasure("e1", "12680", NOW),
    Refresh("refresh-1", "12680", NOW),
    RecommendationList(
        "5c1",
        "12680",
        Cause("purchase", "581587"),
        NOW,
        NOW,
        "model",
        MODEL,
        [Recommended(1, "22138", 0.31, ["22613"])],
        ["22138"],
        ["21485"],
    ),
    RecommendationList("5c1", "12680", Cause("return", "C581588"), NOW, NOW, "fallback", None, [], [], []),
    RecommendationList("5c2", "12680", Cause("model", "r1"), NOW, NOW, "model", MODEL, [], [], [], active_at=NOW),
    Outcome("12680", "581587", NOW, "5c1", "model", MODEL, 2, [Hit("22138", 1)]),
    Outcome("12680", "581587", NOW, "5c1", "model", MODEL, 2, [], ShadowOutcome(MODEL, [Hit("22138", 1)]), NOW),
    ErasureReceipt("e1", NOW, log_records=3, lists=1, histories=1),
    Item("22613", "PACK OF 20 SPACEBOY NAPKINS", "party", available=False),
    Item("22613"),
    Customer("12680", "ada@home.example", "Europe/London"),
    Customer("12680", unsubscribed=True),
    EmailEvent("a1", "12680", "d1", "sent", NOW, ["22138"]),
    EmailEvent("a2", "12680", "d1", "purchased", NOW, ["22138"], value=12.6),
    EmailEvent("a3", "12680", "d1", "given-up", NOW, ["22138"], reason="too late", is_unknown=True),
    ModelVersion("next-purchase", 12, NOW, "released", NOW, NOW, 18_949, {"hit_rate_at_5": 0.3}),
    ModelVersion(
        "next-purchase",
        12,
        NOW,
        "released",
        NOW,
        NOW,
        18_949,
        {"hit_rate_at_5": 0.3},
        decision=Decision(NOW, released=False, reason="not better", figures={"hit_rate_at_5": 0.29}),
        challenger=Challenger(13, "canary", 0.1, NOW, "tried"),
        before=[11, 10],
        instead_of=14,
    ),
    WorkerState("worker-1", NOW, 12, None, [0, 3]),
]


def schema_of(message: msgspec.Struct) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((schemas.FOLDER / f"{type(message).__name__}.json").read_text())
    return schema


def test_the_committed_schemas_are_those_of_the_classes() -> None:
    committed = {path.name: path.read_text() for path in schemas.FOLDER.glob("*.json")}
    generated = {name: schemas.render(schema) for name, schema in schemas.generate().items()}
    assert committed == generated, "stale: write them anew with python -m streams.contract.schemas"


def test_each_published_message_has_an_example_here() -> None:
    assert {type(example) for example in EXAMPLES} == set(schemas.PUBLISHED)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_what_is_sent_satisfies_its_schema(message: msgspec.Struct) -> None:
    jsonschema.validate(json.loads(messages.encode(message)), schema_of(message))


def test_a_purchase_without_type_satisfies_the_schema() -> None:
    sent = json.loads(messages.encode(EXAMPLES[0]))
    del sent["type"]
    jsonschema.validate(sent, schema_of(EXAMPLES[0]))


@pytest.mark.parametrize("fault", [{"user_id": ""}, {"items": []}, {"items": [{"item_id": "a", "quantity": 0}]}])
def test_the_schema_refuses_what_the_decoder_refuses(fault: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(messages.encode(EXAMPLES[0])) | fault, schema_of(EXAMPLES[0]))
