"""http.request: Custom API Request. Any HTTP API, with a connection's credentials or without."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.actions.action import action
from services.actions.call import Body, Call, Reply
from services.flows.catalogue import Guarantee

# The client writes these itself, or they are a connection's business.
NOT_HERE = {
    name: remedy
    for names, remedy in (
        (("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"), ""),
        (("accept-encoding",), "answers are never compressed"),
        (("idempotency-key",), "it is sent by itself where `repeat` is `keyed`"),
        (("authorization", "proxy-authorization", "cookie"), "credentials stand in a connection"),
    )
    for name in names
}
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110, 5.6.2


class Method(StrEnum):
    """What HTTP calls it."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Repeat(StrEnum):
    """Whether the call may be made again when it is not known if it had its effect."""

    ALWAYS = "always"  # the second call changes nothing more
    KEYED = "keyed"  # the destination honours Idempotency-Key
    NEVER = "never"  # a second call is a second effect


GUARANTEES = {
    Repeat.ALWAYS: Guarantee.REPEATABLE,
    Repeat.KEYED: Guarantee.KEYED,
    Repeat.NEVER: Guarantee.AT_MOST_ONCE,
}
CHANGING = frozenset({Method.POST, Method.PATCH})


class Inputs(BaseModel):
    """What it takes. At most one of `json`, `form` and `text`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    method: Method
    url: str = Field(
        min_length=1, max_length=8000, description="path below the connection's base_url, or a whole address"
    )
    query: dict[str, str | int | float | bool | list[str]] | None = Field(default=None, description="added to the url")
    headers: dict[str, str] | None = Field(default=None, description="more headers; never credentials")
    json_: Any = Field(default=None, alias="json", description="the body, sent as JSON")
    form: dict[str, str | int | float | bool] | None = Field(default=None, description="the body, sent as a form")
    text: str | None = Field(default=None, description="the body, sent as plain text")
    expect_status: list[int] | None = Field(default=None, description="statuses that are a success; absent: 200 to 299")
    repeat: Repeat | None = Field(
        default=None,
        description="may a call of unknown outcome be made again? always; keyed: the destination honours "
        "Idempotency-Key; never. Absent: keyed for POST and PATCH, always for the others",
    )

    @field_validator("headers")
    @classmethod
    def _plain(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        for name, value in (headers or {}).items():
            if name.lower() in NOT_HERE:
                raise ValueError(f"the header {name!r} cannot be set here. {NOT_HERE[name.lower()]}".strip())
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name of a header")
            if not value.isascii() or any(ord(sign) < ord(" ") or sign == "\x7f" for sign in value):
                raise ValueError(f"the header {name!r} has a value with line breaks or other than ASCII characters")
        return headers

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = [name for name in ("json_", "form", "text") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError("only one of json, form and text can be the body")
        return self

    def body(self) -> Body | None:
        """The body, if any."""
        if self.json_ is not None:
            return Body.json(self.json_)
        if self.form is not None:
            fields = {
                name: str(value).lower() if isinstance(value, bool) else value for name, value in self.form.items()
            }
            return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")
        return None if self.text is None else Body(self.text.encode(), "text/plain; charset=utf-8")

    def guarantee(self) -> Guarantee:
        """Whether this call may be repeated."""
        repeat = self.repeat or (Repeat.KEYED if self.method in CHANGING else Repeat.ALWAYS)
        return GUARANTEES[repeat]


class Outputs(BaseModel):
    """What it gives."""

    model_config = ConfigDict(populate_by_name=True)

    status: int = Field(description="HTTP status")
    headers: dict[str, str] = Field(description="the answer's headers, names in lower case; cookies are left out")
    json_: Any = Field(alias="json", description="the body, when it is JSON; else null")
    text: str = Field(default="", description="the body as text, when it is not JSON; else empty")


@action("http.request", guarantee=Guarantee.KEYED, needs_connection=False)
async def http_request(inputs: Inputs, call: Call) -> Outputs:
    """Call any HTTP API."""
    reply = await call(
        inputs.method.value,
        inputs.url,
        guarantee=inputs.guarantee(),
        query=inputs.query,
        headers=inputs.headers,
        body=inputs.body(),
        accept=frozenset(inputs.expect_status) if inputs.expect_status else None,
    )
    return _outputs(reply)


def _outputs(reply: Reply) -> Outputs:
    headers = {name: value for name, value in reply.headers.items() if name != "set-cookie"}
    try:
        return Outputs.model_construct(status=reply.status, headers=headers, json_=orjson.loads(reply.body), text="")
    except orjson.JSONDecodeError:
        return Outputs.model_construct(status=reply.status, headers=headers, json_=None, text=reply.text())
