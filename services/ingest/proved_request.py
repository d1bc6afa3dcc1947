"""A request whose sender is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from services.ingest.auth.scheme import AuthRequest, Proven


class KnownSource(Protocol):
    """What is to be known of a request's source where it is refused: of a hook, or of who sends whole events."""

    @property
    def name(self) -> str:
        """As metrics and logs name it."""
        ...

    @property
    def account(self) -> str:
        """Whose it is."""
        ...

    @property
    def uri(self) -> str:
        """The address of its events."""
        ...

    @property
    def hides(self) -> bool:
        """Whether its bodies hold what people must not see."""
        ...

    @property
    def body_bytes(self) -> int | None:
        """How large a body may be; None: as large as the setting says."""
        ...

    @property
    def token(self) -> str:
        """The name of the token that its sender showed; empty of a hook."""
        ...

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """A body without what people must not see."""
        ...


S_co = TypeVar("S_co", bound=KnownSource, covariant=True)


@dataclass(slots=True)
class ProvedRequest(Generic[S_co]):
    """The request, the source that it is for, and what its proof is good for. `place`: of an item read again."""

    hook: S_co
    request: AuthRequest
    proven: Proven
    place: str = ""

    @property
    def received(self) -> datetime:
        """When it came."""
        return datetime.fromtimestamp(self.request.now, UTC)
