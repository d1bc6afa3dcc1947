"""What a destination declares that it honours: the header of the key, and how long it remembers one."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = "Idempotency-Key"
# What the best known API keeps keys for at least: https://docs.stripe.com/api/idempotent_requests
REMEMBERED_SECONDS = 86_400.0
MARGIN_SECONDS = 60.0
MARGIN_PART = 0.1


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`header` carries the effect's id. `seconds`: how long the destination knows a key again; None: for ever."""

    header: str = HEADER
    seconds: float | None = REMEMBERED_SECONDS

    @property
    def safe_seconds(self) -> float | None:
        """How long after the first call a further one may leave: it still has to arrive in time. None: for ever."""
        if self.seconds is None:
            return None
        return self.seconds - min(MARGIN_SECONDS, self.seconds * MARGIN_PART)

    def value(self, effect_id: str) -> str:
        """The header's value. Under the name of the IETF draft, a quoted string as there; else as it is.

        https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
        """
        return f'"{effect_id}"' if self.header.lower() == HEADER.lower() else effect_id


ASSUMED = IdempotencyKey(seconds=None)
"""What every destination was taken to honour up to release 0.2.0, and what `repeat: keyed` says by itself."""
