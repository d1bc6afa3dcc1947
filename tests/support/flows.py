"""A small catalogue for tests of the flow language, independent of the real one, and short ways to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import override

from contracts.events import Event
from services.flows.advance import advance, begin
from services.flows.catalogue import Action, BaseInputs, Catalogue, Guarantee, Tool, ToolError
from services.flows.check import check
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.idempotency import IdempotencyKey
from services.flows.load import FlowSource, load_text
from services.flows.needs import Need
from services.flows.outcomes import Next
from services.flows.refined import Phone

NOW = datetime(2026, 5, 31, 14, 30, tzinfo=UTC)


class Address(BaseModel):
    """Where someone lives."""

    city: str
    zip_code: str | None = None


class Line(BaseModel):
    """One thing that was ordered."""

    article: str
    count: int
    note: str | None = None


class Order(BaseModel):
    """The payload of `shop.ordered`."""

    model_config = ConfigDict(serialize_by_alias=False)

    id: str
    from_: str = Field(serialization_alias="from")
    total: float
    paid: bool = False
    phone: str | None = None
    address: Address | None = None
    lines: list[Line] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    notes: dict[str, str] = Field(default_factory=dict)
    raw: dict[str, Any] = Field(default_factory=dict)


class Visit(BaseModel):
    """The payload of `shop.visited`."""

    id: str
    page: str
    total: int = 0


class FormatIn(BaseInputs):
    """What `phone.format` takes here."""

    number: str
    region: str = Field(default="PT", pattern="^[A-Z]{2}$")


class FormatOut(BaseModel):
    """What `phone.format` gives here."""

    valid: bool
    e164: Phone = Field(default_factory=str)  # that it may be empty is not declared: these flows need not ask
    country: str | None = None


async def format_phone(inputs: FormatIn) -> FormatOut:
    """Nine digits make a Portuguese number; `boom` is a bug; `never` is an input that it cannot work with."""
    if inputs.number == "boom":
        raise RuntimeError("the tool has a bug")
    if inputs.number == "never":
        raise ToolError("this number cannot be formatted")
    digits = "".join(sign for sign in inputs.number if sign.isdigit())
    return FormatOut(valid=True, e164=f"+351{digits}") if len(digits) == 9 else FormatOut(valid=False)


@dataclass(frozen=True, slots=True)
class Turn(Need[str]):
    """Whose turn it is in a list."""

    list: str


class RotateIn(BaseInputs):
    """What `rotate` takes."""

    list: str


class RotateOut(BaseModel):
    """What `rotate` gives."""

    first: str
    second: str


async def rotate(inputs: RotateIn) -> RotateOut:
    """Two turns, one after the other."""
    return RotateOut(first=await Turn(inputs.list), second=await Turn(f"{inputs.list}-2"))


class CallIn(BaseInputs):
    """What `http.call` takes."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "POST"]
    url: str
    json_: Any = Field(default=None, alias="json")
    query: dict[str, str | int | bool] | None = None
    expect: list[int] = Field(default_factory=list)


class CallOut(BaseModel):
    """What `http.call` gives."""

    status: int
    json_: Any = Field(alias="json")
    headers: dict[str, str] = Field(default_factory=dict)


class SmsIn(BaseInputs):
    """What `sms.send` takes."""

    to: Phone
    text: str = Field(max_length=160)
    parts: int = 1
    price: float = 0.0
    consent: bool
    lines: list[Line] = Field(default_factory=list)
    address: Address | None = None

    @override
    def guarantee(self, honoured: IdempotencyKey | None) -> Guarantee:
        """Of several parts, some can be sent twice."""
        del honoured
        return Guarantee.REPEATABLE if self.parts == 1 else Guarantee.AT_MOST_ONCE


class SmsOut(BaseModel):
    """What `sms.send` gives."""

    id: str


class RingIn(BaseInputs):
    """What `ring` takes, and the two that set off triggers of the shop."""

    number: Phone | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not self.number and not self.name:
            raise ValueError("number or name is needed")
        return self


TOOLS: dict[str, Tool] = {
    "phone.format": Tool("phone.format", "Formats a phone.", FormatIn, FormatOut, format_phone),
    "rotate": Tool("rotate", "Whose turn it is.", RotateIn, RotateOut, rotate),
}
ACTIONS = {
    "http.call": Action("http.call", "Calls.", CallIn, CallOut, Guarantee.REPEATABLE, needs_connection=False),
    "sms.send": Action("sms.send", "Sends.", SmsIn, SmsOut, Guarantee.REPEATABLE),
    "ring": Action("ring", "Rings.", RingIn, SmsOut, needs_connection=False),
    "shop.order": Action("shop.order", "Orders.", RingIn, SmsOut, needs_connection=False, raises=("shop.ordered",)),
    "shop.visit": Action("shop.visit", "Visits.", RingIn, SmsOut, needs_connection=False, raises=("shop.visited",)),
}
CATALOGUE = Catalogue({"shop.ordered": Order, "shop.visited": Visit}, TOOLS, ACTIONS)


def flow_text(steps: str, *, on: str = "shop.ordered", head: str = "") -> str:
    """A flow with these steps; the first step stands in line 4, or later by the lines of `head`."""
    return f"flow: tried\non: {on}\n{dedent(head)}steps:\n{dedent(steps).strip(chr(10))}\n"


def source(text: str) -> FlowSource:
    """The one flow of a text that has no fault of form."""
    sources, faults = load_text(text)
    assert not faults, [str(fault) for fault in faults]
    (found,) = sources
    return found


def faults_of(text: str, connections: tuple[str, ...] | None = ("gateway",), known: Catalogue = CATALOGUE) -> list[str]:
    """Every fault of a text, from loading and checking, as `line:col code`."""
    sources, faults = load_text(text)
    found = sorted({*faults, *check(sources, known, connections)})
    return [f"{fault.line}:{fault.col} {fault.code}" for fault in found]


def texts_of(text: str, connections: tuple[str, ...] | None = ("gateway",)) -> str:
    """Every fault of a text as people read it."""
    sources, faults = load_text(text)
    return "\n".join(str(fault) for fault in sorted({*faults, *check(sources, CATALOGUE, connections)}))


def compiled(steps: str, *, on: str = "shop.ordered", head: str = "", known: Catalogue = CATALOGUE) -> CompiledFlow:
    """A compiled flow with these steps, which has no fault."""
    text = flow_text(steps, on=on, head=head)
    assert faults_of(text, known=known) == [], texts_of(text)
    return compile_flow(source(text), TOOLS)


ORDER: Mapping[str, Any] = {
    "id": "7",
    "from": "912 345 678",
    "total": 12.5,
    "paid": True,
    "lines": [{"article": "book", "count": 2}],
    "tags": ["new"],
    "notes": {},
    "raw": {},
}


def event(**data: Any) -> Event:
    """An order, with these fields of its payload changed; None takes a field away."""
    payload = {name: value for name, value in {**ORDER, **data}.items() if value is not None}
    return Event(id="e-1", source="/shop", type="shop.ordered", subject="ana", time=NOW, data=payload)


def first(flow: CompiledFlow, **data: Any) -> Next:
    """What comes first for an order."""
    return advance(flow, begin(flow, event(**data)), now=NOW)
