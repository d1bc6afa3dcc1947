"""What a source says of its sender's requests: challenges, the answer, where events stand, what flows may see."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from services.ingest.sources.form_parts import Pointers, StrictForm

TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
# In the places of faults, and not in the file.
IN_BODY, IN_HEADER = "[body]", "[header]"
SECRET_WORDS = ("authorization", "cookie", "token", "secret", "password", "signature", "api-key", "api_key", "apikey")
CHECKS = "checks"
LONGEST_ANSWER = 4096


class HeaderForm(StrictForm):
    """A value that stands in a header."""

    header: str = Field(min_length=1)


class HandshakeForm(StrictForm):
    """One way in which a publisher makes sure of an address before it sends, or from time to time."""

    checks: bool = Field(default=False, description="HEAD and GET are answered 200")
    echo_query: str | None = Field(
        default=None, min_length=1, description="answered with this parameter's value, as text"
    )
    echo_header: str | None = Field(default=None, min_length=1, description="answered with the same header")
    echo_field: str | None = Field(
        default=None, min_length=1, description="answered with this field of the body, as JSON"
    )
    ping: list[str] = Field(default_factory=list, description="a body of these fields and no others is answered 200")

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:  # noqa: ANN401 - what was written
        return {CHECKS: True} if value == CHECKS else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = (self.checks, self.echo_query, self.echo_header, self.echo_field, self.ping)
        if sum(bool(way) for way in ways) != 1:
            raise ValueError("is exactly one of checks, echo_query, echo_header, echo_field, ping")
        return self


class AnswerForm(StrictForm):
    """What the sender takes for success, where that is not our 202 with the event's id."""

    status: Literal[200, 201, 202, 204] = 200
    body: str = Field(default="", max_length=LONGEST_ANSWER)
    content_type: str = "text/plain; charset=utf-8"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.status == 204 and self.body:  # noqa: PLR2004 - No Content
            raise ValueError("a 204 has no body")
        return self


def _no_secret(name: str) -> str:
    if any(word in name.lower() for word in SECRET_WORDS):
        raise ValueError(f"{name!r} is a secret, which flows must not see")
    return name


RequestPart = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_no_secret)]
"""The name of a header, or of a parameter in the address."""


def _items(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError(f"{text!r} is no JSON pointer: write it as /entry/*/changes, or as '' for the whole body")
    return text


Items = Annotated[str, AfterValidator(_items)]
"""Where the events stand: a pointer with `*` for each item of a list on the way; empty: the body is the list."""


def place(value: object) -> str:
    """Whether a value's place is a header or pointers, by how it is written."""
    return IN_HEADER if isinstance(value, dict | HeaderForm) else IN_BODY


Type = Annotated[Annotated[Pointers, Tag(IN_BODY)] | Annotated[HeaderForm, Tag(IN_HEADER)], Discriminator(place)]
"""Where the type of an event stands: a header, or the first of the pointers that finds a text."""


class TypeForm(StrictForm):
    """One type of events of a source: the trigger `webhook.SOURCE.NAME`. Without a shape it has the source's."""

    value: str = Field(min_length=1, description="what stands where `type` says")
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    example: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:  # noqa: ANN401 - what was written
        return {"value": value} if isinstance(value, str) else value
