"""A request whose sender is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.sources.hook import Hook


@dataclass(frozen=True)
class ProvedRequest:
    """The request, the source that it is for, and what its proof is good for. `place`: of an item read again."""

    hook: Hook
    request: AuthRequest
    proven: Proven
    place: str = ""

    @property
    def received(self) -> datetime:
        """When it came."""
        return datetime.fromtimestamp(self.request.now, UTC)
