"""The ports of a stack: the known ones when they are free, else the next free ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from deploy.local.ports import free_port, is_free

KNOWN = {"ingest": 8080, "closum": 8090, "ingest_health": 9101, "tools_health": 9102, "actions_health": 9103}
LAST = 65_535


@dataclass(frozen=True)
class Ports:
    """Each service's port on the loopback address."""

    ingest: int
    closum: int
    ingest_health: int
    tools_health: int
    actions_health: int

    def moved(self, wanted: Mapping[str, int] | None = None) -> dict[str, tuple[int, int]]:
        """What stands elsewhere than wanted: name → (wanted, got)."""
        wanted = {**KNOWN, **(wanted or {})}
        got = {field.name: int(getattr(self, field.name)) for field in fields(self)}
        return {name: (wanted[name], port) for name, port in got.items() if wanted[name] != port}


def known_or_next(wanted: Mapping[str, int] | None = None) -> Ports:
    """The known ports, `wanted` before them; where one is taken, the next free above it."""
    chosen: dict[str, int] = {}
    for name, port in {**KNOWN, **(wanted or {})}.items():
        chosen[name] = next(
            (
                candidate
                for candidate in range(port, LAST + 1)
                if candidate not in chosen.values() and is_free(candidate)
            ),
            0,
        ) or free_port(besides=frozenset(chosen.values()))
    return Ports(**chosen)


def any_free() -> Ports:
    """Ports that nobody else wants."""
    chosen: dict[str, int] = {}
    for name in KNOWN:
        chosen[name] = free_port(besides=frozenset(chosen.values()))
    return Ports(**chosen)
