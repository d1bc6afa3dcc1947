"""The form of `closum.yaml`, and of a connection's `endpoints:`, which is the older spelling of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from contracts.triggers.message_statuses import MessageStatus
from services.closum.endpoint import OF_LISTS, Basis, Endpoint, FieldPlacement, ValueForm

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
HOLE = re.compile(r"\{([a-z_]+)\}")
READING = frozenset({"GET", "HEAD"})
Theirs = Annotated[str, Field(min_length=1, max_length=200)]
"""Their name of a field, or a pointer that begins with a slash."""


def _pointer(value: str) -> str:
    return value if not value or value.startswith("/") else f"/{value}"


Pointer = Annotated[str, Field(max_length=200), AfterValidator(_pointer)]
"""An RFC 6901 pointer; a name alone is that of a field; empty: the whole."""


class Part(BaseModel):
    """A part of the file: a misspelled key is a mistake."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Provenance(Part):
    """Where a row comes from."""

    basis: Literal["confirmed", "documented", "inferred", "assumed"] | None = Field(
        default=None, description="where the row comes from; absent: this file says so"
    )
    by: str | None = Field(default=None, min_length=1, max_length=200, description="who saw it, or which document")
    on: date | None = Field(default=None, description="when; of a document: its own date")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.basis == "confirmed" and (self.by is None or self.on is None):
            raise ValueError("what is confirmed says by whom (`by`) and when (`on`)")
        if self.basis is None and (self.by is not None or self.on is not None):
            raise ValueError("`by` and `on` need `basis`")
        return self

    @property
    def known(self) -> Basis:
        """As a row has it."""
        return Basis.CONFIGURED if self.basis is None else Basis(self.basis)


OF_BASIS = ("basis", "by", "on")


class EndpointRow(Part):
    """What is other than the catalogue says of one call. What is absent stays as it is there."""

    method: Method | None = None
    path: str | None = Field(default=None, min_length=1, max_length=500, pattern=r"^[^?#\s]*$")
    fields: dict[str, Theirs] | None = Field(default=None, description="our name: theirs")
    forms: dict[str, ValueForm] | None = Field(default=None, description="our name: how its value is written")
    answer: dict[str, Theirs | None] | None = Field(
        default=None, description="our output: their field of the answer; null: it has none"
    )
    place: FieldPlacement | None = None
    success: dict[str, bool | int | str] | None = Field(
        default=None, description="fields of the answer with the value that says success; {}: the HTTP status says it"
    )
    data: Pointer | None = Field(default=None, description="where the answer's object stands; empty: it is the answer")
    code: Theirs | None = Field(default=None, description="the field with a refusal's code")
    message: Theirs | None = Field(default=None, description="the field with a refusal's words")
    done_already: frozenset[int] | None = None
    missing: frozenset[int] | None = None
    needs: frozenset[str] | None = Field(default=None, description="our fields that it wants in every call")
    lacks: frozenset[str] | None = Field(default=None, description="our fields that it does not know")

    @field_validator("path")
    @classmethod
    def _below(cls, value: str | None) -> str | None:
        if value is not None and ("://" in value or value.startswith("//")):
            raise ValueError("is a path below the connection's base_url, and no whole address")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.method in READING and self.place in {FieldPlacement.JSON, FieldPlacement.FORM}:
            raise ValueError(f"a {self.method} has no body: `place: query`")
        twice = sorted(
            {name for name in (self.fields or {}).values() if [*(self.fields or {}).values()].count(name) > 1}
        )
        if twice:
            raise ValueError(f"two fields go to {twice[0]!r}")
        if both := sorted((self.needs or frozenset()) & (self.lacks or frozenset())):
            raise ValueError(f"{both[0]!r} cannot be needed and unknown")
        return self

    def over(self, row: Endpoint, basis: Basis = Basis.CONFIGURED, by: str = "", on: str = "") -> Endpoint:
        """The row with this."""
        names = {one.name for one in fields(Endpoint)}
        given = {name: value for name, value in self if value is not None and name in names}
        for name in ("fields", "answer", "forms"):
            given[name] = {**getattr(row, name), **given.get(name, {})}
        if self.method in READING and self.place is None and row.place is not FieldPlacement.QUERY:
            given["place"] = FieldPlacement.QUERY
        rest = {name: getattr(row, name) for name in names if name not in given}
        return Endpoint(**{**rest, **given, "basis": basis, "by": by, "on": on})

    @property
    def says(self) -> bool:
        """Whether it corrects anything."""
        return any(value is not None for name, value in self if name not in OF_BASIS)


class ActionRow(EndpointRow, Provenance):
    """The row of one action."""


class AnswerRow(Part):
    """What holds for the answer of every action that does not say otherwise."""

    success: dict[str, bool | int | str] | None = None
    data: Pointer | None = None
    code: Theirs | None = None
    message: Theirs | None = None

    def over(self, row: Endpoint) -> Endpoint:
        """The row with this. Where it comes from stays: whether there is such an endpoint is another question."""
        return EndpointRow(**self.model_dump()).over(row, row.basis, row.by, row.on)


class KeyRow(Part):
    """Where the key goes: exactly one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str | None = Field(default=None, min_length=1, max_length=100)
    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,100}$")
    bearer: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:  # noqa: ANN401 - what was written
        return {"bearer": True} if value == "bearer" else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.query, self.header, self.bearer)) != 1:
            raise ValueError("is one of { query: NAME }, { header: NAME }, bearer")
        return self


class RateRow(Part):
    """What the account bears, over all workers together."""

    requests_per_second: float | None = Field(default=None, gt=0, le=100_000)
    burst: int | None = Field(default=None, ge=1, le=100_000)
    concurrency: int | None = Field(default=None, ge=1, le=10_000)
    per_day: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _burst_of_what(self) -> Self:
        if self.burst is not None and self.requests_per_second is None:
            raise ValueError("burst needs requests_per_second")
        return self


def _status(value: object) -> object:
    return value.value if isinstance(value, MessageStatus) else value


class WebhookRow(Provenance):
    """What is other than assumed of one webhook."""

    data: Pointer | None = Field(
        default=None, description="where the payload stands in the body; absent: it is the body"
    )
    items: Pointer | None = Field(
        default=None, description="where the list of events stands; empty: the body is it; absent: one event a request"
    )
    fields: dict[str, Theirs] = Field(default_factory=dict, description="our field: theirs")
    id: Theirs | None = Field(default=None, description="what is the same when it is sent again")
    statuses: dict[str, Annotated[MessageStatus, BeforeValidator(_status)]] = Field(
        default_factory=dict, description="their word of a status: ours"
    )

    @property
    def says(self) -> bool:
        """Whether it corrects anything."""
        return any((self.data, self.items is not None, self.fields, self.id, self.statuses))


class FactsFile(Part):
    """The whole file. An empty one corrects nothing."""

    connections: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=lambda: ["closum"], description="the connections that `key` and `limits` are of"
    )
    key: KeyRow | None = None
    limits: RateRow | None = None
    answers: AnswerRow = Field(default_factory=AnswerRow)
    actions: dict[str, ActionRow] = Field(default_factory=dict)
    webhooks: dict[str, WebhookRow] = Field(default_factory=dict)


LISTS_OR_TRUTHS = "list, map, joined are of lists; boolean, number, text of true and false"


def unfit(row: EndpointRow, fields_of: Mapping[str, str], outputs: frozenset[str]) -> list[tuple[tuple[str, ...], str]]:
    """What a row names that its action does not have: the way to it, and why.

    `fields_of`: the action's inputs with what they are: `list`, `boolean` or something else.
    """
    found: list[tuple[tuple[str, ...], str]] = []

    def known(part: str, names: Any) -> None:  # noqa: ANN401 - names, in any collection
        found.extend(
            ((part, name), f"the action has no field {name!r}; there are {', '.join(fields_of) or 'none'}")
            for name in names or ()
            if name not in fields_of
        )

    for part in ("fields", "forms", "needs", "lacks"):
        known(part, getattr(row, part))
    for name, form in (row.forms or {}).items():
        wanted = "list" if form in OF_LISTS else "boolean"
        if name in fields_of and fields_of[name] != wanted:
            found.append((("forms", name), f"{name!r} cannot be {form.value}: {LISTS_OR_TRUTHS}"))
    found += [
        (("answer", name), f"the action has no output {name!r}; there are {', '.join(sorted(outputs))}")
        for name in row.answer or ()
        if name not in outputs
    ]
    found += [
        (("path",), f"the path names the field {name!r}, which the action does not have")
        for name in HOLE.findall(row.path or "")
        if name not in fields_of
    ]
    if row.path and (set("{}") & set(HOLE.sub("", row.path))):
        found.append((("path",), "a brace is no part of a path; a field stands there as {lead_id}"))
    return found
