"""Who may send whole events, and for whom: each token is bound to accounts and sources.

A token is 256 random bits, of which the file keeps the SHA-256: a hash that is slow on purpose protects words that
people choose, and no list of guesses holds such a number. Two are live while one is changed, the old one for a while.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.ingest.auth.scheme import AuthRequest

EVERY = "*"
OURS = re.compile(r"/*(hooks|polls|schedules)(/.*)?", re.IGNORECASE | re.DOTALL)
"""The sources of what ingest takes itself: their events' ids are proven by other means."""


@dataclass(frozen=True)
class EventToken:
    """A sender with its live hashes, each with the time until which it counts; None: until it is taken out.

    `accounts` and `sources` are names, and beginnings of names that end with `*`.
    """

    name: str
    accounts: tuple[str, ...]
    sources: tuple[str, ...]
    hashes: tuple[tuple[str, datetime | None], ...] = field(default=(), repr=False)

    @property
    def account(self) -> str | None:
        """The account of an event that names none; None: it has to name one."""
        if len(self.accounts) == 1 and not self.accounts[0].endswith(EVERY):
            return self.accounts[0]
        return "default" if self.speaks_for_account("default") else None

    def speaks_for_account(self, account: str) -> bool:
        """Whether it may send events of this account."""
        return _named(account, self.accounts)

    def speaks_as(self, source: str) -> bool:
        """Whether it may send events under this source. Nobody may under those of hooks, polls and schedules."""
        return _named(source, self.sources) and not OURS.fullmatch(source)

    def may_see(self, account: str, source: str) -> bool:
        """Whether it may ask what became of an event: whose it is, by its account and source."""
        return self.speaks_for_account(account) and (self.sources == (EVERY,) or self.speaks_as(source))


def _named(name: str, names: Iterable[str]) -> bool:
    return any(name.startswith(one[:-1]) if one.endswith(EVERY) else name == one for one in names)


def unbound(token: str) -> EventToken:
    """What FLOWS_EVENTS_TOKEN is: a token for all accounts and all sources that are not ingest's own."""
    return EventToken("FLOWS_EVENTS_TOKEN", (EVERY,), (EVERY,), ((hash_of(token), None),))


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class EventTokens:
    """All tokens."""

    def __init__(
        self, tokens: Iterable[EventToken] = (), now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._tokens = tuple(tokens)
        self._now = now

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def named(self, name: str) -> EventToken | None:
        """The token of this name, which was proved before."""
        return next((one for one in self._tokens if one.name == name), None)

    def of(self, request: AuthRequest, *, password: bool = False) -> EventToken | None:
        """The sender whose token the request shows as `Authorization: Bearer`; None: nobody's.

        `password`: also where it stands as a password, which is what a browser asks for.
        """
        token = request.bearer() or (request.password() if password else b"")
        if not token:
            return None
        shown = hashlib.sha256(token).hexdigest()
        found = None
        for one in self._tokens:
            for kept, until in one.hashes:
                if hmac.compare_digest(shown, kept) and (until is None or self._now() < until):
                    found = one
        return found
