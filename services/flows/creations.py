"""What calls of ours made, recognised when its system tells of it. Pure.

    making   what a call may make, before it is made: known by e-mail and phone
    made     its id, once the system has answered
    told     what an event says was made
    makers   which of our calls made it

By the id it is certain, whenever the event comes. By e-mail or phone it is taken for ours only while the call may have
made it, and one such event a call: people share phones, and the same person can be entered by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from contracts.writes import SETS, TELL_OF_NEW
from services.flows.entities import ALIASES, alias_hash, name_text

NEW = "new "
"""Before the kind of an alias: what was made is not looked for where changes are."""

BY_US = "by_us"
"""The field of a trigger's payload that says it to flows."""


@dataclass(frozen=True, slots=True)
class PossibleCreation:
    """What a call may make. `trigger` tells of it; `aliases`: kind → value; `flows`: whose runs led to the call."""

    trigger: str
    system: str
    aliases: Mapping[str, str]
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Creation:
    """What an event says was made, and when the event came. `aliases` as hashes, `id` and `email` are among them."""

    entity: str
    aliases: tuple[str, ...]
    at: datetime
    id: str | None = None
    email: str | None = None


@dataclass(slots=True)
class Maker:
    """A call of ours that may have made something. All that it is known by as hashes.

    `made`: the id that was answered, where it is known. `may`: whether the call may have made it at all. `until`: when
    an event came at the latest that is taken for its own without the id; `told`: the event that was.
    """

    id: str
    flows: tuple[str, ...]
    aliases: frozenset[str]
    hops: int = 0
    email: str | None = None
    made: str | None = None
    may: bool = True
    until: datetime | None = None
    told: str | None = None

    def surely(self, creation: Creation) -> bool:
        """Whether it is the id that was answered."""
        return creation.id is not None and (creation.id == self.made or creation.id in self.aliases)

    def perhaps(self, creation: Creation, origin: str) -> bool:
        """Whether an e-mail or phone is the same, and nothing says that it is another's."""
        return (
            self.may
            and (self.until is None or creation.at <= self.until)
            and self.told in (None, origin)
            and not self.aliases.isdisjoint(creation.aliases)
            and not (self.made and creation.id and self.made != creation.id)
            and not (self.email and creation.email and self.email != creation.email)
        )


def making(request: ActionRequest) -> PossibleCreation | None:
    """What a request may make; None where that is nothing, or known by nothing."""
    sets = SETS.get(request.action)
    if sets is None or sets.makes is None:
        return None
    aliases = {kind: text for kind, name in sets.entity.items() if (text := name_text(request.inputs.get(name)))}
    run = request.run
    flows = tuple(dict.fromkeys((*run.event.led_by, run.flow)))
    return PossibleCreation(sets.makes, sets.system, aliases, flows) if aliases else None


def new_hash(account: str, system: str, kind: str, value: str) -> str:
    """What may have been made, by one of the things that it is known by."""
    return alias_hash(account, system, NEW + kind, value)


def making_id(effect_id: str) -> str:
    """Under what the making of an effect is remembered."""
    return stable_id("making", effect_id)


def made(request: ActionRequest, outputs: Mapping[str, Any]) -> str | None:
    """What the thing that a call made is known by from now on, as a hash; None where it makes nothing."""
    sets = SETS.get(request.action)
    if sets is None or sets.makes is None or (text := name_text(outputs.get(sets.made))) is None:
        return None
    return new_hash(request.run.event.account, sets.system, "id", text)


def told(event: Event) -> Creation | None:
    """What an event says was made; None for one that tells of nothing that a call of ours can make."""
    system = TELL_OF_NEW.get(event.type)
    if system is None:
        return None
    first: dict[str, tuple[str, str]] = {}
    hashes = []
    for kind, spellings in ALIASES.items():
        for text in (text for name in spellings if (text := name_text(event.data.get(name)))):
            hashes.append(new_hash(event.account, system, kind, text))
            first.setdefault(kind, (text, hashes[-1]))
    if not first:
        return None
    (entity, _), *_ = first.values()
    own, email = (first[kind][1] if kind in first else None for kind in ("id", "email"))
    return Creation(entity, tuple(dict.fromkeys(hashes)), event.accepted or event.time, own, email)


def makers(creation: Creation, opened: Sequence[Maker], origin: str) -> tuple[Maker, ...]:
    """Those of our calls, the oldest first, that made what an event tells of; marks one that is only taken for it.

    `origin` is the event's hash: the same event again finds the same.
    """
    if sure := tuple(one for one in opened if one.surely(creation)):
        return sure
    shared = frozenset(creation.aliases)
    near = [one for one in opened if one.perhaps(creation, origin)]
    if not near:
        return ()
    best = min(near, key=lambda one: (one.told is None, -len(one.aliases & shared)))
    best.told = origin
    return (best,)


def ours(event: Event, flows: Sequence[str], hops: int) -> Event:
    """The event, with what flows see of it and whose runs led to it."""
    data = {**event.data, BY_US: True}
    return event.model_copy(update={"data": data, "ledby": ",".join(flows), "hops": hops})
