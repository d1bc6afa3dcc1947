"""http.request: Custom API Request. Any HTTP API, with a connection's credentials or without."""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from typing_extensions import override

from contracts.errors import ErrorCode
from contracts.json_values import plain
from services.actions.action import action
from services.actions.action_call import ActionCall, CallFailedError, DestinationReply, RequestBody, without_bom
from services.actions.addresses import check_form, check_start
from services.actions.effect_verification import EffectAbsent, EffectHappened, EffectUnknown, Verdict
from services.actions.multipart import FilePart, multipart
from services.actions.request_headers import CREDENTIALS, FRAMING, NAME
from services.flows.catalogue import BaseInputs, Example, Group, Guarantee
from services.flows.declared_numbers import as_declared
from services.flows.idempotency import IdempotencyKey
from services.flows.unknown import BeginsWith, known
from services.runtime.documents import json_schema

REMEDIES = {
    **dict.fromkeys(FRAMING, ""),
    **dict.fromkeys(CREDENTIALS, "credentials stand in a connection"),
    "accept-encoding": "answers are never compressed",
    "idempotency-key": "it is sent by itself where `repeat` is `keyed`, or the connection declares `idempotency`",
}
"""Headers that a step cannot set, and what to do instead."""

LONGEST_URL = 60_000
"""httpx takes 65,536 characters of an address. What a destination takes is its own to say: most answer 414 to 8,000."""


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
NO_JSON = "is not JSON"
CHANGING = frozenset({Method.POST, Method.PATCH})


class Upload(BaseModel):
    """A file in a multipart body: `text` or `base64`."""

    model_config = ConfigDict(extra="forbid")

    filename: str = Field(min_length=1, max_length=250, description="its name")
    content_type: str = Field(
        default="application/octet-stream", pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$", description="its type"
    )
    text: str | None = Field(default=None, description="its content, sent as UTF-8")
    base64: str | None = Field(default=None, description="its content in base64")

    @model_validator(mode="after")
    def _content(self) -> Self:
        if (self.text is None) == (self.base64 is None):
            raise ValueError("a file has either text or base64")
        try:
            base64.b64decode(self.base64 or "", validate=True)
        except binascii.Error as error:
            raise ValueError(f"base64 cannot be read: {error}") from None
        return self

    def file(self) -> FilePart:
        """As it is sent."""
        content = base64.b64decode(self.base64 or "") if self.text is None else self.text.encode()
        return FilePart(self.filename, self.content_type, content)


def _usable(schema: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = plain(schema)
    try:
        json_schema.validator(whole)
    except json_schema.SchemaError as error:
        raise ValueError(f"json_schema cannot be used: {error}") from None
    return whole


def _without_nulls(given: object) -> object:
    return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


NullsAbsent = BeforeValidator(_without_nulls)
"""A null counts as absent: `next: ${ page.json.next }` of a last page asks for no `next`."""

Query = Annotated[dict[str, str | int | float | bool | list[str]], NullsAbsent]
JsonSchema = Annotated[dict[str, Any], AfterValidator(_usable)]


class Check(BaseModel):
    """How the destination is asked whether a call of unknown outcome happened."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "HEAD"] = Field(default="GET", description="GET or HEAD: asking changes nothing")
    url: str = Field(min_length=1, max_length=LONGEST_URL, description="where to ask, as `url` of the call")
    query: Query | None = Field(default=None, description="added to the url")
    expect_status: list[int] | None = Field(
        default=None, description="statuses that say that it happened; absent: 200 to 299"
    )
    absent_status: list[int] = Field(
        default=[404, 410], description="statuses that say that it did not; any other leaves it open"
    )
    json_schema: JsonSchema | None = Field(
        default=None, description="JSON Schema of an answer that says that it happened; another answer says that not"
    )


class Inputs(BaseInputs):
    """What it takes. At most one of `json`, `form`, `multipart` and `text`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    method: Method
    url: str = Field(
        min_length=1, max_length=LONGEST_URL, description="path below the connection's base_url, or a whole address"
    )
    query: Query | None = Field(default=None, description="added to the url")
    headers: Annotated[dict[str, str], NullsAbsent] | None = Field(
        default=None, description="more headers; never credentials"
    )
    json_: Any = Field(default=None, alias="json", description="the body, sent as JSON")
    form: Annotated[dict[str, str | int | float | bool], NullsAbsent] | None = Field(
        default=None, description="the body, sent as a form"
    )
    multipart: Annotated[dict[str, str | int | float | bool | Upload], Field(max_length=100), NullsAbsent] | None = (
        Field(default=None, description="the body, sent as a form with files")
    )
    text: str | None = Field(default=None, description="the body, sent as plain text")
    expect_status: list[int] | None = Field(default=None, description="statuses that are a success; absent: 200 to 299")
    repeat: Repeat | None = Field(
        default=None,
        description="may a call of unknown outcome be made again? always; keyed: the destination honours "
        "Idempotency-Key; never. Absent: always for GET, HEAD, PUT and DELETE; for POST and PATCH keyed where the "
        "connection declares `idempotency`, else never",
    )
    json_schema: JsonSchema | None = Field(
        default=None, description="JSON Schema that the answer must match; another answer is a failure"
    )
    verify: Check | None = Field(
        default=None,
        description="of a call that must not be made twice: how to ask the destination whether one of unknown outcome"
        " happened. If so, its answer stands for the call's; if not, the call is made again",
    )

    @field_validator("headers")
    @classmethod
    def _plain(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        seen: dict[str, str] = {}
        for name, value in (headers or {}).items():
            if name.lower() in REMEDIES:
                raise ValueError(f"the header {name!r} cannot be set here. {REMEDIES[name.lower()]}".strip())
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name of a header")
            if (other := seen.setdefault(name.lower(), name)) is not name:
                raise ValueError(f"the headers {other!r} and {name!r} are the same one: keep one")
            if not value.isascii() or any(ord(sign) < ord(" ") or sign == "\x7f" for sign in value):
                raise ValueError(f"the header {name!r} has a value with line breaks or other than ASCII characters")
        return headers

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = [name for name in ("json_", "form", "multipart", "text") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError("only one of json, form, multipart and text can be the body")
        return self

    @model_validator(mode="after")
    def _verified_only_if_needed(self) -> Self:
        if self.verify is not None and self.guarantee(None) is not Guarantee.AT_MOST_ONCE:
            raise ValueError("verify is for a call that must not be made twice: write `repeat: never`, or leave it out")
        return self

    @override
    def verifiable(self) -> bool:
        """Whether the destination can be asked."""
        return self.verify is not None

    @override
    def misplaced(self, connection: str | None) -> None:
        """Raises ValueError for a url of the wrong form for where it goes."""
        if isinstance(self.url, BeginsWith):
            check_start(self.url.start, connected=connection is not None)
        check_form(known(self.url), connected=connection is not None)
        if self.verify is not None:
            try:
                check_form(known(self.verify.url), connected=connection is not None)
            except ValueError as error:
                raise ValueError(f"verify: {error}") from None

    @override
    def can_change(self) -> bool:
        """Whether this call can change something."""
        return self.method not in (Method.GET, Method.HEAD)

    @override
    def guarantee(self, honoured: IdempotencyKey | None) -> Guarantee:
        """Whether this call may be repeated: as the flow says, else by its method (RFC 9110, 9.2.2).

        POST and PATCH are not idempotent: they are keyed only where the destination is known to honour a key.
        """
        if self.repeat is not None:
            return GUARANTEES[self.repeat]
        if self.method not in CHANGING:
            return Guarantee.REPEATABLE
        return Guarantee.AT_MOST_ONCE if honoured is None else Guarantee.KEYED


def body_of(inputs: Inputs) -> RequestBody | None:
    """The body of a request, if any."""
    if inputs.json_ is not None:
        return RequestBody.json(inputs.json_)
    if inputs.form is not None:
        return RequestBody.form(inputs.form)
    if inputs.multipart is not None:
        parts = {
            name: part.file() if isinstance(part, Upload) else _plain(part) for name, part in inputs.multipart.items()
        }
        return multipart(parts)
    return None if inputs.text is None else RequestBody(inputs.text.encode(), "text/plain; charset=utf-8")


class Outputs(BaseModel):
    """What it gives."""

    model_config = ConfigDict(populate_by_name=True)

    status: int = Field(description="HTTP status")
    headers: dict[str, str] = Field(description="the answer's headers, names in lower case; cookies are left out")
    json_: Any = Field(
        alias="json",
        description="the body, when it is JSON; else null",
        json_schema_extra={"typed_by": "json_schema"},
    )
    text: str = Field(default="", description="the body as text, when it is not JSON; else empty")


async def did_happen(inputs: Inputs, call: ActionCall) -> Verdict:
    """Ask as `verify` says."""
    check = inputs.verify
    if check is None:
        return EffectUnknown("the flow has no `verify`")
    absent = frozenset(check.absent_status)
    there = frozenset(check.expect_status or range(200, 300)) - absent
    reply = await call(
        check.method,
        check.url,
        guarantee=Guarantee.REPEATABLE,
        query=check.query,
        headers={name: value for name, value in (inputs.headers or {}).items() if name.lower() != "content-type"},
        accept=there | absent,
    )
    if reply.status not in there:
        return EffectAbsent()
    if check.json_schema is not None and (said := _mismatch(reply, check.json_schema)) is not None:
        return EffectUnknown(said) if said == NO_JSON else EffectAbsent()
    try:
        return EffectHappened(_outputs(reply, inputs.json_schema))
    except CallFailedError as error:
        return EffectUnknown(f"it happened, but of what `verify` was answered: {error.cause}")


@action(
    "http.request",
    title="Custom API Request",
    group=Group.OTHER,
    guarantee=Guarantee.AT_MOST_ONCE,
    needs_connection=False,
    raises=("webhook.{system}",),
    verify=did_happen,
    examples=[
        Example(
            "a contact for the CRM",
            {"method": "POST", "url": "/contacts", "json": {"phone": "+351912345678"}},
            {"status": 201},
        ),
        Example(
            "to an API that makes a second contact of a second call",
            {
                "method": "POST",
                "url": "/contacts",
                "json": {"phone": "+351912345678"},
                "repeat": "never",
                "verify": {
                    "url": "/contacts",
                    "query": {"phone": "+351912345678"},
                    "json_schema": {"properties": {"contacts": {"minItems": 1}}},
                },
            },
            {"status": 201},
        ),
    ],
)
async def http_request(inputs: Inputs, call: ActionCall) -> Outputs:
    """Call any HTTP API."""
    reply = await call(
        inputs.method.value,
        inputs.url,
        guarantee=inputs.guarantee(call.idempotency),
        query=inputs.query,
        headers=inputs.headers,
        body=body_of(inputs),
        accept=frozenset(inputs.expect_status) if inputs.expect_status else None,
    )
    return _outputs(reply, inputs.json_schema)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _outputs(reply: DestinationReply, schema: dict[str, Any] | None) -> Outputs:
    headers = {name: value for name, value in reply.headers.items() if name != "set-cookie"}
    if schema is not None and (what := _mismatch(reply, schema)) is not None:
        cause = f"the answer (HTTP {reply.status}) {what}"
        raise CallFailedError(ErrorCode.ANSWER_INVALID, cause, effect_possible=True)
    try:
        found = orjson.loads(without_bom(reply.body))
    except orjson.JSONDecodeError:
        return Outputs.model_construct(status=reply.status, headers=headers, json_=None, text=reply.text())
    if schema is not None:
        found = as_declared(found, schema)
    return Outputs.model_construct(status=reply.status, headers=headers, json_=found, text="")


def _mismatch(reply: DestinationReply, schema: dict[str, Any]) -> str | None:
    """What an answer has other than its schema says; None: nothing."""
    try:
        found = orjson.loads(without_bom(reply.body))
    except orjson.JSONDecodeError:
        return NO_JSON
    if (fault := json_schema.mismatch(json_schema.validator(schema), found)) is None:
        return None
    path, what = fault
    return f"does not match json_schema at {path}: {what[:300]}"
