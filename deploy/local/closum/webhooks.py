"""Webhooks of the stand-in: both of its systems tell of every write, ours included, as real ones do.

`POST /_webhooks` subscribes a URL to a system (`closum` or `crm`), with the trouble that real networks make: a delay by
chance, so that they overtake each other, and some that come twice. `DELETE /_webhooks` ends it.

A subscription hears of all writes as changes; or of what is `new`, once and without changes, as Closum's trigger New
Lead; or of what is `changed` and was there before, as Contact Updated.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field

from deploy.local.closum.other_form import OtherForm
from deploy.local.closum.stand_in_state import Json

KEYS = frozenset({"id", "lead_id", "contact_id", "phone"})
OK = range(200, 300)
TRIES = 100
PAUSE_SECONDS = 0.2
AT_ONCE = 32


class Subscription(BaseModel):
    """Where a system's changes are told."""

    model_config = ConfigDict(extra="forbid")

    system: Literal["closum", "crm"]
    url: str
    of: Literal["all", "new", "changed"] = "all"
    delay_seconds: float = Field(default=0.0, ge=0, description="the longest delay; each has one by chance")
    twice: float = Field(default=0.0, ge=0, le=1, description="the share that comes twice")
    seed: int = 0


class Webhooks:
    """All subscriptions, and what is on its way."""

    def __init__(self) -> None:
        self._subscriptions: list[tuple[Subscription, random.Random]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.told = 0
        self.form = OtherForm()

    def subscribe(self, subscription: Subscription) -> None:
        """Tell of every change from now on."""
        self._subscriptions.append((subscription, random.Random(subscription.seed)))  # noqa: S311 - a test's trouble

    @property
    def shown(self) -> Json:
        """For `/_webhooks`."""
        subscriptions = [one.model_dump() for one, _ in self._subscriptions]
        return {"subscriptions": subscriptions, "on_the_way": len(self._tasks), "told": self.told}

    def tell(self, system: str, record: Json, before: Json, written: Json) -> None:
        """A record was written: `written` has the fields, `before` what the record was.

        A write that changes nothing is told of, too, with all that was written.
        """
        if not self._subscriptions:
            return
        new = [name for name in written if before.get(name) != record.get(name)]
        told_of = new or [name for name in written if name not in KEYS]
        changes = {name: {"before": before.get(name), "after": record.get(name)} for name in told_of}
        now = datetime.now(UTC).isoformat()
        told: dict[str, Any] = {**record, "event_id": uuid4().hex, "updated_at": now, "changes": changes}
        created: Json = {**record, "created_at": now}
        changed: Json = {**told, "changed": list(changes)}
        form = self.form if system == "closum" else OtherForm()
        new_one = orjson.dumps(form.told("closum.lead.created", created))
        change = orjson.dumps(form.told("closum.contact.updated", changed))
        is_new = not before.keys() - KEYS - {"writes"}
        for one, chance in self._subscriptions:
            if one.system == system and one.of in ("all", "new" if is_new else "changed"):
                body = new_one if one.of == "new" else change
                for _ in range(2 if chance.random() < one.twice else 1):
                    self._start(one.url, body, chance.uniform(0, one.delay_seconds))

    def _start(self, url: str, body: bytes, delay: float) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(url, body, delay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, url: str, body: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE))
        for _ in range(TRIES):
            try:
                headers = {"Content-Type": "application/json"}
                async with self._session.post(url, data=body, headers=headers) as answer:
                    if answer.status in OK:
                        self.told += 1
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        """Forget all, and what is on its way."""
        self._subscriptions.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None
