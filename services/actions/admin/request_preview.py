"""What a dead letter asked for, as it would be sent: the request with its secrets hidden. Nothing is called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS_DLQ
from services.actions.action import Implementation
from services.actions.action_call import CallFailedError, DestinationReply, RequestBody
from services.actions.attempt.http import HttpCall, Request
from services.actions.attempt.perform import checked
from services.actions.connections.connection import Connection, relied_on
from services.actions.outcome import Failed
from services.actions.registry import ACTIONS
from services.flows.catalogue import BaseInputs, Guarantee
from services.runtime.dead_letters.letters import FoundDeadLetter
from services.runtime.documents.secrets import HIDDEN

MOST_SHOWN = 10_000


class _SeenError(Exception):
    """The request is known; the action goes no further."""


class _Watching(HttpCall):
    """A call that notes what it was asked for, and makes none."""

    __slots__ = ("request",)

    def __init__(self, connection: Connection, effect_id: str) -> None:
        self._connection = connection
        self.effect_id = effect_id
        self.guarantee: Guarantee | None = None
        self.request: dict[str, Any] = {}

    async def _send(self, request: Request) -> DestinationReply:
        self.guarantee = request.guarantee
        shown = dict(request.headers)
        if self._connection.oauth2 is not None:
            shown["Authorization"] = f"{self._connection.oauth2.scheme} {HIDDEN}"
        self.request = {
            "method": request.method,
            "url": request.address.replace("%5Bhidden%5D", HIDDEN),
            "headers": shown,
            "body": None if request.body is None else _readable(request.body),
            "guarantee": request.guarantee.value,
        }
        raise _SeenError


async def preview(letter: FoundDeadLetter, connections: Mapping[str, Connection]) -> dict[str, Any] | str:
    """The request, or why there is none. `connections` without secrets: `connections.load(…, secrets=False)`."""
    if letter.topic != ACTIONS_DLQ.name:
        return "no call was being made"
    try:
        request = ActionRequest.read(letter.value)
    except ValidationError:
        return "the message is no action request that can be read"
    action = ACTIONS.get(request.action)
    inputs = None if action is None else checked(action, request.inputs)
    if action is None or inputs is None:
        return f"there is no action {request.action!r}"
    return inputs.cause if isinstance(inputs, Failed) else await _watched(request, action, inputs, connections)


async def _watched(
    request: ActionRequest, action: Implementation, inputs: BaseInputs, connections: Mapping[str, Connection]
) -> dict[str, Any] | str:
    # A connection that is not known here: what stands below its address.
    name = request.connection or ""
    connection = connections.get(name, Connection(name, f"({name})") if name else Connection("", ""))
    call = _Watching(relied_on(connection, request.run) or connection, request.effect_id)
    try:
        await action.run(inputs, call)
    except _SeenError:
        return call.request
    except CallFailedError as error:
        return error.cause
    return "it makes no call"


def repeatable(letter: FoundDeadLetter, connections: Mapping[str, Connection], now: datetime | None = None) -> bool:
    """Whether making the letter's call a second time is harmless. What is no call is.

    A keyed one only as long as its destination knows the key. `now`: absent, it is the clock's.
    """
    if letter.topic != ACTIONS_DLQ.name:
        return True
    try:
        request = ActionRequest.read(letter.value)
    except ValidationError:
        return False
    action = ACTIONS.get(request.action)
    inputs = None if action is None else checked(action, request.inputs)
    if action is None or not isinstance(inputs, BaseInputs):
        return False
    used = relied_on(connections.get(request.connection or ""), request.run)
    honoured = None if used is None else used.idempotency
    guarantee = action.guarantee(inputs, honoured)
    safe = None if honoured is None else honoured.safe_seconds()
    if guarantee is Guarantee.KEYED and safe is not None:
        return ((now or datetime.now(UTC)) - request.requested).total_seconds() < safe
    return guarantee is not Guarantee.AT_MOST_ONCE


def _readable(body: RequestBody) -> object:
    if body.media_type == "application/json":
        return orjson.loads(body.content)
    return body.content[:MOST_SHOWN].decode("utf-8", "replace")
