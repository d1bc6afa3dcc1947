"""What a destination declares that it honours: the header of the key, and how long it remembers one."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = "Idempotency-Key"
# What the best known API keeps keys for at least: https://docs.stripe.com/api/idempotent_requests
REMEMBERED_SECONDS = 86_400.0
MARGIN_SECONDS = 60.0
ARRIVES_SECONDS = 30.0
"""So long after its caller gave it up a request may still arrive."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`header` carries the effect's id. `seconds`: how long the destination knows a key again; None: for ever."""

    header: str = HEADER
    seconds: float | None = REMEMBERED_SECONDS

    def safe_seconds(self, call_seconds: float = 0.0) -> float | None:
        """How long after the first call a further one may leave: it still has to arrive in time. None: for ever.

        `call_seconds`: the whole time of a call. 0: not at all, as the destination forgets too soon.
        """
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - max(MARGIN_SECONDS, call_seconds + ARRIVES_SECONDS))

    def value(self, effect_id: str) -> str:
        """The header's value. Under the name of the IETF draft, a quoted string as there; else as it is.

        https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
        """
        return f'"{effect_id}"' if self.header.lower() == HEADER.lower() else effect_id


ASSUMED = IdempotencyKey(seconds=None)
"""What every destination was taken to honour up to release 0.2.0, and what `repeat: keyed` says by itself."""
