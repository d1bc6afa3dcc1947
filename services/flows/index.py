"""Which flows an event starts, and which version a run goes on with: by look-up, so a thousand flows cost no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contracts.triggers.payload import Payload
from services.flows.compiled import CompiledFlow
from services.flows.waiting import WaitMatch


class FlowIndex:
    """A set of compiled flows, with the models of the declared triggers that they were checked against."""

    def __init__(self, flows: Iterable[CompiledFlow], declared: Mapping[str, type[Payload]] | None = None) -> None:
        self._declared = dict(declared or {})
        self._by_trigger: dict[str, tuple[CompiledFlow, ...]] = {}
        self._by_version: dict[tuple[str, str], CompiledFlow] = {}
        self._by_name: dict[str, str] = {}
        self._matches: dict[str, dict[str, WaitMatch]] = {}
        for flow in flows:
            self._by_name[flow.name] = flow.version
            self._by_version[flow.name, flow.version] = flow
            for trigger in flow.triggers:
                self._by_trigger[trigger] = (*self._by_trigger.get(trigger, ()), flow)
            for trigger, match in flow.matches:
                self._matches.setdefault(trigger, {}).setdefault(match.source, match)

    def for_trigger(self, type_: str) -> tuple[CompiledFlow, ...]:
        """The flows that an event of this type starts, in the order in which they were given."""
        return self._by_trigger.get(type_, ())

    def declared(self, type_: str) -> type[Payload] | None:
        """The model of a declared trigger; None where none is known here."""
        return self._declared.get(type_)

    def matches(self, type_: str) -> tuple[WaitMatch, ...]:
        """How waits that an event of this type may end read its key."""
        return tuple(self._matches.get(type_, {}).values())

    def version(self, name: str, version: str) -> CompiledFlow | None:
        """The flow of a run, or None when this version is not loaded."""
        return self._by_version.get((name, version))

    def current(self, name: str) -> str | None:
        """The version in which new runs of a flow begin, or None when there is no such flow."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[CompiledFlow]:
        return iter(self._by_version.values())

    def __len__(self) -> int:
        return len(self._by_version)
