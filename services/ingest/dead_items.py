"""The end of an item that is no event: a dead letter, and the record of its end, so that the accounts add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import Counter

from contracts.errors import ErrorCode
from contracts.events import partition_key
from contracts.ids import stable_id
from contracts.runs import HistoryRecord, Outcome
from services.ingest.event_publisher import EventPublisher
from services.runtime.kafka import ConsumedRecord, history
from services.runtime.kafka.dead_letters import dead_letter

SERVICE = "ingest"


@dataclass(frozen=True)
class DeadItem:
    """What is told of it. `identity`: its event's id, as far as it has one; `uri`: its source's."""

    identity: str
    account: str
    uri: str
    code: ErrorCode
    cause: str
    received: datetime
    original_bytes: int | None = None


async def bury(publisher: EventPublisher, record: ConsumedRecord, item: DeadItem, accepted: Counter) -> None:
    """Tell its dead letter, then its end, and count it as accepted: it was, and died. Raises Refused: 503.

    Told twice, its end has the same id and counts once.
    """
    ended = HistoryRecord(
        run_id=stable_id("record", item.identity),
        event_id=item.identity,
        source=item.uri,
        account=item.account,
        subject=item.identity,
        outcome=Outcome.DEAD,
        at=datetime.now(UTC),
        accepted=item.received,
        reason=item.cause[: history.LONGEST_REASON],
        code=item.code,
    )
    ids = {"event_id": item.identity, "original_bytes": item.original_bytes}
    await publisher.put(dead_letter(record, item.code, item.cause, SERVICE, **ids))
    await publisher.put(history.end_of_event(partition_key(item.account, item.identity), ended))
    accepted.inc()
