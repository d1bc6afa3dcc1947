"""Two-way sync without echoes: which changes our own writes caused. Pure.

    write   what an action sets: the system, the entity by its aliases, the fields with their values
    change  what an event says was changed
    judge   which of its fields are echoes of open writes

Values are compared as they are, and then as people mean them: a destination that trims a name or formats a phone anew
has not changed it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from contracts.writes import SETS
from services.flows.waiting import same_key

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("contact_id", "lead_id", "id"),
    "email": ("email", "e_mail", "mail"),
    "phone": ("mobile_number_e164", "mobile_number", "phone", "mobile"),
}
"""How payloads name what an entity is known by."""
CANONICAL = {
    "e_mail": "email",
    "mail": "email",
    "mobile_number": "phone",
    "mobile_number_e164": "phone",
    "mobile": "phone",
    "full_name": "name",
}
BOOKKEEPING = frozenset(
    {"id", "contact_id", "lead_id", "updated_at", "modified_at", "updated", "modified", "version", "revision", "writes"}
)
"""Fields that a system changes by itself with every write: they say nothing."""
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Write:
    """What a call will set. `aliases`: kind (id, email, phone) → value."""

    system: str
    aliases: Mapping[str, str]
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What an event says was changed: field → value now. `aliases` as hashes."""

    system: str
    entity: str
    aliases: tuple[str, ...]
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """A field of an open write: hashes of its value, and the event that was its echo."""

    exact: str
    near: str
    used_by: str | None = None


@dataclass(slots=True)
class Open:
    """A write whose echo is waited for."""

    id: str
    hops: int
    fields: dict[str, Mark]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which fields are echoes, which of them came back altered, and which are foreign."""

    echoes: tuple[str, ...]
    near: tuple[str, ...]
    foreign: tuple[str, ...]
    hops: int

    @property
    def suppressed(self) -> bool:
        """Whether nothing foreign is in it."""
        return bool(self.echoes) and not self.foreign


def written(request: ActionRequest) -> Write | None:
    """What a request of the catalogue sets; None where that is nothing, or not known."""
    sets = SETS.get(request.action)
    if sets is None:
        return None
    inputs = request.inputs
    fields = {canonical(name): inputs[name] for name in sets.fields if inputs.get(name) is not None}
    for group in sets.nested:
        more = inputs.get(group)
        if isinstance(more, dict):
            fields |= {canonical(str(name)): value for name, value in more.items()}
    aliases = {kind: text for kind, name in sets.entity.items() if (text := _text(inputs.get(name)))}
    return Write(sets.system, aliases, fields) if aliases and fields else None


def changed(event: Event) -> Change | None:
    """What an event says was changed; None for one that does not say it, or not of whom."""
    data = event.data
    names = data.get("changed")
    changes = data.get("changes")
    changes = changes if isinstance(changes, dict) else {}
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    fields: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for name in dict.fromkeys((*listed, *changes)):
        if canonical(name) in BOOKKEEPING:
            continue
        pair = changes.get(name)
        pair = pair if isinstance(pair, dict) else {}
        after = pair.get("after")
        fields[canonical(name)] = _now(data, name) if after is None else after
        before[name] = pair.get("before")
    if not fields:
        return None
    system = system_of(event.type)
    found: dict[str, str] = {}
    hashes = []
    for kind, spellings in ALIASES.items():
        values = [text for source in (data, before) for name in spellings if (text := _text(source.get(name)))]
        for text in values:
            found.setdefault(kind, text)
        hashes += [alias_hash(event.account, system, kind, text) for text in values]
    if not hashes:
        return None
    entity = found.get("id") or found.get("email") or found["phone"]
    return Change(system, entity, tuple(dict.fromkeys(hashes)), fields)


def judge(change: Change, opened: Sequence[Open], origin: str) -> Judgement:
    """Match each changed field with an open write, the oldest first; mark what is used. `origin`: the event's hash.

    A field of a write answers for one event; the same event again finds it.
    """
    echoes, near, foreign = [], [], []
    for field, value in change.fields.items():
        exact, alike = marks(value)
        found = None
        for wanted in ("exact", "near"):
            for write in opened:
                mark = write.fields.get(field)
                if mark is None or mark.used_by not in (None, origin):
                    continue
                if (mark.exact == exact) if wanted == "exact" else (mark.near == alike):
                    found = write
                    break
            if found is not None:
                break
        if found is None:
            foreign.append(field)
            continue
        mark = found.fields[field]
        found.fields[field] = Mark(mark.exact, mark.near, origin)
        echoes.append(field)
        if mark.exact != exact:
            near.append(field)
    hops = 1 + max((write.hops for write in opened), default=-1)
    return Judgement(tuple(echoes), tuple(near), tuple(foreign), hops)


def only(event: Event, judgement: Judgement) -> Event:
    """The event with its foreign changes only, and with the hops that it is away from the first change."""
    data = event.data
    if judgement.echoes:
        data = dict(data)
        foreign = frozenset(judgement.foreign)
        if isinstance(data.get("changed"), list):
            data["changed"] = [name for name in data["changed"] if canonical(str(name)) in foreign]
        if isinstance(data.get("changes"), dict):
            data["changes"] = {name: pair for name, pair in data["changes"].items() if canonical(name) in foreign}
    return event.model_copy(update={"data": data, "hops": judgement.hops or None})


def system_of(trigger: str) -> str:
    """Which system says so: `closum.contact.updated` → closum, `webhook.crm` → crm."""
    first, _, rest = trigger.partition(".")
    return rest.partition(".")[0] if first == "webhook" and rest else first


def canonical(field: str) -> str:
    """One name for all spellings of a field; a field of an own group stands under its own name."""
    name = field.rpartition(".")[2].strip().lower()
    return CANONICAL.get(name, name)


def alias_hash(account: str, system: str, kind: str, value: str) -> str:
    """An entity by one of the things that it is known by."""
    return stable_id("alias", account, system, kind, same_key(value))


def marks(value: Any) -> tuple[str, str]:  # noqa: ANN401 - a JSON value
    """Hashes of a value: as it is, and as people mean it."""
    return stable_id("exact", _json(value)), stable_id("near", _json(_alike(value)))


def _alike(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Without what destinations alter: case, blanks, how a phone or a number is written, the order of a list."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, str):
        return same_key(_SPACES.sub(" ", unicodedata.normalize("NFC", value)))
    if isinstance(value, list):
        return sorted((_alike(item) for item in value), key=_json)
    if isinstance(value, dict):
        return {str(name): _alike(item) for name, item in value.items()}
    return str(value)


def _json(value: Any) -> bytes:  # noqa: ANN401 - a JSON value
    # Not orjson: it has no whole numbers over 64 bits.
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode(errors="surrogatepass")


def _now(data: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - a JSON value
    """The value of a field that an event names without saying what it is now."""
    for group in (data, *(data.get(where) for where in ("raw", "custom_fields"))):
        if isinstance(group, dict) and group.get(name) is not None:
            return group[name]
    return None


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None
