"""Triggers without code: a sources file says in JSON Schema what an external system sends.

    webhook.<source>    what it posts to its hook
    poll.<source>       one item of what it answers when it is asked
    schedule.<source>   the time has come

A flow sees the body as it was sent; the schema is both what ingest demands and what the type checker knows.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self, cast

import jsonschema_rs
import orjson
from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.ids import id_text
from contracts.triggers.payload import NO_TIME, Payload
from contracts.triggers.sent_times import Moment, moment, written
from services.flows.declared_numbers import Bring, bringer
from services.flows.fitting import BY_TEXTS, fitted, rounded
from services.flows.set_aside import FieldAside, pointer_of, set_aside
from services.runtime.documents import json_schema

MOST_FAULTS = 50
HIDDEN = "the value"
TOGETHER = "\x1f"
"""ASCII's unit separator: it parts the values of an id, and stands in none that people write."""


class DeclarationError(Exception):
    """A schema or a pointer of a sources file is wrong."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the body the id, the time and the subject stand: RFC 6901 pointers, the first that holds something.

    `time_format`: how times are written, in the words of `strptime`, where that can be read in several ways.

    `together`: an id that is made of all of these values, where none of them tells one event from another. Without the
    first there is no id, nor where its time is among them and none is there; the others can be absent.
    """

    identity: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    time_format: str | None = None

    def moment(self, value: object) -> datetime | None:
        """The time that a value says."""
        return moment(value) if self.time_format is None else written(value, self.time_format)


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
    aside: tuple[FieldAside, ...] = ()

    @classmethod
    def declaration(cls) -> dict[str, Any]:
        """All that `read_declaration` needs to make this model elsewhere, as JSON has it."""
        return {"schema": cls.schema_document, "places": asdict(cls.places), "sets_aside": cls.sets_aside}

    @classmethod
    def model_json_schema(cls, *_arguments: Any, **_options: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own signature
        """The declared schema, for the type checker and for documents."""
        return copy.deepcopy(cls.schema_document)

    @classmethod
    def read(cls, body: object, *, texts: bool = False) -> Self:
        """A body of this shape. `texts`: whoever wrote it has nothing but texts.

        Raises pydantic.ValidationError with the place of each fault, and never with a value.
        """
        if not isinstance(body, dict):
            _refuse(cls.trigger, [("must be a JSON object", ())])
        kept: dict[str, Any] = body
        aside: tuple[FieldAside, ...] = ()
        if not cls.validator.is_valid(body):
            kept = fitted(cls.validator, body, BY_TEXTS if texts else (rounded,))
            if not cls.validator.is_valid(kept):
                found = set_aside(cls.validator, kept) if cls.sets_aside else None
                if found is None:
                    _refuse(cls.trigger, json_schema.faults(cls.validator, kept, MOST_FAULTS))
                kept, aside = found
        for bring in cls.bring:
            kept = bring(kept)
        # `raw` is said, since pydantic looks at the signature of each default that is made: a fifth of a request.
        return cast("Self", cls.model_construct(body=kept, sent=None if kept is body else body, aside=aside, raw={}))

    def otherwise(self) -> Sequence[tuple[str, str]]:
        """What was set aside, and times that cannot be read. `*` stands for what the schema does not name."""
        times = self._unread_times()
        if not self.aside:
            return times
        names = _names(self.schema_document)
        aside = [(pointer_of(part if part in names else "*" for part in one.path), one.came_as) for one in self.aside]
        return [*times, *aside]

    def _unread_times(self) -> list[tuple[str, str]]:
        """Times that are there, where none of them can be read."""
        body = self.sent or self.body
        if not self.places.time or self.happened() is not None:
            return []
        return [(place, NO_TIME) for place in self.places.time if at(body, place) not in (None, "")]

    def subject(self) -> str | None:
        """The first text or number that the subject's pointers find."""
        return self._text(self.places.subject)

    def own_id(self) -> str | None:
        """The first text or number that the id's pointers find; or all of them together, if what it takes is there."""
        places = self.places
        parts = {place: self._text((place,)) or "" for place in places.together}
        timeless = any(not parts[place] for place in places.time if place in parts) and self.happened() is None
        whole = bool(parts) and bool(parts[places.together[0]]) and not timeless
        return TOGETHER.join(parts.values()) if whole else self._text(places.identity)

    def happened(self) -> datetime | None:
        """The time that its pointer finds, if it can be read."""
        body = self.sent or self.body
        return next((time for place in self.places.time if (time := self.places.moment(at(body, place)))), None)

    def to_json(self) -> bytes:
        """The body."""
        return orjson.dumps(self.body)

    def _text(self, places: tuple[str, ...]) -> str | None:
        body = self.sent or self.body
        return next((text for place in places if (text := id_text(at(body, place)))), None)


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


def read_declaration(trigger: str, told: Mapping[str, Any]) -> type[Payload]:
    """The model of `Declared.declaration`. Raises DeclarationError; fields that are not known here are left out."""
    pointers = told["places"]
    identity, time, subject, together = (
        tuple(pointers.get(name, ())) for name in ("identity", "time", "subject", "together")
    )
    places = Places(identity, time, subject, together, pointers.get("time_format"))
    return declared(trigger, told["schema"], places, {}, sets_aside=told["sets_aside"])


def scheduled(trigger: str, example: Mapping[str, Any]) -> type[Payload]:
    """The model of a schedule's trigger."""
    named = {"trigger": trigger, "example": {**ScheduleFired.example, **example}, "__module__": __name__}
    return type(f"Scheduled_{trigger}", (ScheduleFired,), named)


def _names(schema: object) -> set[str]:
    """The fields that a schema names, at any depth."""
    if isinstance(schema, list):
        return {name for part in schema for name in _names(part)}
    if not isinstance(schema, dict):
        return set()
    named = schema.get("properties")
    own = set(named) if isinstance(named, dict) else set()
    return own | {name for part in schema.values() for name in _names(part)}


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


def _refuse(trigger: str, faults: Sequence[tuple[str, Sequence[str | int]]]) -> NoReturn:
    details: list[InitErrorDetails] = [
        {"type": PydanticCustomError("declared", "{text}", {"text": text}), "loc": tuple(loc), "input": None}
        for text, loc in faults
    ]
    raise ValidationError.from_exception_data(trigger, details)
