"""What the OpenAPI document says can be asked, and a body and a query for each request that are true to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import schemathesis
from schemathesis import BaseSchema

from clipledger.database import create_engine
from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.openapi import document

METHODS = {"get", "post", "put", "patch", "delete", "head"}
SETTINGS = Settings.from_environment({"CLIPLEDGER_PUBLIC_URL": "http://localhost"})


def _schema() -> BaseSchema:
    """Needs no database: an application that is asked only what it could do."""
    app = create_app(SETTINGS, create_engine("postgresql+psycopg://nowhere/nothing"))
    return schemathesis.openapi.from_dict(msgspec.json.decode(msgspec.json.encode(document(app))))


SCHEMA = _schema()


@dataclass(frozen=True)
class Operation:
    """One method of one path; `described` is what the document says of it."""

    path: str
    method: str
    described: Mapping[str, Any]

    @property
    def names(self) -> set[str]:
        """Of the path's parameters."""
        return {part[1:-1] for part in self.path.split("/") if part.startswith("{")}

    @property
    def is_public(self) -> bool:
        return not self.described["security"]

    @property
    def has_scope(self) -> bool:
        return "Scope: `" in self.described.get("description", "")

    @property
    def query(self) -> dict[str, Any]:
        """What must be in the query."""
        asked = [_resolved(each) for each in self.described.get("parameters", [])]
        return {
            each["name"]: _value(each["schema"]) for each in asked if each["in"] == "query" and each.get("required")
        }

    @property
    def body(self) -> tuple[str, Any] | None:
        """A media type, and a value of the shape that is asked for."""
        if "requestBody" not in self.described:
            return None
        media_type, content = next(iter(self.described["requestBody"]["content"].items()))
        return media_type, _value(content["schema"])

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


OPERATIONS = [
    Operation(path, method, described)
    for path, item in SCHEMA.raw_schema["paths"].items()
    for method, described in item.items()
    if method in METHODS
]


def _resolved(schema: Any) -> Any:
    while "$ref" in schema:
        place: Any = SCHEMA.raw_schema
        for name in schema["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        schema = place
    return schema


def _value(schema: Any) -> Any:
    """Something of this shape: an example where there is one."""
    schema = _resolved(schema)
    if examples := schema.get("examples"):
        example = examples[0] if isinstance(examples, list) else next(iter(examples.values()))
        return example["value"] if isinstance(example, dict) and "value" in example else example
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return _value(next(each for each in schema[several] if each.get("type") != "null"))
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    return _plain(kind[0] if isinstance(kind, list) else kind, schema)


def _plain(kind: str | None, schema: Any) -> Any:
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(properties[name]) for name in schema.get("required", [])}
        case "array":
            return [_value(schema["items"])] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "string":
            whole = {"date-time": "2026-10-05T00:00:00Z", "date": "2026-10-05"}
            return whole.get(schema.get("format"), "x" * schema.get("minLength", 1))
    return schema.get("const")
