"""Polling: a system without webhooks is asked, from where the last answer ended. One replica asks at a time.

The cursor is written after Kafka acknowledged all items of an answer: events, and dead letters of those that are none.
A replica that dies before leaves the old one: the same items come again, with the same ids, and count once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

import asyncpg
import orjson
from pydantic import ValidationError

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.topics import MAX_MESSAGE_BYTES
from services.flows.declared_triggers import at
from services.ingest import metrics as ingest_metrics
from services.ingest import odd_fields, poll_dead_letters
from services.ingest.accepting import EventAcceptor, PublishableEvent
from services.ingest.body import parse
from services.ingest.database import Database
from services.ingest.envelope import ContentIds, envelope, event_id
from services.ingest.http_problems import Refused, in_words
from services.ingest.poll_dead_letters import UnfitItem
from services.ingest.poll_repeats import PollAnswer
from services.ingest.readers.reader import Reading
from services.ingest.sources.schedules_and_polls import Poll
from services.runtime import logging, metrics
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.http import CallError, Client

CALL_SECONDS = 20.0
MOST_PAGES = 100
MOST_ITEMS = 5000
OK = range(200, 300)
BEGIN = "insert into polls (name, cursor, asked_at) values ($1, $2, '-infinity') on conflict do nothing"
LOCK = "select cursor, asked_at, listed from polls where name = $1 for update skip locked"
ASKED = "update polls set cursor = $2, asked_at = $3, listed = coalesce($4, listed) where name = $1"

log = logging.get("polls")


class PollError(Exception):
    """The system that is asked did not answer as its source says."""


async def keep(polls: Sequence[Poll], data: Database, taker: EventAcceptor, client: Client) -> None:
    """Ask them, for ever."""
    if not polls:
        return
    for poll in polls:  # at 0, so that the first failure is seen to be one more
        for outcome in ("answered", "failed"):
            ingest_metrics.POLLS.labels(poll.name, outcome)
    await asyncio.gather(*(_keep(poll, data, taker, client) for poll in polls))


async def _keep(poll: Poll, data: Database, taker: EventAcceptor, client: Client) -> None:
    back_off = BackOff()
    while True:
        try:
            await ask(poll, await data.connect(), taker, client, datetime.now(UTC))
        except Exception as error:
            away = isinstance(error, Refused) or curable(error)  # Kafka or PostgreSQL
            if not away:
                ingest_metrics.POLLS.labels(poll.name, "failed").inc()
            if not (away or isinstance(error, PollError | CallError)):
                log.critical("poll.broke", source=poll.name, exc_info=error)
                metrics.BUGS.labels(poll.uri).inc()
            log.warning("poll.failed", source=poll.name, cause=f"{type(error).__name__}: {error}"[:300])
            await back_off.wait()
        else:
            back_off.worked()
        await asyncio.sleep(min(1.0, poll.every_seconds))


async def ask(poll: Poll, pool: asyncpg.Pool, taker: EventAcceptor, client: Client, now: datetime) -> int:
    """Ask if it is time, page by page while the cursor moves; how many items were accepted.

    Raises PollError, CallError, Refused and what asyncpg raises: then the cursor stays where the last page ended.
    """
    first = poll.cursor.first if poll.cursor else None
    async with pool.acquire() as connection:
        await connection.execute(BEGIN, poll.name, first)
        async with connection.transaction():
            row = await connection.fetchrow(LOCK, poll.name)
            if row is None or not _is_time(row["asked_at"], poll, now):
                return 0
            cursor, count = row["cursor"], 0
            listed = orjson.loads(row["listed"])
            for _ in range(MOST_PAGES):
                listing = PollAnswer(listed, cursor)
                page = await _page(poll, client, cursor, listing)
                await _take(page, taker)
                await poll_dead_letters.tell(connection, taker.publisher, poll, page.unfit)
                count += len(page.events)
                moved = page.cursor is not None and page.cursor != cursor
                cursor = page.cursor if moved else cursor
                before, listed = listed, listing.after()
                changed = orjson.dumps(listed).decode() if listed != before else None
                await connection.execute(ASKED, poll.name, cursor, now, changed)
                if not (moved and (page.events or page.unfit)):
                    break
    ingest_metrics.POLLS.labels(poll.name, "answered").inc()
    if count:
        log.info("poll.answered", source=poll.name, count=count)
    return count


def _is_time(asked_at: datetime, poll: Poll, now: datetime) -> bool:
    # asyncpg gives -infinity as the smallest time, without a zone.
    return asked_at.year <= 1 or now - asked_at >= timedelta(seconds=poll.every_seconds)


async def _take(page: _Page, taker: EventAcceptor) -> None:
    """Publish the events. One that Kafka never takes is unfit, and the others go on. Raises Refused."""
    for index, refused in await taker.take_each(page.events):
        item, pointer, number = page.items[index]
        page.unfit.append(UnfitItem(item, pointer, number, refused.code, refused.detail))


Item = tuple[object, str, int]
"""An item of an answer, where it stands there, and its number."""


@dataclass(frozen=True)
class _Page:
    """`items`: of each event its item's, should Kafka refuse it."""

    events: list[PublishableEvent]
    items: list[Item]
    unfit: list[UnfitItem]
    cursor: str | None


async def _page(poll: Poll, client: Client, cursor: str | None, listing: PollAnswer) -> _Page:
    query = dict(poll.query)
    if poll.cursor and cursor is not None:
        query[poll.cursor.parameter] = cursor
    parts = urlsplit(poll.url)
    joined = "&".join(filter(None, (parts.query, urlencode(query))))
    url = urlunsplit(parts._replace(query=joined))
    headers = {"Accept": "application/json", **poll.headers}
    answer = await client.call("GET", url, headers=headers, content=None, seconds=CALL_SECONDS)
    if answer.status not in OK:
        raise PollError(f"it answered {answer.status}")
    try:
        body = parse(answer.body)
    except Refused as error:
        raise PollError(f"its answer cannot be read: {error}") from None
    items = at(body, poll.items)
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise PollError(f"there is no list of at most {MOST_ITEMS} items at {poll.items or 'the whole answer'!r}")
    page = _Page([], [], [], _cursor(poll, body, items))
    for number, item in enumerate(items):
        pointer = f"{poll.items}/{number}"
        try:
            read = _event(poll, item, pointer, number, listing)
        except Exception as error:
            log.critical("item.broke", source=poll.name, item=pointer, exc_info=error)
            metrics.BUGS.labels(poll.uri).inc()
            read = UnfitItem(item, pointer, number, ErrorCode.BUG, type(error).__name__)
        if isinstance(read, UnfitItem):
            page.unfit.append(read)
        else:
            page.events.append(read)
            page.items.append((item, pointer, number))
    return page


def _cursor(poll: Poll, body: object, items: list[object]) -> str | None:
    form = poll.cursor
    if form is None:
        return None
    found = at(body, form.next) if form.next else at(items[-1], form.last_item or "") if items else None
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else None


def _event(poll: Poll, item: object, pointer: str, number: int, listing: PollAnswer) -> PublishableEvent | UnfitItem:
    """The event that an item is, or why it is none: then the others go on."""
    try:
        payload = poll.trigger.read(item)
    except ValidationError as error:
        return UnfitItem(item, pointer, number, ErrorCode.SHAPE_INVALID, in_words(error))
    odd_fields.count(poll.name, payload)
    reading = Reading(payload, payload.own_id(), payload.happened())
    contents = ContentIds(poll.uri, orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
    identity, _ = event_id(poll.uri, reading, contents, with_content=poll.same_id_is_new)
    if not reading.identity and (subject := payload.subject()):
        which = listing.number(stable_id(subject), identity)
        identity = stable_id(identity, *map(str, which)) if any(which) else identity
    key, value = envelope(poll.uri, poll.account, reading, identity, duplicate_seconds=poll.duplicate_seconds)
    if len(value) > MAX_MESSAGE_BYTES:
        why = f"it makes a message of {len(value)} bytes, and at most {MAX_MESSAGE_BYTES} are taken"
        return UnfitItem(item, pointer, number, ErrorCode.MESSAGE_TOO_LARGE, why)
    counter = ingest_metrics.EVENTS_ACCEPTED.labels(source=poll.name, trigger=payload.trigger)
    return PublishableEvent((poll.account, poll.uri), identity, key, value, counter, poll.duplicate_seconds)
