"""Where a simulation comes in: at each await of a fake, before and after what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Faults:
    """None at all. A simulation overrides these: what they raise is raised to whoever asked."""

    async def before(self, what: str) -> None:
        """Nothing was done yet."""
        del what
        await asyncio.sleep(0)

    async def after(self, what: str) -> None:
        """It was done, and nobody was told."""
        del what
        await asyncio.sleep(0)

    @asynccontextmanager
    async def around(self, what: str) -> AsyncIterator[None]:
        """Something that is done as a whole, or not at all."""
        await self.before(what)
        yield
        await self.after(what)


NONE = Faults()
