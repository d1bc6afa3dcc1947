"""What is published as JSON Schema, each with an example: one event on its way, from the hook to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from contracts import topics
from contracts.actions import ActionRequest, Retry
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.refused import RefusedRequest
from contracts.runs import Answer, AttemptRecord, HistoryRecord, Outcome, Run, RunMessage
from contracts.triggers.registry import TRIGGERS
from contracts.triggers.whatsapp_message_received import WhatsAppMessageReceived


@dataclass(frozen=True, slots=True)
class PublishedSchema:
    """One schema: its file's name, its model, a valid example, the topics whose values (or headers) it describes."""

    name: str
    model: type[BaseModel]
    example: dict[str, Any]
    topics: tuple[topics.Topic, ...] = ()
    headers: bool = False


def _json(message: BaseModel) -> dict[str, Any]:
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_EVENT = Event(
    id="wamid.HBgM1",
    source="/hooks/whatsapp",
    type=WhatsAppMessageReceived.trigger,
    subject="351912345678",
    time=_AT,
    accepted=_AT,
    data=WhatsAppMessageReceived.read(WhatsAppMessageReceived.example).model_dump(mode="json", by_alias=True),
)
_VERSION = stable_id("the text of the flow")
_RUN = Run(
    id=stable_id(_VERSION, _EVENT.source, _EVENT.id),
    flow="whatsapp-lead-to-crm",
    version=_VERSION,
    event=_EVENT,
    key="351912345678",
    at="1",
    outputs={"phone": {"valid": True, "e164": "+351912345678", "digits": "351912345678", "country": "PT"}},
)
_REQUEST = ActionRequest(
    effect_id=stable_id(_RUN.id, "1"),
    action="http.request",
    connection="crm",
    inputs={"method": "POST", "url": "/contacts", "json": {"phone": "+351912345678", "name": "Inês Conceição"}},
    retry=Retry(attempts=8, within_seconds=172_800.0),
    step="1",
    name="crm",
    run=_RUN,
    requested=_AT,
)
_CAUSE = "the destination answered 422: phone is taken"

PUBLISHED: tuple[PublishedSchema, ...] = (
    PublishedSchema("event", Event, _json(_EVENT), (topics.EVENTS,)),
    PublishedSchema(
        "run",
        RunMessage,
        _json(
            RunMessage(
                run=_RUN,
                answer=Answer(effect_id=_REQUEST.effect_id, step="1", outputs={"status": 201, "json": {"id": 7}}),
            )
        ),
        (topics.RUNS,),
    ),
    PublishedSchema("action-request", ActionRequest, _json(_REQUEST), (topics.ACTIONS,)),
    PublishedSchema(
        "history-record",
        HistoryRecord,
        _json(
            HistoryRecord(
                run_id=_RUN.id,
                event_id=_EVENT.id,
                source=_EVENT.source,
                account=_EVENT.account,
                subject=_EVENT.subject,
                outcome=Outcome.DEAD,
                at=_AT,
                flow=_RUN.flow,
                step="1",
                reason=_CAUSE,
                code=ErrorCode.CALL_REJECTED,
            )
        ),
        (topics.HISTORY,),
    ),
    PublishedSchema(
        "attempt-record",
        AttemptRecord,
        _json(
            AttemptRecord(
                run_id=_RUN.id,
                event_id=_EVENT.id,
                account=_EVENT.account,
                subject=_EVENT.subject,
                flow=_RUN.flow,
                step="1",
                effect_id=_REQUEST.effect_id,
                action=_REQUEST.action,
                connection=_REQUEST.connection,
                at=_AT,
                attempt=1,
                code=ErrorCode.DESTINATION_BUSY,
                cause="POST https://crm.example.com/contacts: HTTP 503: come later",
                next_seconds=0.4,
            )
        ),
        (topics.HISTORY,),
    ),
    PublishedSchema(
        "dead-letter",
        DeadLetter,
        _json(
            DeadLetter(
                topic="closum.actions",
                partition=3,
                offset=1841,
                code=ErrorCode.CALL_REJECTED,
                who_must_act=ErrorCode.CALL_REJECTED.who_must_act,
                cause=_CAUSE,
                attempts=1,
                service="actions",
                at=_AT,
                run_id=_RUN.id,
                event_id=_EVENT.id,
                flow=_RUN.flow,
                step="1",
                effect_id=_REQUEST.effect_id,
            )
        ),
        (topics.EVENTS_DLQ, topics.RUNS_DLQ, topics.ACTIONS_DLQ, topics.REFUSED_DLQ),
        headers=True,
    ),
    PublishedSchema(
        "refused-request",
        RefusedRequest,
        _json(RefusedRequest(source="shop", received=_AT, headers={"content-type": "application/json"}, place="/3")),
        (topics.REFUSED, topics.REFUSED_DLQ),
        headers=True,
    ),
    *(PublishedSchema(f"triggers/{name}", model, model.example) for name, model in sorted(TRIGGERS.items())),
)
"""Every message and every trigger's payload."""
