"""What a pure tool may ask of the world. It awaits a need; whoever drives the run answers it.

    async def deduplicate(inputs):
        claimed = await Claim(scope="leads", key=inputs.key, within_seconds=86_400)

`advance` runs the tool until its first need without an answer and gives that need back. The processor collects the
needs of a whole batch, asks PostgreSQL once for all, and advances again: the tool is run anew from its beginning with
the answers so far, so everything before a need must be deterministic. `flows test` answers from memory
(services/flows/state/memory.py). The kinds with state are in services/flows/state/.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Need(Generic[T]):
    """The base: one kind a subclass, its answer's type as parameter."""

    def __await__(self) -> Generator[Need[Any], Any, T]:
        """Hand the need to the driver; its answer is the value of the `await`."""
        answer: T = yield self
        return answer


@dataclass(frozen=True, slots=True)
class Pause(Need[None]):
    """Wait until a moment, in seconds since 1970.

    Nobody answers it: `advance` gives Sleep, and the run is advanced anew from this step, without answers, when the
    time has come. The needs before the pause are asked again, and answered as they were; a pause that is over by
    then is passed. So a tool pauses only where it was answered that it has to, never by a look at the clock.
    """

    until: float
