"""What is refused leaves a trace: a dead letter with the bytes, a count by cause, and since when a source is refused.

Of a body that was answered 202 each item that is no event is a letter, however many there are: nobody sends it again.
Of one that was refused whole its sender was told, and may send it again for days: the same one is one letter, others of
the same cause are kept too, up to a bound by source and hour, and all are counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import asyncpg
import orjson
from starlette.types import Receive

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.topics import DAY_SECONDS, REFUSED_DLQ
from services.ingest import metrics
from services.ingest.body import announced, first_bytes
from services.ingest.database import Database
from services.ingest.dead_items import SERVICE, DeadItem, bury
from services.ingest.event_publisher import EventPublisher
from services.ingest.http_problems import Refused, pointer
from services.ingest.proved_request import KnownSource, ProvedRequest
from services.ingest.readers.reader import UnreadItem
from services.ingest.refusal_counts import EXPIRING, RefusalCounts
from services.ingest.refused_requests import body_record, item_record
from services.ingest.refused_since import RefusedSince
from services.ingest.shared_claims import SharedClaims
from services.ingest.sources.hook import Hook
from services.runtime import database, logging
from services.runtime.dead_letters.groups import shape
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.dead_letters import dead_letter
from services.runtime.tables import expiry

SCOPE = "refused.letter"
KEPT = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Answers after which most senders do not send a request again."""
HOUR = 3600.0
MOST_LETTERS, MOST_OF_A_CAUSE, MOST_BYTES = 500, 100, 50_000_000
"""Of one source in an hour: further ones are counted only."""
KEEP_SECONDS = float(REFUSED_DLQ.keep_days * DAY_SECONDS)
SHOWN_FAULTS = 5
WRITE_SECONDS = 1.0
log = logging.get("refusals")


@dataclass
class _Hour:
    """What was kept of one source in this hour."""

    begun: float
    letters: Counter[str] = field(default_factory=Counter)
    """By cause: one that comes again and again leaves room for others."""
    size: int = 0


class Refusals:
    """The letters of one process. `most`: the largest body of a source that declares none."""

    def __init__(
        self,
        publisher: EventPublisher,
        pool: Callable[[], asyncpg.Pool | None],
        most: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._publisher = publisher
        self._claims = SharedClaims(pool, SCOPE)
        self._most = most
        self._now = now
        self._hours: dict[str, _Hour] = {}
        self.counts = RefusalCounts()
        self.since = RefusedSince()

    async def keep(self, came: ProvedRequest[KnownSource], refused: Refused, size: int | None = None) -> None:
        """A whole body, refused for good: a letter, or one more of those that are there.

        `size`: where only its first bytes were read. Raises Refused: 503 when Kafka does not take the letter; then its
        sender is asked to send it again.
        """
        if refused.status not in KEPT or refused.code.retriable:
            return
        hook, request = came.hook, came.request
        cause = f"{hook.name}: HTTP {refused.status.value}: {_words(refused)}"
        mark = stable_id(hook.uri, refused.code.value, shape(cause), request.method, request.query, request.body)
        again = bool(await self._claims.held(hook.account, (mark,)))
        kept = "again" if again else await self._kept_as(hook, cause, len(request.body))
        if kept == "letter":
            await self._letter(came, refused.code, cause, size)
            await self._claims.hold(hook.account, (mark,), by=hook.uri, seconds=KEEP_SECONDS)
        self._count(hook, refused.code, cause, kept)

    async def keep_sent(self, came: ProvedRequest[KnownSource], refused: Refused, receive: Receive, most: int) -> None:
        """The same for a request that is being answered: of a body that is too large only the beginning is there."""
        size = None
        if refused.code is ErrorCode.BODY_TOO_LARGE and not came.request.body:
            head = refused.head or await first_bytes(came.request, receive)
            came = replace(came, request=replace(came.request, body=head))
            size = announced(came.request) or most + 1
        await self.keep(came, refused, size)

    async def again(self, came: ProvedRequest[KnownSource], refused: Refused) -> None:
        """The same for a body that was read again: whoever put it back wants to see it, so it is always a letter."""
        cause = f"{came.hook.name}: read again: HTTP {refused.status.value}: {_words(refused)}"
        await self._letter(came, refused.code, cause)
        self._count(came.hook, refused.code, cause, "letter")

    async def bury(self, came: ProvedRequest[Hook], unread: Sequence[UnreadItem]) -> None:
        """Items of a body that was taken: a dead letter and an end of each, once however often it is delivered.

        An item that is read again is told each time. Raises Refused: 503.
        """
        hook, place = came.hook, came.place
        items: dict[str, tuple[DeadItem, ConsumedRecord, UnreadItem]] = {}
        alike: Counter[str] = Counter()
        for one in unread:
            body = one.alone()
            content = stable_id(hook.uri, "unread", place, orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
            mark = stable_id(content, str(alike[content]))  # of several that are alike each is one
            alike[content] += 1
            where = place or pointer(one.path)
            record, size = item_record(came, body, where)
            cause = f"{hook.name}: the item {where!r} of the body is no event: {one.why}"
            item = DeadItem(mark, hook.account, hook.uri, one.code, cause, came.received, size)
            items[mark] = (item, record, one)
            self._count(hook, one.code, cause, "item")
        known = set() if place else await self._claims.held(hook.account, items)
        new = {mark: one for mark, one in items.items() if mark not in known}
        work = (bury(self._publisher, record, item, hook.accepted[one.trigger]) for item, record, one in new.values())
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        await self._claims.hold(hook.account, new, by=hook.uri, seconds=KEEP_SECONDS)

    async def keep_counted(self, data: Database) -> None:
        """Write the counts each second, and forget what is over, for ever. PostgreSQL may be away."""
        await asyncio.gather(self._forget(), self._write(data))

    async def _forget(self) -> None:
        while True:
            self.since.forget_quiet()
            await asyncio.sleep(WRITE_SECONDS)

    async def _write(self, data: Database) -> None:
        pool = await data.connect()
        await asyncio.gather(self._add(pool), expiry.keep_flat(pool, EXPIRING))

    async def _add(self, pool: asyncpg.Pool) -> None:
        while True:
            await database.patiently("refusals", lambda: self.counts.write(pool))
            await asyncio.sleep(WRITE_SECONDS)

    async def _kept_as(self, hook: KnownSource, cause: str, size: int) -> str:
        """`letter`, or why it is none: an installation that was upgraded may have no topic for it yet."""
        if not await self._publisher.has(REFUSED_DLQ):
            return "no_topic"
        return "letter" if self._has_room(hook, shape(cause), size) else "over_bound"

    def _has_room(self, hook: KnownSource, cause: str, size: int) -> bool:
        now = self._now()
        hour = self._hours.get(hook.name)
        if hour is None or now - hour.begun >= HOUR:
            hour = self._hours[hook.name] = _Hour(now)
        full = hour.letters.total() >= MOST_LETTERS or hour.letters[cause] >= MOST_OF_A_CAUSE
        if full or hour.size + size > MOST_BYTES:
            return False
        hour.letters[cause] += 1
        hour.size += size
        return True

    async def _letter(
        self, came: ProvedRequest[KnownSource], code: ErrorCode, cause: str, cut: int | None = None
    ) -> None:
        record, size = body_record(came, came.hook.body_bytes or self._most, cut)
        await self._publisher.put(dead_letter(record, code, cause, SERVICE, original_bytes=size))

    def _count(self, hook: KnownSource, code: ErrorCode, cause: str, kept: str) -> None:
        metrics.REFUSED.labels(source=hook.name, code=code.value, kept=kept).inc()
        self.since.refused(hook.name, code, cause.removeprefix(f"{hook.name}: "))
        self.counts.add(hook.account, hook.uri, code, cause)
        log.warning("body.refused", source=hook.name, code=code.value, cause=cause, kept=kept)


def _words(refused: Refused) -> str:
    errors = refused.members.get("errors", ())[:SHOWN_FAULTS]
    return "; ".join(f"{one['pointer'] or 'it'} {one['detail']}" for one in errors) or refused.detail
