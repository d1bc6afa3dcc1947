"""CloudEvents 1.0 over HTTP: binary, structured and batched, brought to the one form of a structured document.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from contracts.errors import ErrorCode
from services.ingest.http_problems import FieldError, Refused

MOST_EVENTS = 500
PREFIX = b"ce-"
TELLING = (b"ce-source", b"ce-subject", b"ce-time", b"ce-type")


class ContentMode(Enum):
    """How a request carries its events."""

    BINARY = "binary"
    STRUCTURED = "structured"
    BATCH = "batch"
    NONE = "none"


def mode(headers: dict[bytes, bytes]) -> ContentMode:
    """By the content type, then by the header ce-specversion."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind.startswith(b"application/cloudevents-batch"):
        return ContentMode.BATCH
    if kind.startswith(b"application/cloudevents"):
        return ContentMode.STRUCTURED
    return ContentMode.BINARY if b"ce-specversion" in headers else ContentMode.NONE


def mode_of(value: Any) -> ContentMode:  # noqa: ANN401 - any JSON value
    """By the value alone, where no header counts: the content type is not what the sender signed."""
    if isinstance(value, list):
        return ContentMode.BATCH if any(map(_is_event, value[:MOST_EVENTS])) else ContentMode.NONE
    return ContentMode.STRUCTURED if _is_event(value) else ContentMode.NONE


def _is_event(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("specversion") == "1.0"
        and all(isinstance(value.get(name), str) for name in ("id", "source", "type"))
    )


def documents(how: ContentMode, headers: dict[bytes, bytes], value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    """The structured documents of a request; their shape is still to be checked. Raises Refused: 422."""
    if how is ContentMode.BINARY:
        return [{**attributes(headers), "data": value}]
    if how is not ContentMode.BATCH:
        return [value]
    if not isinstance(value, list) or len(value) > MOST_EVENTS:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ErrorCode.SHAPE_INVALID,
            f"A batch is a JSON array of at most {MOST_EVENTS} CloudEvents.",
            errors=[FieldError(pointer="", detail=f"must be an array of at most {MOST_EVENTS} objects")],
        )
    return value


def content(how: ContentMode, headers: dict[bytes, bytes], body: bytes) -> bytes:
    """The body, in binary mode with what its headers say of the event: a time there tells it from another one."""
    if how is not ContentMode.BINARY:
        return body
    told = (name + b":" + headers[name] for name in TELLING if name in headers)
    return b"\n".join((*told, body))


def attributes(headers: dict[bytes, bytes]) -> dict[str, str]:
    """The attributes that stand in headers, decoded."""
    return {
        name[len(PREFIX) :].decode("latin-1"): unquote(value.decode("latin-1")).strip('"').replace("\x00", "")
        for name, value in headers.items()
        if name.startswith(PREFIX) and len(name) > len(PREFIX)
    }
