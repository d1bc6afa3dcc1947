"""Requests at work and the bytes that they hold: what came, and not what was announced.

A body can stay on its way for its whole time, and before it is here nobody knows who sends it, unless the address or a
header proves that. So requests that are not proven wait outside of those at work, in a room of their own, of which a
source has a share, and the address that they come from a smaller one. Of those that are proven a source has a share
too. Whoever fills one shuts nobody out but those of the same source or address.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

OUTSIDE = 4
"""So many times as many may wait outside as are at work: each is a connection, and what came of its body."""
OF_PROVEN, OF_SOURCE, OF_PEER = 2, 4, 8
"""The part of a room that is a proven source's, an unproven source's, and an address's: a half, a fourth, an eighth."""


@dataclass
class _Room:
    """So many requests and bytes, of at most so many."""

    most: int
    most_bytes: int
    now: int = 0
    size: int = 0

    def enter(self) -> None:
        if self.now >= self.most:
            raise _full(f"{self.now} requests are at work already, or on their way")
        self.now += 1

    def add(self, size: int) -> None:
        if self.size + size > self.most_bytes:
            raise _full(f"{self.size} bytes are held already")
        self.size += size

    def leave(self, size: int) -> None:
        self.now -= 1
        self.size -= size


class HeldRequest:
    """One request, and what it holds: first on its way, in `rooms`, then at work."""

    def __init__(self, work: _Room) -> None:
        self._work = work
        self._rooms: dict[int, tuple[_Room, int]] = {}

    def enter(self, room: _Room) -> None:
        """Take a place in a room. Raises Refused: 503."""
        room.enter()
        self._rooms[id(room)] = (room, 0)

    def add(self, size: int) -> None:
        """So many more bytes of it are held. Raises Refused: 503 when there is no room for them."""
        for key, (room, held) in self._rooms.items():
            room.add(size)
            self._rooms[key] = (room, held + size)

    def arrived(self) -> None:
        """Its body is here: it goes to work. Raises Refused: 503 when too many are."""
        size = max((held for _, held in self._rooms.values()), default=0)
        if id(self._work) not in self._rooms:
            self.enter(self._work)
            self._work.add(size)
            self._rooms[id(self._work)] = (self._work, size)
        for key in [key for key in self._rooms if key != id(self._work)]:
            self._leave(key)

    def end(self) -> None:
        """It is answered."""
        for key in list(self._rooms):
            self._leave(key)

    def _leave(self, key: int) -> None:
        room, held = self._rooms.pop(key)
        room.leave(held)


class RequestsInFlight:
    """All requests now. `most_body`: the largest body, for which there is room in every share."""

    def __init__(self, most: int, most_bytes: int, most_body: int) -> None:
        self._work = _Room(most, most_bytes)
        self._outside = _Room(most * OUTSIDE, max(most_body, most_bytes // OF_PROVEN))
        self._most_body = most_body
        self._shares: dict[Hashable, _Room] = {}

    @contextmanager
    def hold(self, source: str, peer: object, *, proven: bool) -> Iterator[HeldRequest]:
        """Admits a request whose body is on its way. Raises Refused: 503 when there is no room for it.

        `proven`: whether its sender is known before the body is; `peer`: the address that it comes from.
        """
        room = self._work if proven else self._outside
        parts: dict[Hashable, int] = {(source, proven): OF_PROVEN if proven else OF_SOURCE}
        if not proven:
            parts[("peer", str(peer))] = OF_PEER
        held = HeldRequest(self._work)
        try:
            held.enter(room)
            for name, part in parts.items():
                held.enter(self._shares.setdefault(name, self._share(room, part)))
            yield held
        finally:
            held.end()
            for name in parts:
                if name in self._shares and not self._shares[name].now:
                    del self._shares[name]

    def _share(self, room: _Room, part: int) -> _Room:
        return _Room(max(1, room.most // part), max(self._most_body, room.most_bytes // part))


def _full(what: str) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.OVERLOADED,
        f"{what}. Send again after a moment.",
        headers={"Retry-After": "1"},
    )
