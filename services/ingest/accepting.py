"""From readings to Kafka: ids, envelopes, publication, and what the sender is told about duplicates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from services.ingest.acknowledged_ids import AcknowledgedIds, Origin
from services.ingest.event_publisher import EventPublisher
from services.ingest.responses import Response, accepted


@dataclass(frozen=True, slots=True)
class PublishableEvent:
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
        if len(events) == 1:
            await self._publish(events[0])
        elif events:
            done = await asyncio.gather(*(self._publish(event) for event in events), return_exceptions=True)
            for result in done:
                if isinstance(result, BaseException):
                    raise result
        return accepted([event.identity for event in events], duplicate=before)

    async def _publish(self, event: PublishableEvent) -> None:
        await self.publisher.publish(event.key, event.value, event.accepted)
        self._acknowledged.add(event.origin, event.identity, event.duplicate_seconds, event.key, event.content)
