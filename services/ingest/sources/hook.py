"""A hook: a sender that proves itself by an unguessable token in its URL.

Closum documents no signature for its webhooks, so the URL is the secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from prometheus_client import Counter

from contracts.triggers.payload import Payload
from services.runtime import metrics


@dataclass(frozen=True)
class Hook:
    """One source of the sources file. Its repr holds no token."""

    name: str
    trigger: type[Payload]
    token: bytes = field(repr=False)
    account: str = "default"

    @cached_property
    def uri(self) -> str:
        """The `source` of its events."""
        return f"/hooks/{self.name}"

    @cached_property
    def accepted(self) -> Counter:
        """Counts its events."""
        return metrics.EVENTS_ACCEPTED.labels(source=self.name, trigger=self.trigger.trigger)


class Hooks:
    """All hooks, by name."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._by_name = {hook.name: hook for hook in hooks}

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, name: str, token: str) -> Hook | None:
        """The hook, if the token is its own. An unknown name takes as long as a wrong token."""
        hook = self._by_name.get(name)
        sent = token.encode(errors="replace")
        if hook is None:
            hmac.compare_digest(sent, sent)
            return None
        return hook if hmac.compare_digest(sent, hook.token) else None
