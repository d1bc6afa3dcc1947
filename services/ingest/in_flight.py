"""Requests at work and the bytes that they hold: what came, and not what was announced.

A body can stay on its way for its whole time, and before it is here nobody knows who sends it, unless the address or a
header proves that. So requests that are not proven wait outside of those at work, in a room of their own, of which a
source has a share, and the address that they come from a smaller one. Of those that are proven a source has a share
too. Whoever fills one shuts nobody out but those of the same source or address.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from http import HTTPStatus
from typing import Self, TypeVar

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

OUTSIDE = 4
"""So many times as many may wait outside as are at work: each is a connection, and what came of its body."""
OF_PROVEN, OF_SOURCE, OF_PEER = 2, 4, 8
"""The part of a room that is a proven source's, an unproven source's, and an address's: a half, a fourth, an eighth."""

S = TypeVar("S", bound=Hashable)


class _Room:
    """So many requests and bytes, of at most so many."""

    __slots__ = ("most", "most_bytes", "now", "size")

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.now = 0
        self.size = 0

    def has_place(self) -> None:
        if self.now >= self.most:
            raise _full(f"{self.now} requests are at work already, or on their way")

    def has_room(self, size: int) -> None:
        if self.size + size > self.most_bytes:
            raise _full(f"{self.size} bytes are held already")


class HeldRequest:
    """One request, and the bytes that it holds: first on its way, then at work. It is over with the `with` block."""

    __slots__ = ("_flying", "_peer", "_rooms", "_size")

    def __init__(self, flying: RequestsInFlight, rooms: tuple[_Room, ...], peer: Hashable = None) -> None:
        self._flying = flying
        self._rooms = rooms
        self._peer = peer
        self._size = 0

    def __enter__(self) -> Self:
        """Raises Refused: 503 when there is no place for it."""
        try:
            for room in self._rooms:
                room.has_place()
        except Refused:
            self._flying.tidy(self._peer)
            raise
        for room in self._rooms:
            room.now += 1
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
        work, left = self._flying.work, self._rooms
        if left[0] is work:
            left = left[1:]
        else:
            work.has_room(self._size)
            work.has_place()
            work.now += 1
            work.size += self._size
        self._rooms = (work,)
        self._leave(left)

    def end(self) -> None:
        """It is answered. Twice is once."""
        left, self._rooms = self._rooms, ()
        self._leave(left)

    def _leave(self, rooms: Iterable[_Room]) -> None:
        for room in rooms:
            room.now -= 1
            room.size -= self._size
        if self._peer is not None:
            self._flying.tidy(self._peer)


class RequestsInFlight:
    """All requests now. `most_body`: the largest body, for which there is room in every share."""

    def __init__(self, most: int, most_bytes: int, most_body: int) -> None:
        self.work = _Room(most, most_bytes)
        self._outside = _Room(most * OUTSIDE, max(most_body, most_bytes // OF_PROVEN))
        self._most_body = most_body
        self._proven: dict[str, _Room] = {}
        self._sources: dict[str, _Room] = {}
        self._peers: dict[Hashable, _Room] = {}

    def hold(self, source: str, peer: Hashable, *, proven: bool) -> HeldRequest:
        """A request whose body is on its way; admitted when its context is entered.

        `proven`: whether its sender is known before the body is; `peer`: the address that it comes from.
        """
        if proven:
            return HeldRequest(self, (self.work, self._share(self._proven, source, self.work, OF_PROVEN)))
        outside = self._outside
        of_source = self._share(self._sources, source, outside, OF_SOURCE)
        return HeldRequest(self, (outside, of_source, self._share(self._peers, peer, outside, OF_PEER)), peer)

    def _share(self, shares: dict[S, _Room], name: S, room: _Room, part: int) -> _Room:
        """The part of a room that is this source's or address's."""
        share = shares.get(name)
        if share is None:
            share = shares[name] = _Room(max(1, room.most // part), max(self._most_body, room.most_bytes // part))
        return share

    def tidy(self, peer: Hashable) -> None:
        """Forget an address that nobody sends from: there may be any number, and of sources those declared."""
        share = self._peers.get(peer)
        if share is not None and not share.now:
            del self._peers[peer]


def _full(what: str) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.OVERLOADED,
        f"{what}. Send again after a moment.",
        headers={"Retry-After": "1"},
    )
