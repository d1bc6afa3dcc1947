"""The stand-in in another form: `POST /_facts` tells it what closum.yaml says; it answers so, and no longer otherwise.

    {"key": {"header": "X-Key"}, "rows": {"lead/add": {"method": "PUT", "path": "contacts", "fields": {…}, …}},
     "webhooks": {"closum.lead.created": {"fields": {…}, "data": "/data", "items": "/events"}}}

`rows` are by the path that the stand-in itself knows; names in `fields`, `answer` and of webhooks are ours first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from pydantic import BaseModel, ConfigDict, Field

from deploy.local.closum.stand_in_state import Json
from deploy.local.closum.wire_format import ReceivedCall, StandInReply

INDEXED = re.compile(r"([^\[]+)\[([^\]]*)\]")


class OtherRow(BaseModel):
    """How one endpoint is called and answers."""

    model_config = ConfigDict(extra="ignore")

    method: str
    path: str
    place: Literal["json", "form", "query"] = "json"
    fields: dict[str, str] = Field(default_factory=dict)
    forms: dict[str, str] = Field(default_factory=dict)
    answer: dict[str, str | None] = Field(default_factory=dict)
    known_as: dict[str, str] = Field(default_factory=dict)  # our output: the name that the stand-in gives it
    success: dict[str, Any] = Field(default_factory=dict)
    data: str = "/responseData"
    code: str = "code"
    message: str = "message"


class OtherWebhook(BaseModel):
    """How one webhook is told."""

    model_config = ConfigDict(extra="ignore")

    fields: dict[str, str] = Field(default_factory=dict)
    data: str | None = None
    items: str | None = None


class OtherForm(BaseModel):
    """All that is other; of nothing: nothing."""

    model_config = ConfigDict(extra="ignore")

    key: dict[str, Any] | None = None
    rows: dict[str, OtherRow] = Field(default_factory=dict)
    webhooks: dict[str, OtherWebhook] = Field(default_factory=dict)

    def admits(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """Whether the key stands where it belongs."""
        key = self.key or {"query": "api-key"}
        if key.get("bearer"):
            scheme, _, token = headers.get("Authorization", "").partition(" ")
            return scheme.lower() == "bearer" and bool(token)
        return bool(headers.get(key["header"]) if key.get("header") else query.get(key.get("query", "")))

    def named(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The stand-in's own path of a request, with what stands in it. None: no row is of it."""
        for own, row in self.rows.items():
            pattern = "".join(
                f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
                for part in re.split(r"(\{[a-z_]+\})", row.path.strip("/"))
            )
            if row.method == method and (found := re.fullmatch(pattern, path)) is not None:
                return own, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def call(self, own: str, call: ReceivedCall, holes: Mapping[str, str]) -> ReceivedCall:
        """The request as the stand-in knows it."""
        row = self.rows[own]
        sent = call.body if row.place != "query" else dict(call.query)
        body: Json = dict(sent)
        for ours, theirs in row.fields.items():
            value = taken(sent, theirs)
            if value is not None:
                body.pop(theirs, None)
                body[ours] = value
        for name, form in row.forms.items():
            if name in body:
                body[name] = _read(form, body[name])
        return ReceivedCall(call.method, f"/v2/{own}/", {}, {**body, **holes}, call.raw, call.key)

    def reply(self, own: str, reply: StandInReply) -> StandInReply:
        """The answer as this account gives it."""
        row = self.rows[own]
        well = reply.body.get("status") is True
        body: Json = {name: good if well else _otherwise(good) for name, good in row.success.items()}
        put(body, row.code, reply.body.get("code"))
        put(body, row.message, reply.body.get("message"))
        items = []
        for item in reply.body.get("responseData", ()):
            left = dict(item)
            for ours, theirs in row.answer.items():
                value = left.pop(row.known_as.get(ours, ours), None)
                if theirs is not None and value is not None:
                    put(body if theirs.startswith("/") else left, theirs, value)
            items.append(left)
        if row.data:
            put(body, row.data, items)
        elif items:
            body |= items[0]
        return StandInReply(reply.status, body)

    def told(self, trigger: str, told: Json) -> Json | list[Json]:
        """The body of a webhook as this account sends it."""
        row = self.webhooks.get(trigger)
        if row is None:
            return told
        held = dict(told)
        body: Json = {}
        for ours, theirs in row.fields.items():
            if ours in held:
                put(body if theirs.startswith("/") else held, theirs, held.pop(ours))
        if row.data:
            put(body, row.data, {**(taken(body, row.data) or {}), **held})
        else:
            body = {**held, **body}
        if row.items is None:
            return body
        if not row.items:
            return [body]
        batch: Json = {}
        put(batch, row.items, [body])
        return batch


def taken(body: Any, name: str) -> Any:  # noqa: ANN401 - JSON
    """A field, or what a pointer finds."""
    for part in name.split("/")[1:] if name.startswith("/") else [name]:
        body = body.get(part) if isinstance(body, Mapping) else None
    return body


def put(body: Json, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """A field, or what a pointer shall find."""
    *way, last = name.split("/")[1:] if name.startswith("/") else [name]
    for part in way:
        body = body.setdefault(part, {})
    body[last] = value


def form_fields(raw: bytes) -> Json:
    """A form's fields, with `tags[1]` as a list and `custom[x]` as an object."""
    made: Json = {}
    for name, value in parse_qsl(raw.decode(), keep_blank_values=True):
        found = INDEXED.fullmatch(name)
        if found is None:
            made[name] = value
        else:
            made.setdefault(found[1], {})[found[2]] = value
    return {
        name: list(value.values()) if isinstance(value, dict) and all(key.isdecimal() for key in value) else value
        for name, value in made.items()
    }


def _read(form: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """What a value means that is written so; another one is refused later, as any that is wrong."""
    if form == "joined" and isinstance(value, str):
        return value.split(",")
    if form == "map" and isinstance(value, dict):
        return list(value.values())
    if form == "number" and value in (0, 1, "0", "1") and not isinstance(value, bool):
        return bool(int(value))
    return value == "true" if form in {"text", "boolean"} and value in {"true", "false"} else value


def _otherwise(good: Any) -> Any:  # noqa: ANN401 - JSON
    return not good if isinstance(good, bool) else 0 if isinstance(good, int) else "error"
