"""Dead letters of polls: an item of an answer that is no event of its source, told once.

Nobody waits for an answer of ours there, as a webhook's sender does: without a letter such an item would be lost. Its
value is the event that it should have been, with the item as `data`, so that it can be changed and redriven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from asyncpg.pool import PoolConnectionProxy

from contracts.errors import ErrorCode
from contracts.events import CONTENT_TYPE, partition_key
from contracts.ids import stable_id
from contracts.topics import EVENTS, EVENTS_DLQ
from services.ingest import metrics
from services.ingest.dead_items import DeadItem, bury
from services.ingest.event_publisher import EventPublisher
from services.ingest.sources.schedules_and_polls import Poll
from services.runtime import logging
from services.runtime.kafka import ConsumedRecord, Headers
from services.runtime.tables import claims

SCOPE = "poll.letter"
KEEP = timedelta(days=EVENTS_DLQ.keep_days)
"""As long as the letter lies in its topic, the same item is not another one."""
log = logging.get("polls")


@dataclass(frozen=True)
class UnfitItem:
    """An item that is no event: where it stood in the answer (a JSON pointer, and its number), and why."""

    item: Any
    pointer: str
    number: int
    code: ErrorCode
    why: str

    @property
    def content(self) -> bytes:
        """The same for the same item, in whatever order its fields come."""
        return orjson.dumps(self.item, option=orjson.OPT_SORT_KEYS)


async def tell(
    connection: PoolConnectionProxy, publisher: EventPublisher, poll: Poll, unfit: Sequence[UnfitItem]
) -> int:
    """A dead letter and an end for each item that has none yet; how many.

    To be called in the transaction that keeps the cursor: if that fails after Kafka acknowledged, the letter comes
    again, and its end, with the same id, counts once. Raises Refused when Kafka does not acknowledge, and what asyncpg
    raises.
    """
    items = {stable_id(poll.uri, "unfit", one.content): one for one in unfit}
    if not items:
        return 0
    known = await claims.held(connection, poll.account, SCOPE, items)
    new = {identity: one for identity, one in items.items() if identity not in known}
    for identity, one in new.items():
        await _bury(publisher, poll, identity, one)
    if new:
        await claims.hold(connection, poll.account, SCOPE, new, by=poll.uri, keep=KEEP)
    return len(new)


async def _bury(publisher: EventPublisher, poll: Poll, identity: str, one: UnfitItem) -> None:
    now = datetime.now(UTC)
    cause = f"the item {one.pointer!r} of the answer is no event: {one.why}"
    event = {
        "specversion": "1.0",
        "id": identity,
        "source": poll.uri,
        "type": poll.trigger.trigger,
        "subject": identity,
        "time": now,
        "datacontenttype": "application/json",
        "account": poll.account,
        "accepted": now,
        "data": one.item,
    }
    key = partition_key(poll.account, identity)
    headers: Headers = [("content-type", CONTENT_TYPE.encode())]
    record = ConsumedRecord(EVENTS, poll.uri, 0, one.number, key, orjson.dumps(event), headers)
    item = DeadItem(identity, poll.account, poll.uri, one.code, cause, now)
    accepted = metrics.EVENTS_ACCEPTED.labels(source=poll.name, trigger=poll.trigger.trigger)
    await bury(publisher, record, item, accepted)
    log.warning("poll.item_refused", source=poll.name, event_id=identity, cause=cause)
