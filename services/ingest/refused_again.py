"""Bodies that were refused and are put back (`flows dead redrive`): read by what their source declares now.

Their proof was made when they came, and is not asked for again; so is the time at which they were accepted. What still
cannot be read is a dead letter again. A record that comes twice gives the same events: they count once.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts.errors import ErrorCode
from contracts.refused import RefusedRequest
from contracts.topics import REFUSED
from services.ingest.dead_items import SERVICE
from services.ingest.event_publisher import EventPublisher
from services.ingest.events import EventBodies, EventSender
from services.ingest.hook_bodies import HookBodies
from services.ingest.http_problems import Refused
from services.ingest.parsed_bodies import sent_of
from services.ingest.proved_request import KnownSource, ProvedRequest
from services.ingest.refusals import Refusals
from services.ingest.refused_requests import request_of
from services.ingest.responses import Response
from services.ingest.settings import IngestSettings
from services.ingest.sources.hook import Hook, Hooks
from services.runtime import kafka, logging, metrics
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.dead_letters import dead_letter

GROUP = "refused"
MOST = 20
WAIT_MS = 500
log = logging.get("refusals")


@dataclass(frozen=True)
class Rereading:
    """What reads them again."""

    hooks: Hooks
    bodies: HookBodies
    refusals: Refusals
    publisher: EventPublisher
    most: int
    whole: EventBodies


async def keep(settings: IngestSettings, parts: Rereading) -> None:
    """Follow the topic `refused` for ever; Kafka may be away."""
    back_off = BackOff()
    while True:
        try:
            await _follow(settings, parts)
        except (Refused, KafkaError, OSError, TimeoutError) as error:
            if not (isinstance(error, Refused) or curable(error)):
                raise  # a bug, that whoever keeps this work going tells of
            log.debug("refused.delayed", cause=f"{type(error).__name__}: {error}"[:300])
        await back_off.wait()


async def _follow(settings: IngestSettings, parts: Rereading) -> None:
    consumer = kafka.consumer(settings, GROUP)
    consumer.subscribe([REFUSED.under(settings.topic_prefix)])
    try:
        await consumer.start()
        while True:
            batches = await consumer.getmany(timeout_ms=WAIT_MS, max_records=MOST)
            for records in batches.values():
                for record in records:
                    await read(parts, consumed(record))
            if batches:
                await consumer.commit()
    finally:
        await consumer.stop()


def consumed(record: ConsumerRecord[bytes, bytes]) -> ConsumedRecord:
    """A record as it came."""
    return ConsumedRecord(
        REFUSED, record.topic, record.partition, record.offset, record.key, record.value, list(record.headers)
    )


async def read(parts: Rereading, record: ConsumedRecord) -> None:
    """One body again: its events, or a dead letter. Raises Refused: 503 when Kafka takes neither."""
    try:
        told = RefusedRequest.of(record.headers)
    except ValidationError:
        return await _bury(
            parts, record, ErrorCode.EVENT_INVALID, "the record is no refused request: it has no `request`"
        )
    request, proven = request_of(told, record.value or b"")
    came: ProvedRequest[KnownSource]
    if told.token:
        token = parts.whole.tokens.named(told.token)
        if token is None:
            cause = f"{told.source}: there is no token {told.token!r} any more, under which it was sent"
            return await _bury(parts, record, ErrorCode.SOURCE_UNKNOWN, cause)
        came = ProvedRequest(EventSender.of(token), request, proven)
        taking = parts.whole.take(token, request, received=came.received)
    else:
        hook = parts.hooks.named(told.source)
        if hook is None:
            cause = f"{told.source}: there is no such source in the sources file any more"
            return await _bury(parts, record, ErrorCode.SOURCE_UNKNOWN, cause)
        came = of_hook = ProvedRequest(hook, request, proven, told.place)
        taking = _taken(parts, of_hook)
    try:
        await taking
    except Refused as refused:
        if refused.code.retriable:
            raise
        await parts.refusals.again(came, refused)
    except Exception as error:
        log.critical("record.broke", topic=record.name, offset=record.offset, exc_info=error)
        metrics.BUGS.labels(REFUSED.name).inc()
        await _bury(parts, record, ErrorCode.BUG, f"{told.source}: {type(error).__name__}")
    else:
        log.info("body.read_again", source=told.source, received=told.received.isoformat(), place=told.place or None)


async def _taken(parts: Rereading, came: ProvedRequest[Hook]) -> Response:
    hook = came.hook
    return await parts.bodies.take(came, sent_of(came.request, came.proven, hook.body_bytes or parts.most, came.place))


async def _bury(parts: Rereading, record: ConsumedRecord, code: ErrorCode, cause: str) -> None:
    await parts.publisher.put(dead_letter(record, code, cause, SERVICE))
