"""Requests at work and the bytes that they hold: what came, and not what was announced.

A body can stay on its way for its whole time, and before it is here nobody knows who sends it, unless the address or a
header proves that. So requests that are not proven wait outside of those at work, in a room of their own, of which a
source has a share, and the address that they come from a smaller one. Of those that are proven a source has a share
too. Whoever fills one shuts nobody out but those of the same source or address.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Self

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

OUTSIDE = 4
"""So many times as many may wait outside as are at work: each is a connection, and what came of its body."""
OF_PROVEN, OF_SOURCE, OF_PEER = 2, 4, 8
"""The part of a room that is a proven source's, an unproven source's, and an address's: a half, a fourth, an eighth."""

Share = tuple[int, str]
"""Which part of a room, and whose."""


class _Room:
    """So many requests and bytes, of at most so many."""

    __slots__ = ("most", "most_bytes", "now", "size")

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.now = 0
        self.size = 0

    def enter(self) -> None:
        if self.now >= self.most:
            raise _full(f"{self.now} requests are at work already, or on their way")
        self.now += 1

    def has_room(self, size: int) -> None:
        if self.size + size > self.most_bytes:
            raise _full(f"{self.size} bytes are held already")


class HeldRequest:
    """One request, and the bytes that it holds: first on its way, then at work. It is over with the `with` block."""

    __slots__ = ("_flying", "_names", "_room", "_rooms", "_size")

    def __init__(self, flying: RequestsInFlight, room: _Room, names: tuple[Share, ...]) -> None:
        self._flying = flying
        self._room = room
        self._names = names
        self._rooms: list[_Room] = []
        self._size = 0

    def __enter__(self) -> Self:
        """Raises Refused: 503 when there is no place for it."""
        try:
            self._enter(self._room)
            for name in self._names:
                self._enter(self._flying.share(name, self._room))
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def add(self, size: int) -> None:
        """So many more bytes of it are held. Raises Refused: 503 when there is no room for them."""
        for room in self._rooms:
            room.has_room(size)
        for room in self._rooms:
            room.size += size
        self._size += size

    def arrived(self) -> None:
        """Its body is here: it goes to work. Raises Refused: 503 when too many are."""
        work = self._flying.work
        if work in self._rooms:
            others = [room for room in self._rooms if room is not work]
        else:
            work.has_room(self._size)
            self._enter(work)
            work.size += self._size
            others = self._rooms[:-1]
        for room in others:
            self._leave(room)

    def end(self) -> None:
        """It is answered. Twice is once."""
        while self._rooms:
            self._leave(self._rooms[-1])
        self._flying.tidy(self._names)

    def _enter(self, room: _Room) -> None:
        room.enter()
        self._rooms.append(room)

    def _leave(self, room: _Room) -> None:
        self._rooms.remove(room)
        room.now -= 1
        room.size -= self._size


class RequestsInFlight:
    """All requests now. `most_body`: the largest body, for which there is room in every share."""

    def __init__(self, most: int, most_bytes: int, most_body: int) -> None:
        self.work = _Room(most, most_bytes)
        self._outside = _Room(most * OUTSIDE, max(most_body, most_bytes // OF_PROVEN))
        self._most_body = most_body
        self._shares: dict[Share, _Room] = {}

    def hold(self, source: str, peer: object, *, proven: bool) -> HeldRequest:
        """A request whose body is on its way; admitted when its context is entered.

        `proven`: whether its sender is known before the body is; `peer`: the address that it comes from.
        """
        if proven:
            return HeldRequest(self, self.work, ((OF_PROVEN, source),))
        return HeldRequest(self, self._outside, ((OF_SOURCE, source), (OF_PEER, str(peer))))

    def share(self, name: Share, room: _Room) -> _Room:
        """The part of a room that is this source's or address's."""
        share = self._shares.get(name)
        if share is None:
            part = name[0]
            share = _Room(max(1, room.most // part), max(self._most_body, room.most_bytes // part))
            self._shares[name] = share
        return share

    def tidy(self, names: Iterable[Share]) -> None:
        """Forget shares that nobody is in."""
        for name in names:
            share = self._shares.get(name)
            if share is not None and not share.now:
                del self._shares[name]


def _full(what: str) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.OVERLOADED,
        f"{what}. Send again after a moment.",
        headers={"Retry-After": "1"},
    )
