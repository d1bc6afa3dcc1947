"""Where in a body the id, the time and the subject of an event stand, told by the names of its fields.

What an id names decides: an event's own id is another one for each event, a deal's is the same at every stage of it. So
an entity's id makes an identity only together with the time of the change, and where there is none, the content does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.flows.declared_triggers import at

DEPTH = 2
OF_EVENT = frozenset({"eventid", "eventuuid", "eventguid", "webhookeventid", "webhookdeliveryid", "idempotencykey"})
"""Names, without what parts their words, that say that each event has another one."""
OF_MESSAGE = frozenset(
    {
        *("messageid", "messageuuid", "messagesid", "smsmessagesid", "msgid", "wamid", "smsid", "smssid"),
        *("submissionid", "responseid", "deliveryid", "notificationid", "triggerid"),
    }
)
"""What comes once; where its states are told too, they come under its id as well."""
ENVELOPES = frozenset({"meta", "metadata", "eventdata", "envelope", "header", "headers"})
"""Objects whose `id` is that of the event."""
STATES = ("status", "state", "messagestatus", "smsstatus", "stage", "stageid")
WHAT_HAPPENED = ("event", "eventtype", "eventname", "topic", "triggerevent", "action", "type")
CONTENTS = ("data", "payload", "object", "resource", "record", "body")
OWN_IDS = re.compile(r"(evt|event|msg|wh|whevt|ntf|dlv|req)[_-][\w-]{4,}", re.IGNORECASE)
"""Values that say themselves what they name."""
ENTITY = ("id", "uuid", "guid", "gid", "objectid", "entityid", "resourceid")
CHANGED = (
    *("eventtime", "eventtimestamp", "occurredat", "happenedat", "triggeredat", "firedat", "changedat", "timestamp"),
    *("updatedat", "modifiedat", "lastmodified", "lastmodifiedat", "lastmodifieddate", "datemodified", "dateupdated"),
    *("updatetime", "updateddate", "modified", "updated", "statusdate", "statuschangedat", "time", "ts"),
)
"""Times that move with each change of what they stand beside: `created_at` of a deal does not."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{4}")
"""Too coarse to tell two changes apart."""
MOST_TOGETHER = 5
TIMES = (*CHANGED, "createdat", "datecreated", "date", "created")
SUBJECTS = ("contactid", "customerid", "personid", "leadid", "email", "phone", "mobile", "mobilenumber", "from")


Identity = str | dict[str, list[str]] | None


@dataclass(frozen=True, slots=True)
class EventPlaces:
    """What a sources file says: `identity` as its `id`, None where the content has to do. `why` tells it a person."""

    identity: Identity
    why: str
    time: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class _Field:
    """A field with a plain value: its pointer, the names of what it stands in and its own, and how deep it stands."""

    pointer: str
    owner: str
    name: str
    value: Any
    depth: int

    @property
    def parent(self) -> str:
        """The pointer of what it stands in."""
        return self.pointer.rpartition("/")[0]


def event_places(bodies: Sequence[Mapping[str, Any]]) -> EventPlaces:
    """The places in bodies of one sender. Only fields that all of them have count; of two alike the first."""
    fields = _common(bodies)
    time = _first(fields, TIMES)
    # Where nobody is named, the order of what it is about matters.
    subject = _first(fields, SUBJECTS) or next(iter(_entities(fields)), None)
    identity, why = _identity(bodies, fields)
    return EventPlaces(identity, why, time.pointer if time else None, subject.pointer if subject else None)


def _identity(bodies: Sequence[Mapping[str, Any]], fields: Sequence[_Field]) -> tuple[Identity, str]:
    own = _of_event(fields) or _of_envelope(bodies[0], fields)
    if own is not None and _tells_apart(bodies, own):
        return own.pointer, f"{own.pointer} names the event: each has another one"
    happened = next((one for name in WHAT_HAPPENED for one in fields if one.name == name and not one.depth), None)
    kinds = [one for one in (happened, _first(fields, STATES)) if one is not None]
    message = next((one for one in fields if one.name in OF_MESSAGE), None)
    if message is not None:
        return _together([message, *kinds]), f"{message.pointer} names what comes once" + (
            ", and in each state once" if kinds else ""
        )
    entities = _entities(fields)
    if not entities:
        return None, "no field names an event"
    named = f"{entities[0].pointer} names what it is about, which is the same at each change"
    changed = _changed(fields, entities)
    if changed is None:
        return None, f"{named}, and no time of the change is there"
    return _together([*entities, *kinds, changed]), f"{named}: so it counts together with when that was"


def _together(parts: Sequence[_Field]) -> Identity:
    pointers = list(dict.fromkeys(one.pointer for one in parts))
    return {"all": pointers} if len(pointers) > 1 else pointers[0]


def _tells_apart(bodies: Sequence[Mapping[str, Any]], own: _Field) -> bool:
    """Whether bodies that differ have different ones."""
    seen: dict[str, Mapping[str, Any]] = {}
    return all(seen.setdefault(str(at(body, own.pointer)), body) == body for body in bodies)


def _of_event(fields: Sequence[_Field]) -> _Field | None:
    return next((one for one in fields if one.name in OF_EVENT or (one.name == "id" and one.owner in ENVELOPES)), None)


def _of_envelope(body: Mapping[str, Any], fields: Sequence[_Field]) -> _Field | None:
    """The `id` at the top, where it says itself that it is an event's, or what it brings has an id of its own."""
    top = next((one for one in fields if one.name == "id" and not one.depth), None)
    if top is None:
        return None
    if isinstance(top.value, str) and OWN_IDS.fullmatch(top.value):
        return top
    happened = any(one.name in WHAT_HAPPENED and not one.depth and isinstance(one.value, str) for one in fields)
    inner = [value for name, value in body.items() if plain(name) in CONTENTS and isinstance(value, dict)]
    others = {str(value) for one in inner for value in _ids(one)}
    return top if happened and others and str(top.value) not in others else None


def _ids(content: Mapping[str, Any]) -> Iterator[Any]:
    for name, value in content.items():
        if plain(name) == "id" and _is_plain(value):
            yield value
        elif isinstance(value, dict):
            yield from (inner for key, inner in value.items() if plain(key) == "id" and _is_plain(inner))


def _entities(fields: Sequence[_Field]) -> list[_Field]:
    """The ids of what it is about: of several beside each other nobody knows which one it is, and all count."""
    own = [one for one in fields if one.name in ENTITY]
    near = [one for one in fields if one.name.endswith("id") and one.name not in ENTITY and not one.depth]
    if own and not own[0].depth:
        return own[:1]
    contents = [one for one in own if one.owner in CONTENTS]
    beside = {one.parent: one for one in reversed(own) if own and one.depth == own[0].depth}
    found = contents[:1] or list(reversed(beside.values()))
    others = near or ([] if found else [one for one in fields if one.name.endswith("id")][:1])
    return [*found, *others][:MOST_TOGETHER]


def _changed(fields: Sequence[_Field], entities: Sequence[_Field]) -> _Field | None:
    """A time that stands at the top, or beside the one id: that of another thing does not move with this one."""
    places = {"", entities[0].parent} if len({one.parent for one in entities if one.parent}) <= 1 else {""}
    moving = [one for one in fields if one.parent in places or one.owner in ENVELOPES]
    return _first([one for one in moving if not DAY.fullmatch(str(one.value))], CHANGED)


def _first(fields: Sequence[_Field], names: Sequence[str]) -> _Field | None:
    """The likeliest name; of one name what stands nearest to the top."""
    return next((one for name in names for one in fields if one.name == name), None)


def _common(bodies: Sequence[Mapping[str, Any]]) -> list[_Field]:
    first, *others = [{one.pointer: one for one in _fields(body)} for body in bodies]
    shared = [one for pointer, one in first.items() if all(pointer in other for other in others)]
    return sorted(shared, key=lambda one: one.depth)


def _fields(value: Mapping[str, Any], place: str = "", owner: str = "", depth: int = 0) -> Iterator[_Field]:
    for name, inner in value.items():
        pointer = f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
        if _is_plain(inner):
            yield _Field(pointer, owner, plain(name), inner, depth)
        elif isinstance(inner, dict) and depth < DEPTH:
            yield from _fields(inner, pointer, plain(name), depth + 1)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def plain(name: str) -> str:
    """The words of a name without what parts them: `Event-Id`, `event_id` and `eventId` are one."""
    return re.sub(r"[\W_]+", "", name).lower()
