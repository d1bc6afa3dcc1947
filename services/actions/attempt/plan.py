"""What a record asks for: read once, never changed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.faults import first_faults
from contracts.topics import ACTIONS
from services.actions.action import Implementation
from services.actions.attempt.perform import checked
from services.actions.attempt.retry import Schedule
from services.actions.connections.connection import Connection, relied_on
from services.actions.journal.effects import Key
from services.actions.outcome import Failed
from services.flows.catalogue import BaseInputs
from services.runtime import logging, metrics
from services.runtime.database import short
from services.runtime.documents.suggestion import suggestion
from services.runtime.kafka import ConsumedRecord, offset_gaps

log = logging.get("plan")
LONGEST_CAUSE = 500


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """All that the attempts of a sound request need. `seconds`: of one call; None: as the setting says."""

    action: Implementation
    inputs: BaseInputs
    connection: Connection | None
    schedule: Schedule
    seconds: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`call` is what to do, or why nothing can be done. Without a `request` it is the latter."""

    record: ConsumedRecord
    request: ActionRequest | None
    call: Call | Failed

    @property
    def effect(self) -> Key:
        """Its effect in the journal. Only of one with a request."""
        assert self.request is not None  # noqa: S101 - see above
        return Key(short(self.request.run.event.account), short(self.request.effect_id))

    @property
    def lane(self) -> Hashable:
        """What must happen one after the other. A record that cannot be read is alone."""
        return self.record.coordinates if self.request is None else self.request.lane

    @property
    def step(self) -> Hashable:
        """The step of the flow that asks for it."""
        return None if self.request is None else (self.request.run.flow, self.request.step)

    @property
    def connection(self) -> str:
        """Its connection's name; empty where it has none."""
        return "" if self.request is None else self.request.connection or ""


def broken(record: ConsumedRecord, error: Exception) -> Plan:
    """That of a record whose handling raised what nobody foresaw: a dead letter, with its stack in the log."""
    return Plan(record, None, bug(record, error))


def bug(record: ConsumedRecord, error: Exception, *, maybe: bool = False) -> Failed:
    """Tell and count it; the end of its record. `maybe`: its call may have been made."""
    topic, partition, offset = record.coordinates
    log.critical("record.broke", topic=topic, partition=partition, offset=offset, exc_info=error)
    metrics.BUGS.labels(ACTIONS.name).inc()
    return Failed(ErrorCode.BUG, f"{type(error).__name__}: {error}"[:LONGEST_CAUSE], again=False, maybe=maybe)


class Planner:
    """Reads records. Never raises for what a record holds."""

    def __init__(self, actions: Mapping[str, Implementation], connections: Mapping[str, Connection]) -> None:
        self._actions = actions
        self._connections = connections

    def plan(self, record: ConsumedRecord) -> Plan:
        """Read a record."""
        if (gap := offset_gaps.unreadable(record.value)) is not None:
            return Plan(record, None, Failed(ErrorCode.RECORD_UNREADABLE, gap.cause or "", again=False))
        try:
            return self._plan(record)
        except Exception as error:  # noqa: BLE001 - the last guard: told as a bug
            return broken(record, error)

    def _plan(self, record: ConsumedRecord) -> Plan:
        try:
            request = ActionRequest.read(record.value)
        except ValidationError as error:
            first = first_faults(error, 1)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the record"
            cause = f"{where}: {first['msg']} ({error.error_count()} faults)"
            return Plan(record, None, Failed(ErrorCode.REQUEST_INVALID, cause, again=False))
        return Plan(record, request, self._call(request))

    def _call(self, request: ActionRequest) -> Call | Failed:
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
        return Call(action, inputs, relied_on(connection, request.run), Schedule.of(request.retry), seconds)
