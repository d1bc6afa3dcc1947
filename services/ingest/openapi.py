"""The OpenAPI document. The hot routes are no FastAPI endpoints, so they are described here."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.triggers.registry import TRIGGERS
from services.ingest import events, hooks, problems

TITLE = "closum-flows ingest"
DESCRIPTION = (
    "Takes events by HTTP and answers 202 once Kafka has acknowledged them. Each error is an RFC 9457 problem with a "
    "`code` and, for a wrong shape, a JSON pointer a field. The same request counts once: send it again after a 503."
)
REFERENCE = "#/components/schemas/{model}"

Json = dict[str, Any]


def version() -> str:
    """The version of this distribution."""
    try:
        return installed("closum-flows")
    except PackageNotFoundError:
        return "0"


def document(api: FastAPI) -> Callable[[], Json]:
    """What `/openapi.json` answers, made once."""
    made: Json = {}

    def openapi() -> Json:
        if not made:
            made.update(
                get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes)
            )
            made["paths"] = {hooks.PATH: {"post": _hook()}, events.PATH: {"post": _events()}}
            made["components"] = {
                "schemas": _schemas(),
                "securitySchemes": {"eventsToken": {"type": "http", "scheme": "bearer"}},
            }
        return made

    return openapi


def _hook() -> Json:
    def parameter(name: str, about: str) -> Json:
        return {"name": name, "in": "path", "required": True, "description": about, "schema": {"type": "string"}}

    return {
        "operationId": "post_hook",
        "summary": "A sender's webhook",
        "description": "The body is what the source's trigger expects. Unknown fields are kept under `raw`.",
        "parameters": [
            parameter("source", "name of the hook in the sources file"),
            parameter("token", "the hook's secret; the whole URL is to be kept secret"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [{"$ref": _reference(model)} for model in TRIGGERS.values()]},
                    "examples": {name: {"value": model.example} for name, model in TRIGGERS.items()},
                }
            },
        },
        "responses": _responses({"404": "No such hook, or its token is wrong."}),
    }


def _events() -> Json:
    name, model = next(iter(TRIGGERS.items()))
    example = {"specversion": "1.0", "id": "1", "source": "/shop", "type": name, "data": model.example}
    return {
        "operationId": "post_event",
        "summary": "A whole event, as CloudEvents 1.0 structured JSON",
        "description": "`data` is read by the model of the trigger that `type` names.",
        "security": [{"eventsToken": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {
                    "schema": {"$ref": _reference(Event)},
                    "examples": {name: {"value": example}},
                }
            },
        },
        "responses": _responses({"401": "No bearer token, or a wrong one."}),
    }


def _responses(own: dict[str, str]) -> Json:
    retry = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    refusals = {
        "400": "The body is not JSON: `line` and `column` say where.",
        **own,
        "408": "The body did not come in time.",
        "413": "The body is too large.",
        "422": "The body has the wrong shape: `errors` has a JSON pointer for each wrong field.",
        "503": "Kafka does not acknowledge, or too many requests are at work. Send the same request again later.",
    }
    answers: Json = {
        "202": {
            "description": "Kafka has the event.",
            "content": {"application/json": {"schema": {"$ref": _at("Accepted")}}},
        }
    }
    for status, about in refusals.items():
        answers[status] = {
            "description": about,
            "content": {problems.CONTENT_TYPE: {"schema": {"$ref": _at("Problem")}}},
        }
    answers["503"]["headers"] = retry
    return answers


def _schemas() -> Json:
    models: list[type[BaseModel]] = [Event, *TRIGGERS.values()]
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    text = {"type": "string"}
    field = {
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {"pointer": {"type": "string", "description": "RFC 6901; empty: the whole body"}, "detail": text},
    }
    return {
        **definitions["$defs"],
        "Accepted": {"type": "object", "required": ["id"], "properties": {"id": text}},
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "code", "who_must_act"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": text,
                "status": {"type": "integer"},
                "detail": text,
                "code": {"type": "string", "enum": [code.value for code in ErrorCode]},
                "who_must_act": text,
                "line": {"type": "integer"},
                "column": {"type": "integer"},
                "limit_bytes": {"type": "integer"},
                "errors": {"type": "array", "items": field},
            },
        },
    }


def _at(name: str) -> str:
    return REFERENCE.format(model=name)


def _reference(model: type[BaseModel]) -> str:
    return _at(model.__name__)
