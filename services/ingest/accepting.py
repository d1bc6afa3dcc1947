"""From readings to Kafka: ids, envelopes, publication, and what the sender is told about duplicates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import Counter

from contracts.errors import ErrorCode
from services.ingest.acknowledged_ids import AcknowledgedIds, Origin
from services.ingest.event_publisher import EventPublisher
from services.ingest.http_problems import Refused
from services.ingest.responses import Response, accepted


class PublishableEvent(NamedTuple):
    """An event that may go to Kafka."""

    origin: Origin
    identity: str
    key: bytes
    value: bytes
    accepted: Counter
    duplicate_seconds: int | None = None
    content: str | None = None


class EventAcceptor:
    """Publishes what a request brought, all of it or a 503."""

    def __init__(self, publisher: EventPublisher, acknowledged: AcknowledgedIds) -> None:
        self.publisher = publisher
        self._acknowledged = acknowledged

    def known(self, events: Sequence[PublishableEvent]) -> bool:
        """Whether Kafka acknowledged every one of them before."""
        return bool(events) and all(self._acknowledged.known(event.origin, event.identity) for event in events)

    async def take(self, events: Sequence[PublishableEvent]) -> Response:
        """202 once Kafka has all of them. Raises Refused when it has not; what it has is then a duplicate later.

        A redelivery is published too: the claim where it is consumed decides, and so the accounts add up.
        """
        before = self.known(events)
        for _, refused in await self.take_each(events):
            raise refused
        return accepted([event.identity for event in events], duplicate=before)

    async def take_each(self, events: Sequence[PublishableEvent]) -> list[tuple[int, Refused]]:
        """Publish them; those that Kafka never takes, by index, with the 413. Raises Refused: 503."""
        if len(events) == 1:
            try:
                await self._publish(events[0])
            except Refused as refused:
                if not _too_large(refused):
                    raise
                return [(0, refused)]
            return []
        done = await asyncio.gather(*(self._publish(event) for event in events), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException) and not _too_large(result):
                raise result
        return [(index, one) for index, one in enumerate(done) if isinstance(one, Refused)]

    async def _publish(self, event: PublishableEvent) -> None:
        await self.publisher.publish(event.key, event.value, event.accepted)
        self._acknowledged.add(event.origin, event.identity, event.duplicate_seconds, event.key, event.content)


def _too_large(error: BaseException) -> bool:
    return isinstance(error, Refused) and error.code is ErrorCode.MESSAGE_TOO_LARGE
