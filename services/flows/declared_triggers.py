"""Triggers without code: a sources file says in JSON Schema what an external system sends.

    webhook.<source>    what it posts to its hook
    poll.<source>       one item of what it answers when it is asked
    schedule.<source>   the time has come

A flow sees the body as it was sent; the schema is both what ingest demands and what the type checker knows.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self, cast

import jsonschema_rs
import orjson
from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.triggers.payload import Payload
from contracts.triggers.sent_times import Moment, moment
from services.flows.declared_numbers import Bring, bringer
from services.runtime.documents import json_schema

MOST_FAULTS = 50
LONGEST = 512
HIDDEN = "the value"
RAW = "raw"
TOGETHER = "\x1f"
"""ASCII's unit separator: it parts the values of an id, and stands in none that people write."""


class DeclarationError(Exception):
    """A schema or a pointer of a sources file is wrong."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the body the id, the time and the subject stand: RFC 6901 pointers, the first that holds something.

    `together`: an id that is made of all of these values, where none of them tells one event from another. Without the
    first there is no id; the others can be absent.
    """

    identity: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    together: tuple[str, ...] = ()


class Declared(Payload):
    """What a declared source sends. `body` is all that a flow sees, `sent` what was sent, where that differs.

    `sets_aside`: a field of another type than the schema says stands under `raw` by its pointer, instead of refusing
    the whole body: its sender asks nobody before it changes.
    """

    schema_document: ClassVar[dict[str, Any]]
    places: ClassVar[Places]
    validator: ClassVar[jsonschema_rs.Validator]
    bring: ClassVar[tuple[Bring, ...]] = ()
    """What brings numbers to the types of the schema, where it has any."""
    sets_aside: ClassVar[bool] = False

    body: dict[str, Any]
    sent: dict[str, Any] | None = None

    @classmethod
    def model_json_schema(cls, *_arguments: Any, **_options: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own signature
        """The declared schema, for the type checker and for documents."""
        return copy.deepcopy(cls.schema_document)

    @classmethod
    def read(cls, body: object) -> Self:
        """A body of this shape.

        Raises pydantic.ValidationError with the place of each fault, and never with a value.
        """
        if not isinstance(body, dict):
            _refuse(cls.trigger, [("must be a JSON object", ())])
        kept: dict[str, Any] = body
        if not cls.validator.is_valid(body):
            aside = _set_aside(cls.validator, body) if cls.sets_aside else None
            if aside is None:
                _refuse(cls.trigger, json_schema.faults(cls.validator, body, MOST_FAULTS))
            kept = aside
        for bring in cls.bring:
            kept = bring(kept)
        return cast("Self", cls.model_construct(body=kept, sent=None if kept is body else body))

    def subject(self) -> str | None:
        """The first text or number that the subject's pointers find."""
        return self._text(self.places.subject)

    def own_id(self) -> str | None:
        """The first text or number that the id's pointers find; or all of them together, if the first is there."""
        parts = [self._text((place,)) or "" for place in self.places.together]
        return TOGETHER.join(parts) if parts and parts[0] else self._text(self.places.identity)

    def happened(self) -> datetime | None:
        """The time that its pointer finds, if it can be read."""
        body = self.sent or self.body
        return next((time for place in self.places.time if (time := moment(at(body, place)))), None)

    def to_json(self) -> bytes:
        """The body."""
        return orjson.dumps(self.body)

    def _text(self, places: tuple[str, ...]) -> str | None:
        body = self.sent or self.body
        for place in places:
            value = at(body, place)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and (text := str(value).strip()):
                return text[:LONGEST]
        return None


class ScheduleFired(Payload):
    """A schedule's time has come."""

    trigger: ClassVar[str] = "schedule"
    example: ClassVar[dict[str, Any]] = {
        "schedule": "every-morning",
        "due": "2026-03-02T09:00:00Z",
        "due_local": "2026-03-02T09:00:00+00:00",
        "time_zone": "Europe/Lisbon",
        "date": "2026-03-02",
        "late_seconds": 0.2,
    }

    schedule: str = Field(description="the source's name")
    due: Moment = Field(description="the time that was meant")
    due_local: str = Field(default="", description="the same in the schedule's time zone")
    time_zone: str = "UTC"
    date: str = Field(default="", description="the day in the schedule's time zone, such as 2026-03-02")
    late_seconds: float = Field(default=0.0, description="how much later it fired")

    def subject(self) -> str | None:
        """The schedule: its firings stay in order."""
        return self.schedule

    def own_id(self) -> str | None:
        """The time that was meant: it fires once, whoever fires it."""
        return self.due.isoformat() if self.due else None

    def happened(self) -> datetime | None:
        """The time that was meant."""
        return self.due


def declared(
    trigger: str, schema: Mapping[str, Any], places: Places, example: Mapping[str, Any], *, sets_aside: bool = False
) -> type[Payload]:
    """The model of a declared trigger. Raises DeclarationError when the schema is none, or not of an object."""
    document = dict(schema)
    if document.get("type") != "object":
        raise DeclarationError("must describe an object: begin with `type: object`")
    for pointer in (*places.identity, *places.time, *places.subject, *places.together):
        if not pointer.startswith("/"):
            raise DeclarationError(f"{pointer!r} is no JSON pointer: write it as /order/id")
    try:
        validator = json_schema.validator(document, mask=HIDDEN)
    except json_schema.SchemaError as error:
        raise DeclarationError(f"is no JSON Schema: {error}") from None
    named = {
        "trigger": trigger,
        "example": dict(example),
        "schema_document": document,
        "places": places,
        "validator": validator,
        "bring": () if (bring := bringer(document)) is None else (bring,),
        "sets_aside": sets_aside,
        "__doc__": f"What {trigger} brings.",
        "__module__": __name__,
    }
    return type(f"Declared_{trigger}", (Declared,), named)


def scheduled(trigger: str, example: Mapping[str, Any]) -> type[Payload]:
    """The model of a schedule's trigger."""
    named = {"trigger": trigger, "example": {**ScheduleFired.example, **example}, "__module__": __name__}
    return type(f"Scheduled_{trigger}", (ScheduleFired,), named)


def at(body: object, pointer: str) -> object:
    """What an RFC 6901 pointer finds, or None."""
    found = body
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


Path = Sequence[str | int]


def _set_aside(validator: jsonschema_rs.Validator, body: dict[str, Any]) -> dict[str, Any] | None:
    """A copy without the wrong values, which stand under `raw`; of a list an item becomes null, so that none moves.

    None where that does not make it right, or there are more than MOST_FAULTS of them.
    """
    made = copy.deepcopy(body)
    raw: dict[str, Any] = {}
    while len(raw) < MOST_FAULTS and not validator.is_valid(made):
        before = len(raw)
        for _, path in json_schema.faults(validator, made, MOST_FAULTS):
            _take_out(made, path, raw)
        if len(raw) == before:
            break
    if not validator.is_valid(made):
        return None
    theirs = made.get(RAW)
    return {**made, RAW: {**theirs, **raw} if isinstance(theirs, dict) else raw}


def _take_out(made: dict[str, Any], path: Path, raw: dict[str, Any]) -> None:
    """One value, if it is still there: a fault above it may have been met before."""
    parent: Any = made
    for part in path[:-1]:
        there = part in parent if isinstance(parent, dict) else isinstance(parent, list)
        if not there:
            return
        parent = parent[part]
    if not path or (isinstance(parent, dict) and path[-1] not in parent) or parent is None:
        return
    raw["".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)] = parent[path[-1]]
    if isinstance(parent, list):
        parent[int(path[-1])] = None
    else:
        del parent[path[-1]]


def _refuse(trigger: str, faults: Sequence[tuple[str, Sequence[str | int]]]) -> NoReturn:
    details: list[InitErrorDetails] = [
        {"type": PydanticCustomError("declared", "{text}", {"text": text}), "loc": tuple(loc), "input": None}
        for text, loc in faults
    ]
    raise ValidationError.from_exception_data(trigger, details)
