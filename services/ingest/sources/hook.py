"""A hook: a sender that posts to us, and proves itself by a token in its URL, by a scheme of auth/, or by both.

Closum documents no signature for its webhooks, so there the URL is the secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from prometheus_client import Counter

from services.ingest import metrics
from services.ingest.auth.networks import Network
from services.ingest.auth.scheme import AuthScheme, same
from services.ingest.readers.reader import Reader


@dataclass(frozen=True)
class Handshakes:
    """How a publisher makes sure of the address. `checks`: HEAD and GET are answered.

    `queries`, `headers`, `fields`: parameters, headers and fields of the body that are sent back. `pings`: a body of
    exactly these fields holds no event.
    """

    checks: bool = False
    queries: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    pings: tuple[frozenset[str], ...] = ()

    @property
    def in_body(self) -> bool:
        """Whether a body can be one, which need not be signed."""
        return bool(self.fields or self.pings)


@dataclass(frozen=True)
class Answer:
    """What the sender takes for success. `content_type` is None where there is no body."""

    status: int
    body: bytes = b""
    content_type: bytes | None = None


@dataclass(frozen=True)
class Hook:
    """One source of the sources file. Its repr holds no secret. No tokens: its address ends with its name.

    `hides`: its bodies hold what people must not see, which its reader takes out. `origins`: the only web pages that
    may send; empty: nobody is asked.
    """

    name: str
    reader: Reader
    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    account: str = "default"
    proof: AuthScheme | None = None
    refuse_replays: bool = False
    verify_tokens: tuple[bytes, ...] = field(default=(), repr=False)
    networks: tuple[Network, ...] = ()
    proxies: tuple[Network, ...] = ()
    requests_per_second: int | None = None
    body_bytes: int | None = None
    duplicate_seconds: int | None = None
    repeat_seconds: int | None = None
    same_id_is_new: bool = False
    handshakes: Handshakes = Handshakes()
    answer: Answer | None = None
    from_query: bool = False
    hides: bool = False
    origins: frozenset[bytes] = frozenset()

    token: ClassVar[str] = ""
    """See KnownSource: its tokens are no names."""

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """A body without what people must not see."""
        return self.reader.shown(value)

    @cached_property
    def uri(self) -> str:
        """The `source` of its events."""
        return f"/hooks/{self.name}"

    @cached_property
    def accepted(self) -> dict[str, Counter]:
        """Counts its events, by trigger."""
        names = (trigger.trigger for trigger in self.reader.triggers)
        return {name: metrics.EVENTS_ACCEPTED.labels(source=self.name, trigger=name) for name in names}


class Hooks:
    """All hooks, by name."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._by_name = {hook.name: hook for hook in hooks}

    def __iter__(self) -> Iterator[Hook]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def named(self, name: str) -> Hook | None:
        """The hook of this name, whoever asks."""
        return self._by_name.get(name)

    def find(self, name: str, token: str | None) -> Hook | None:
        """The hook, if the token is its own. An unknown name takes as long as a wrong token."""
        hook = self._by_name.get(name)
        if token is None:
            return hook if hook is not None and not hook.tokens else None
        sent = token.encode(errors="replace")
        if hook is None or not hook.tokens:
            same(sent, (sent,))
            return None
        return hook if same(sent, hook.tokens) else None
