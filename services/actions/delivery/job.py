"""A job: one action request on its way, from its record to its end."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from contracts.actions import ActionRequest, Priority
from contracts.errors import ErrorCode
from contracts.faults import first_faults
from contracts.topics import ACTIONS
from services.actions.action import Implementation
from services.actions.connections import Connection
from services.actions.delivery.attempt import Failed, checked
from services.actions.delivery.doubt import Doubt
from services.actions.delivery.prefix import Prefix
from services.actions.delivery.retry import Schedule
from services.actions.journal.effects import Key
from services.actions.limits.ready import Sort
from services.flows.catalogue import BaseInputs
from services.runtime import logging, metrics
from services.runtime.database import short
from services.runtime.documents.suggestion import suggestion
from services.runtime.kafka import ConsumedRecord, offset_gaps

log = logging.get("job")
LONGEST_CAUSE = 500
WEIGHTS = {Priority.HIGH: 8, Priority.NORMAL: 2, Priority.LOW: 1}


@dataclass(slots=True, eq=False)
class Ready:
    """All that the attempts of a sound request need."""

    action: Implementation
    inputs: BaseInputs
    connection: Connection | None
    schedule: Schedule
    seconds: float | None


@dataclass(slots=True, eq=False)
class Job:
    """`plan` is what to do, or why nothing can be done. `prefix` is that of the assignment that it was taken under."""

    record: ConsumedRecord
    prefix: Prefix
    request: ActionRequest | None
    plan: Ready | Failed
    attempts: int = 0
    tried: float = 0.0  # when the last attempt began, by the guard's clock
    maybe: bool = False  # some attempt may have had its effect
    began: float = field(default_factory=time.monotonic)
    parked: str | None = None  # the lane in PostgreSQL that it came from
    doubt: Doubt | None = None  # a call that may have been made; the destination is being asked
    ended: bool = False  # Kafka has acknowledged its end
    open: bool = False  # the journal said that the request may be sent, and has not been told what came of it

    @property
    def effect(self) -> Key:
        """Its effect in the journal. Only of a job with a request."""
        assert self.request is not None  # noqa: S101 - see above
        account, effect_id = self.request.run.event.account, self.request.effect_id
        return Key(short(account), short(effect_id))

    @property
    def sort(self) -> Sort:
        """Where its lane queues."""
        if self.request is None:
            return Sort("", "")
        return Sort(self.request.connection or "", self.request.run.flow, WEIGHTS[self.request.priority])

    @property
    def lane(self) -> Hashable:
        """What must happen one after the other. A record that cannot be read is alone."""
        return self.record.coordinates if self.request is None else self.request.lane


def broken(record: ConsumedRecord, prefix: Prefix, error: Exception, *, parked: str | None = None) -> Job:
    """The job of a record whose handling raised what nobody foresaw: to be a dead letter, with its stack in the log."""
    return Job(record, prefix, None, bug(record, error), parked=parked)


def bug(record: ConsumedRecord, error: Exception, *, maybe: bool = False) -> Failed:
    """Tell and count it; the end of its record. `maybe`: its call may have been made."""
    topic, partition, offset = record.coordinates
    log.critical("record.broke", topic=topic, partition=partition, offset=offset, exc_info=error)
    metrics.BUGS.labels(ACTIONS.name).inc()
    return Failed(ErrorCode.BUG, f"{type(error).__name__}: {error}"[:LONGEST_CAUSE], again=False, maybe=maybe)


class Planner:
    """Turns records into jobs. Never raises for what a record holds."""

    def __init__(self, actions: Mapping[str, Implementation], connections: Mapping[str, Connection]) -> None:
        self._actions = actions
        self._connections = connections

    def job(self, record: ConsumedRecord, prefix: Prefix) -> Job:
        """Read a record."""
        if (gap := offset_gaps.unreadable(record.value)) is not None:
            return Job(record, prefix, None, Failed(ErrorCode.RECORD_UNREADABLE, gap.cause or "", again=False))
        try:
            return self._job(record, prefix)
        except Exception as error:  # noqa: BLE001 - the last guard: told as a bug
            return broken(record, prefix, error)

    def _job(self, record: ConsumedRecord, prefix: Prefix) -> Job:
        try:
            request = ActionRequest.read(record.value)
        except ValidationError as error:
            first = first_faults(error, 1)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the record"
            cause = f"{where}: {first['msg']} ({error.error_count()} faults)"
            return Job(record, prefix, None, Failed(ErrorCode.REQUEST_INVALID, cause, again=False))
        return Job(record, prefix, request, self._plan(request))

    def _plan(self, request: ActionRequest) -> Ready | Failed:
        action = self._actions.get(request.action)
        if action is None:
            cause = f"no action {request.action!r} here; is this worker older than the flow?"
            return Failed(ErrorCode.ACTION_UNKNOWN, cause, again=False)
        connection = None
        if request.connection is not None:
            connection = self._connections.get(request.connection)
            if connection is None:
                cause = f"no connection {request.connection!r}; {suggestion(request.connection, self._connections)}"
                return Failed(ErrorCode.CONNECTION_UNKNOWN, cause, again=False)
        elif action.signature.needs_connection:
            cause = f"{request.action} needs a connection; write `connection: NAME` in the step"
            return Failed(ErrorCode.CONNECTION_UNKNOWN, cause, again=False)
        inputs = checked(action, request.inputs)
        if isinstance(inputs, Failed):
            return inputs
        seconds = request.timeout_seconds or (None if connection is None else connection.call_seconds)
        return Ready(action, inputs, connection, Schedule.of(request.retry), seconds)
