"""JSON Schema of every message, generated from the classes: `python -m streams.contract.schemas`."""

import json
from pathlib import Path
from typing import Any

import msgspec

from streams.contract import email_messages, messages

FOLDER = Path(__file__).parent / "schemas"
PUBLISHED = (
    messages.Purchase,
    messages.Return,
    messages.Erasure,
    messages.Refresh,
    messages.RecommendationList,
    messages.Outcome,
    messages.ErasureReceipt,
    messages.Item,
    messages.ModelVersion,
    messages.WorkerState,
    email_messages.Customer,
    email_messages.EmailEvent,
)


WRITTEN_BY_SHOPS = ("Purchase", "Return", "Erasure", "Refresh", "Line", "Item", "Customer")


def allow_null(definitions: dict[str, Any]) -> None:
    """Have schemas say what readers do: in what a shop writes, null is "not given" wherever a field may be left out."""
    for name in WRITTEN_BY_SHOPS:
        definition = definitions.get(name, {})
        for field, schema in definition.get("properties", {}).items():
            if field not in definition.get("required", ()) and field != "type" and not _takes_null(schema):
                default = {"default": schema.pop("default")} if "default" in schema else {}
                choices = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
                definition["properties"][field] = {"anyOf": [*choices, {"type": "null"}]} | default


def _takes_null(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


def generate() -> dict[str, dict[str, Any]]:
    """File name to schema. `type` is not required of a purchase: it is the default."""
    schemas = {}
    for message in PUBLISHED:
        schema = msgspec.json.schema(message)
        if message is messages.Purchase:
            schema["$defs"]["Purchase"]["required"].remove("type")
        allow_null(schema["$defs"])
        schemas[f"{message.__name__}.json"] = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
    return schemas


def render(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, schema in generate().items():
        (FOLDER / name).write_text(render(schema))


if __name__ == "__main__":
    write()
