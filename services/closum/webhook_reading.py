"""A webhook of another form than assumed, brought to the one that its trigger reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

from contracts.triggers.message_status import MessageStatusPayload
from contracts.triggers.payload import Payload
from services.closum.facts_form import WebhookRow
from services.closum.pointers import at

STATUS, SENT, RAW = "status", "status_sent", "raw"


def names_of(trigger: type[Payload]) -> dict[str, str]:
    """The fields that a sender fills, by the name that flows use, with one of their spellings."""
    found = {}
    for name, info in trigger.model_fields.items():
        shown = info.serialization_alias or name
        if name not in {RAW, SENT, "by_us"} and not name.endswith("_e164"):
            found[shown] = name
    return found


def unfit_webhook(trigger: type[Payload], row: WebhookRow) -> list[tuple[tuple[str, ...], str]]:
    """What a row names that its trigger does not have: the way to it, and why."""
    known = names_of(trigger)
    found: list[tuple[tuple[str, ...], str]] = [
        (("fields", name), f"the trigger has no field {name!r}; there are {', '.join(known)}")
        for name in row.fields
        if name not in known
    ]
    if row.statuses and not issubclass(trigger, MessageStatusPayload):
        found.append((("statuses",), "the trigger has no status"))
    places = list(row.fields.values())
    found += [
        (("fields", name), f"two fields come from {place!r}")
        for name, place in row.fields.items()
        if places.index(place) != list(row.fields).index(name)
    ]
    return found


def corrected(trigger: type[Payload], row: WebhookRow) -> type[Payload]:
    """The trigger's model, which reads this form first. What is in neither form is refused as ever."""
    return _corrected(trigger, row.model_dump_json())


@lru_cache(256)
def _corrected(trigger: type[Payload], written: str) -> type[Payload]:
    row = WebhookRow.model_validate_json(written)

    def read(cls: Any, body: object, *, texts: bool = False) -> Any:  # noqa: ANN401 - pydantic's own kinds
        made = trigger.read.__func__(cls, brought(row, trigger, body), texts=texts)  # type: ignore[attr-defined]
        if row.id is not None and (found := found_at(body, row, row.id)) not in (None, ""):
            object.__setattr__(made, "_own", str(found))
        return made

    def own_id(self: Any) -> str | None:  # noqa: ANN401 - a payload of the class that is made here
        own: str | None = getattr(self, "_own", None) or trigger.own_id(self)
        return own

    body: dict[str, Any] = {
        "__doc__": trigger.__doc__,
        "__module__": trigger.__module__,
        "__annotations__": {"trigger": ClassVar[str]},
        "trigger": trigger.trigger,
        "read": classmethod(read),
        "own_id": own_id,
    }
    made: type[Payload] = type(trigger)(trigger.__name__, (trigger,), body)  # type: ignore[misc]
    return made


def found_at(body: object, row: WebhookRow, name: str) -> object:
    """What stands under a name: a pointer into the body, else a field of the payload in it."""
    return at(body, name) if name.startswith("/") else _field(at(body, row.data or ""), name)


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def brought(row: WebhookRow, trigger: type[Payload], body: object) -> object:
    """The body as the trigger reads it: our names, our words. What is not there as said is left as it came."""
    held = at(body, row.data) if row.data else body
    if not isinstance(body, dict) or not isinstance(held, dict):
        return body
    known = names_of(trigger)
    made = dict(held)
    around = {name: value for name, value in body.items() if value is not held} if held is not body else {}
    moved = {name: found_at(body, row, theirs) for name, theirs in row.fields.items()}
    for name, theirs in row.fields.items():
        if moved[name] is not None and not theirs.startswith("/"):
            made.pop(theirs, None)
    for name, value in moved.items():
        if value is not None:
            # What has another spelling of the field is something else, as the row says.
            own = known.get(name, name)
            for other in [key for key in made if trigger.fields_spelled.get(key, key) == own]:
                around[other] = made.pop(other)
            made[own] = value
    said = made.get(STATUS)
    if row.statuses and isinstance(said, str | int) and (word := _word(row, said)) is not None:
        made |= {STATUS: word, SENT: str(said)}
    if around:
        kept = made.get(RAW)
        made[RAW] = {**around, **kept} if isinstance(kept, dict) else around
    return made


def _word(row: WebhookRow, said: object) -> str | None:
    known = {_plain(theirs): ours.value for theirs, ours in row.statuses.items()}
    return known.get(_plain(said))


def _plain(word: object) -> str:
    return str(word).strip().casefold()
