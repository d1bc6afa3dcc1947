"""What of a request flows see: chosen headers and parameters beside the body, and the body without its secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from contracts.triggers.payload import Payload
from services.ingest.readers.reader import LONGEST, Item, Reader, ReceivedBody

HEADERS, QUERY, RAW = "headers", "query", "raw"
MOST_PARAMETERS = 100


def name_of(part: str) -> str:
    """The name of a header or parameter in a flow: `X-Shopify-Topic` is `trigger.headers.x_shopify_topic`."""
    return "".join(sign if sign.isalnum() else "_" for sign in part.lower())


def with_parts(schema: dict[str, Any], headers: Sequence[str], query: Sequence[str]) -> dict[str, Any]:
    """The schema of a body with its request's parts: texts, each of which can be absent."""
    own = {HEADERS: headers, QUERY: query}
    added = {
        place: {"type": "object", "properties": {name_of(part): {"type": "string"} for part in parts}}
        for place, parts in own.items()
        if parts
    }
    return {**schema, "properties": {**schema.get("properties", {}), **added}} if added else schema


class RequestParts:
    """Adds `headers` and `query` to a body, and takes out what flows must not see.

    A field of the body that has such a name itself stays, under `raw`.
    """

    def __init__(
        self, reader: Reader, headers: Sequence[str] = (), query: Sequence[str] = (), leave_out: Sequence[str] = ()
    ) -> None:
        self.triggers: tuple[type[Payload], ...] = reader.triggers
        self._reader = reader
        self._headers = headers
        self._query = query
        self._leave_out = [pointer.split("/")[1:] for pointer in leave_out]

    def read(self, sent: ReceivedBody) -> Sequence[Item]:
        """The events of the body with its parts."""
        value = self.shown(sent.value)
        if isinstance(value, dict) and (self._headers or self._query):
            value = self._told(sent, value)
        return self._reader.read(replace(sent, value=value))

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body without what flows must not see."""
        for path in self._leave_out:
            value = _without(value, path)
        return self._reader.shown(value)

    def _told(self, sent: ReceivedBody, body: dict[str, Any]) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if self._headers:
            parts[HEADERS] = {name_of(name): text for name in self._headers if (text := sent.header(name)[:LONGEST])}
        if self._query:
            values = dict(parse_qsl(sent.query.decode("latin-1"), max_num_fields=MOST_PARAMETERS, encoding="utf-8"))
            parts[QUERY] = {
                name_of(name): values[name].replace("\x00", "")[:LONGEST] for name in self._query if name in values
            }
        hidden = {name: body[name] for name in parts if name in body}
        if hidden:
            kept = body.get(RAW)
            parts[RAW] = {**kept, **hidden} if isinstance(kept, dict) else hidden
        return {**body, **parts}


def _without(value: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value
    name, rest = path[0].replace("~1", "/").replace("~0", "~"), path[1:]
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if not isinstance(value, dict) or name not in value:
        return value
    if not rest:
        return {key: item for key, item in value.items() if key != name}
    return {**value, name: _without(value[name], rest)}
