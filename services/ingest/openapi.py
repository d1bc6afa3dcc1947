"""The OpenAPI document. The hot routes are no FastAPI endpoints, so they are described here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.triggers.payload import Payload
from services.flows.declared_triggers import Declared
from services.flows.made_values import made
from services.ingest import cloudevents, event_lookup, events, hooks, http_problems

TITLE = "closum-flows ingest"
DESCRIPTION = (
    "Takes events by HTTP and answers 202 once Kafka has acknowledged them. Each error is an RFC 9457 problem with a "
    "`code` and, for a wrong shape, a JSON pointer a field. The same request counts once: send it again after a 503."
)
REFERENCE = "#/components/schemas/{model}"

Json = dict[str, Any]


Triggers = Mapping[str, type[Payload]]


def document(api: FastAPI, triggers: Triggers) -> Callable[[], Json]:
    """What `/openapi.json` answers, made once."""
    made: Json = {}

    def openapi() -> Json:
        if not made:
            made.update(
                get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes)
            )
            made["paths"] = {
                hooks.PATH: _hook_path(triggers, ["source", "token"], "A sender's webhook"),
                hooks.PATH_SIGNED: _hook_path(triggers, ["source"], "A webhook whose sender signs"),
                events.PATH: {
                    "post": _events(triggers),
                    "options": {
                        "operationId": "ask_event",
                        "summary": "What is taken here (CloudEvents' abuse protection)",
                        "responses": {"200": {"description": "`Allow` has the methods; the origin may send."}},
                    },
                },
                event_lookup.SHOWN_PATH: {"get": _lookup()},
            }
            made["components"] = {
                "schemas": _schemas(triggers),
                "securitySchemes": {"eventsToken": {"type": "http", "scheme": "bearer"}},
            }
        return made

    return openapi


def shown(model: type[Payload]) -> Json:
    """The example that others may see: what somebody wrote into a sources file can be a real one."""
    return dict(made(model.example)) if issubclass(model, Declared) else model.example


PARAMETERS = {
    "source": "name of the source in the sources file",
    "token": "the hook's secret; the whole URL is to be kept secret",
}


def _hook_path(triggers: Triggers, names: list[str], summary: str) -> Json:
    tag = "signed_hook" if len(names) == 1 else "hook"
    parameters = [
        {"name": name, "in": "path", "required": True, "description": PARAMETERS[name], "schema": {"type": "string"}}
        for name in names
    ]
    query = [
        {"name": f"hub.{name}", "in": "query", "required": True, "schema": {"type": "string"}}
        for name in ("mode", "verify_token", "challenge")
    ]
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "parameters": parameters,
        "post": _hook(triggers, tag, summary),
        "get": {
            "operationId": f"verify_{tag}",
            "summary": "The publisher's challenge before it sends (hub.challenge)",
            "parameters": query,
            "responses": {
                "200": {"description": "The challenge.", "content": text},
                **_problems(
                    {
                        "403": "The verify_token is wrong, or the web page may not send.",
                        "404": NO_HOOK,
                        "405": "No challenge.",
                    }
                ),
            },
        },
        "options": {
            "operationId": f"ask_{tag}",
            "summary": "May this origin send (CloudEvents' abuse protection), or this web page (CORS)?",
            "responses": {
                "200": {"description": "`Allow` has the methods; the origin may send."},
                "204": {"description": "The web page may send."},
                **_problems({"403": "Web pages of this origin may not send to this source.", "404": NO_HOOK}),
            },
        },
    }


NO_HOOK = "No such hook, or its token is wrong."


def _hook(triggers: Triggers, tag: str, summary: str) -> Json:
    schema = {"anyOf": [{"$ref": _reference(model)} for model in triggers.values()]}
    form: Json = {"schema": {"type": "object"}}
    return {
        "operationId": f"post_{tag}",
        "summary": summary,
        "description": "The body is what the source expects: JSON, a form, or CloudEvents around it. "
        "Unknown fields are kept under `raw`.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": schema,
                    "examples": {name: {"value": shown(model)} for name, model in triggers.items()},
                },
                "application/x-www-form-urlencoded": form,
                "multipart/form-data": form,
                **_cloudevents(),
            },
        },
        "responses": _responses(
            {
                "401": "The sender did not prove who it is.",
                "403": "This address, or web pages of this origin, may not send to this source.",
                "404": NO_HOOK,
                "409": "This signed request was taken before, and the source refuses replays.",
                "429": "More requests a second than the source may send.",
            },
            {
                "200": {
                    "description": "A challenge of the publisher, answered; or the answer that the source declares."
                },
                "201": {"description": "As 202, where the source declares it."},
                "204": {"description": "As 202, where the source declares it."},
            },
        ),
    }


def _cloudevents() -> Json:
    event = {"$ref": _reference(Event)}
    return {
        "application/cloudevents+json": {"schema": event},
        "application/cloudevents-batch+json": {
            "schema": {"type": "array", "items": event, "maxItems": cloudevents.MOST_EVENTS}
        },
    }


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _events(triggers: Triggers) -> Json:
    name, model = next(iter(triggers.items()))
    example = {"specversion": "1.0", "id": "1", "source": "/shop", "type": name, "data": shown(model)}
    content = _cloudevents()
    content["application/cloudevents+json"]["examples"] = {name: {"value": example}}
    return {
        "operationId": "post_event",
        "summary": "Whole events, as CloudEvents 1.0: structured, binary (ce-* headers), or a batch",
        "description": "`data` is read by the model of the trigger that `type` names. The account and source are those "
        "that the token is bound to; an event that names no account is of the token's one.",
        "security": [{"eventsToken": []}],
        "requestBody": {
            "required": True,
            "content": content,
        },
        "responses": _responses(
            {
                "401": "No bearer token, or a wrong one.",
                "403": "The token does not speak for this account or source.",
            }
        ),
    }


def _lookup() -> Json:
    return {
        "operationId": "get_event",
        "summary": "What became of an event",
        "security": [{"eventsToken": []}],
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "as the 202 said it",
                "schema": {"type": "string"},
            }
        ],
        "responses": {
            "200": {"description": "What is known of it.", "content": _json({"$ref": _at("EventState")})},
            **_problems(
                {
                    "401": "No bearer token, or a wrong one.",
                    "404": "No end of such an event is known.",
                    "503": "PostgreSQL does not answer.",
                }
            ),
        },
    }


def _problems(refusals: dict[str, str]) -> Json:
    return {
        status: {"description": about, "content": {http_problems.CONTENT_TYPE: {"schema": {"$ref": _at("Problem")}}}}
        for status, about in refusals.items()
    }


def _responses(own: dict[str, str], others: Json | None = None) -> Json:
    retry = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    answers: Json = {
        **(others or {}),
        "202": {"description": "Kafka has the event.", "content": _json({"$ref": _at("Accepted")})},
        **_problems(
            {
                "400": "The body cannot be parsed: `line` and `column` say where, if it is JSON.",
                **own,
                "405": "The address takes another method.",
                "408": "The body did not come in time.",
                "413": "The body is too large.",
                "415": "The Content-Encoding is not known.",
                "422": "The body has the wrong shape: `errors` has a JSON pointer for each wrong field.",
                "503": "Kafka does not acknowledge, or too much is at work. Send the same request again later.",
            }
        ),
    }
    for status in ("503", "429"):
        if status in answers:
            answers[status]["headers"] = retry
    return answers


def _schemas(triggers: Triggers) -> Json:
    models: list[type[BaseModel]] = [Event, *(model for model in triggers.values() if not issubclass(model, Declared))]
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    declared = {model.__name__: model.model_json_schema() for model in triggers.values() if issubclass(model, Declared)}
    text = {"type": "string"}
    field = {
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {"pointer": {"type": "string", "description": "RFC 6901; empty: the whole body"}, "detail": text},
    }
    end = {
        "type": "object",
        "required": ["run_id", "outcome", "ended_at", "source", "account"],
        "properties": {
            **dict.fromkeys(("run_id", "outcome", "source", "account", "flow", "step", "reason", "code"), text),
            **{name: {"type": "string", "format": "date-time"} for name in ("ended_at", "accepted")},
        },
    }
    return {
        **definitions["$defs"],
        **declared,
        "Accepted": {
            "type": "object",
            "description": "`id` of the one event, or `ids` of several",
            "anyOf": [{"required": ["id"]}, {"required": ["ids"]}],
            "properties": {
                "id": text,
                "ids": {"type": "array", "items": text},
                "duplicate": {"type": "boolean", "description": "Kafka had acknowledged it before"},
                "unread": {
                    "type": "array",
                    "description": "items of the body that are no events, the first 50: each is a dead letter",
                    "items": {"type": "object", "properties": {"pointer": text, "detail": text}},
                },
            },
        },
        "EventState": {
            "type": "object",
            "required": ["id", "state", "ends"],
            "properties": {
                "id": text,
                "state": {"type": "string", "enum": ["in_flight", "ended"], "description": "ended: at least one run"},
                "ends": {"type": "array", "items": end},
            },
        },
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
