"""Two-way sync without echoes: which changes our own writes caused. Pure.

    write   what an action sets: the system, the entity by its aliases, the fields with their values
    change  what an event says was changed
    judge   which of its fields are echoes of open writes

Values are compared as they are, and then as people mean them: a destination that trims a name or formats a phone anew
has not changed it. Of a list, such as tags, a write may set one member only: then it is compared which members came and
went, so that whoever adds another one meanwhile is heard.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from contracts.writes import SETS
from services.flows.entities import ALIASES, alias_hash, name_text, same_key

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
MOST_MEMBERS = 50
"""Of a longer list only the whole is compared."""
_SPACES = re.compile(r"\s+")
_MEMBER = re.compile(r" ([+-])[0-9a-f]{32}$")


@dataclass(frozen=True, slots=True)
class Write:
    """What a call will set. `aliases`: kind (id, email, phone) → value.

    `added`, `removed`: field whose value is a list → the member that comes or goes; the others stay.
    """

    system: str
    aliases: Mapping[str, str]
    fields: Mapping[str, Any]
    added: Mapping[str, Any] = field(default_factory=dict)
    removed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportedChange:
    """What an event says was changed: field → value now; `before`, where it says so. `aliases` as hashes."""

    system: str
    entity: str
    aliases: tuple[str, ...]
    fields: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """A field of an open write: hashes of its value, and the event that was its echo."""

    exact: str
    near: str
    used_by: str | None = None


@dataclass(slots=True)
class OpenWrite:
    """A write whose echo is waited for. `fields` as `marked` gives them."""

    id: str
    hops: int
    fields: dict[str, Mark]

    def open_for(self, name: str, origin: str) -> Mark | None:
        """The mark of this name, unless another event was its echo."""
        mark = self.fields.get(name)
        return mark if mark is not None and mark.used_by in (None, origin) else None

    def use(self, names: Iterable[str], origin: str) -> None:
        """The event was the echo of these."""
        for name in names:
            mark = self.fields.get(name)
            if mark is not None and mark.used_by is None:
                self.fields[name] = Mark(mark.exact, mark.near, origin)


@dataclass(frozen=True, slots=True)
class EchoJudgement:
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
    aliases = {kind: text for kind, name in sets.entity.items() if (text := name_text(inputs.get(name)))}
    added = {canonical(name): inputs[given] for name, given in sets.adds.items() if inputs.get(given) is not None}
    removed = {canonical(name): inputs[given] for name, given in sets.removes.items() if inputs.get(given) is not None}
    return Write(sets.system, aliases, fields, added, removed) if aliases and (fields or added or removed) else None


def marked(write: Write) -> dict[str, Mark]:
    """What a write sets, to be kept: a mark a field, and a mark a member of a list that comes or goes."""
    found = {name: Mark(*marks(value)) for name, value in write.fields.items()}
    coming = [*write.added.items()]
    coming += [(name, one) for name, value in write.fields.items() for one in _few(value)]
    for sign, members in (("+", coming), ("-", write.removed.items())):
        for name, member in members:
            exact, near = marks(member)
            found[f"{name} {sign}{near}"] = Mark(exact, near)
    return found


def field_of(name: str) -> str:
    """The field that a mark is of."""
    return _MEMBER.sub("", name)


def people(names: Iterable[str]) -> list[str]:
    """Names of marks as people read them: of a list that was set as a whole, not its members."""
    there = frozenset(names)
    told = {"+": "one added", "-": "one removed"}
    shown = set()
    for name in there:
        member = _MEMBER.search(name)
        if member is None:
            shown.add(name)
        elif (of := field_of(name)) not in there:
            shown.add(f"{of} ({told[member[1]]})")
    return sorted(shown)


def changed(event: Event) -> ReportedChange | None:
    """What an event says was changed; None for one that does not say it, or not of whom."""
    data = event.data
    names = data.get("changed")
    changes = data.get("changes")
    changes = changes if isinstance(changes, dict) else {}
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    fields: dict[str, Any] = {}
    before: dict[str, Any] = {}
    was: dict[str, Any] = {}
    for name in dict.fromkeys((*listed, *changes)):
        if canonical(name) in BOOKKEEPING:
            continue
        pair = changes.get(name)
        pair = pair if isinstance(pair, dict) else {}
        after = pair.get("after")
        fields[canonical(name)] = _now(data, name) if after is None else after
        before[name] = pair.get("before")
        if "before" in pair:
            was[canonical(name)] = pair["before"]
    if not fields:
        return None
    system = system_of(event.type)
    found: dict[str, str] = {}
    hashes = []
    for kind, spellings in ALIASES.items():
        values = [text for source in (data, before) for name in spellings if (text := name_text(source.get(name)))]
        for text in values:
            found.setdefault(kind, text)
        hashes += [alias_hash(event.account, system, kind, text) for text in values]
    if not hashes:
        return None
    entity = found.get("id") or found.get("email") or found["phone"]
    return ReportedChange(system, entity, tuple(dict.fromkeys(hashes)), fields, was)


def judge(change: ReportedChange, opened: Sequence[OpenWrite], origin: str) -> EchoJudgement:
    """Match each changed field with an open write, the oldest first; mark what is used. `origin`: the event's hash.

    A field of a write answers for one event; the same event again finds it.
    """
    echoes, near, foreign = [], [], []
    for name in change.fields:
        found = _whole(change, name, opened, origin) or _members(change, name, opened, origin)
        for write, names in found.writes:
            write.use(names, origin)
        if not found.all:
            foreign.append(name)
            continue
        echoes.append(name)
        if not found.exact:
            near.append(name)
    hops = 1 + max((write.hops for write in opened), default=-1)
    return EchoJudgement(tuple(echoes), tuple(near), tuple(foreign), hops)


def only(event: Event, judgement: EchoJudgement) -> Event:
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


def marks(value: Any) -> tuple[str, str]:  # noqa: ANN401 - a JSON value
    """Hashes of a value: as it is, and as people mean it."""
    return stable_id("exact", _json(value)), stable_id("near", _json(_alike(value)))


@dataclass(frozen=True, slots=True)
class _Found:
    """The writes, each with its marks, that a field of a change is the echo of.

    `all`: nothing else is in it. `exact`: it came back as it was written.
    """

    writes: tuple[tuple[OpenWrite, tuple[str, ...]], ...]
    all: bool
    exact: bool


def _whole(change: ReportedChange, name: str, opened: Sequence[OpenWrite], origin: str) -> _Found | None:
    """A write of this value. One that came back unaltered is preferred, so that it is the one that is used."""
    exact, alike = marks(change.fields[name])
    there = [(write, mark) for write in opened if (mark := write.open_for(name, origin)) is not None]
    same = [(write, True) for write, mark in there if mark.exact == exact]
    same += [(write, False) for write, mark in there if mark.near == alike]
    for write, unaltered in same:
        own = tuple(one for one in write.fields if field_of(one) == name)
        return _Found(((write, own),), all=True, exact=unaltered)
    return None


def _members(change: ReportedChange, name: str, opened: Sequence[OpenWrite], origin: str) -> _Found:
    """Writes of the members that came and went.

    Where the event does not say what was there before, nor what came and went, it is the echo of a write of one member
    that it agrees with; never of one of a whole list.
    """
    after = {marks(one)[1]: marks(one)[0] for one in _items(change.fields[name])}
    before = {marks(one)[1]: marks(one)[0] for one in _items(change.before.get(name))}
    wanted = {f"{name} +{one}": after[one] for one in after.keys() - before.keys()}
    wanted |= {f"{name} -{one}": before[one] for one in before.keys() - after.keys()}
    if name not in change.before or not wanted:
        for write in opened:
            if name not in write.fields and (own := _agrees(write, name, after, origin)) is not None:
                return _Found(((write, (own,)),), all=True, exact=name in change.before)
        return _Found((), all=False, exact=False)
    found = []
    exact = True
    for member, value in sorted(wanted.items()):
        for write in opened:
            if (mark := write.open_for(member, origin)) is not None:
                found.append((write, (member, name)))
                # A destination that adds to its list, where the list was to be set, has altered it.
                exact = exact and mark.exact == value and name not in write.fields
                break
    return _Found(tuple(found), all=len(found) == len(wanted), exact=exact)


def _agrees(write: OpenWrite, name: str, after: Mapping[str, str], origin: str) -> str | None:
    """The mark of a member that came and is there, or went and is not."""
    for own in write.fields:
        member = _MEMBER.search(own)
        if member is None or field_of(own) != name or (mark := write.open_for(own, origin)) is None:
            continue
        if (mark.near in after) is (member[1] == "+"):
            return own
    return None


def _items(value: Any) -> Iterator[Any]:  # noqa: ANN401 - a JSON value
    """The members of a list; of one member alone, that one."""
    if isinstance(value, list):
        yield from value
    elif value not in (None, ""):
        yield value


def _few(value: Any) -> list[Any]:  # noqa: ANN401 - a JSON value
    return value if isinstance(value, list) and len(value) <= MOST_MEMBERS else []


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
