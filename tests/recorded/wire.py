"""What an action's code asks of its destination, and what comes of the recorded replies: no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.action import Implementation
from services.actions.action_call import CallFailedError, DestinationReply, RequestBody
from services.actions.attempt.perform import attempt, checked
from services.actions.connections.connection import relied_on
from services.actions.outcome import Done, Failed
from services.closum.endpoint import Endpoint
from services.flows.catalogue import Guarantee
from services.project.testing.performer import _driven

Exchange = dict[str, Any]
"""`asked`: the request. `reply` or `failed`: what came of it; neither, where the recording ends with the request."""


def asked(method: str, url: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """A request as JSON, without what it does not say. `more` as `services.actions.action_call.ActionCall` names it.

    Its guarantee decides on Idempotency-Key, and on repetition.
    """
    body: RequestBody | None = more.get("body")
    said = {
        "method": method,
        "url": url,
        "guarantee": more["guarantee"].value,
        "query": dict(more["query"]) if more.get("query") else None,
        "headers": dict(more["headers"]) if more.get("headers") else None,
        "type": None if body is None else body.media_type,
        "body": None if body is None else body.content.decode("utf-8", "replace"),
        "accept": sorted(more["accept"]) if more.get("accept") else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def replied(reply: DestinationReply) -> dict[str, Any]:
    """A reply as JSON."""
    return {"status": reply.status, "headers": dict(reply.headers), "body": reply.body.decode("utf-8", "replace")}


def failed(error: CallFailedError) -> dict[str, Any]:
    """A failed call as JSON."""
    return {"code": error.code.value, "maybe": error.effect_possible}


def result_of(result: Done | Failed) -> dict[str, Any]:
    """What came of an attempt as JSON, without texts for people. `again`: it is tried anew."""
    if isinstance(result, Done):
        return {"outputs": result.outputs}
    return {"code": result.code.value, "again": result.again, "maybe": result.maybe, "unknown": result.unknown}


def performed(
    action: Implementation, request: ActionRequest, recorded: Sequence[Exchange]
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """What the action asks for, and its result; None where the recorded replies end before it.

    No connection declares anything here.
    """
    given = checked(action, request.inputs)
    if isinstance(given, Failed):
        return [], result_of(given)
    call = _Call(request, recorded)
    try:
        return call.made, result_of(_driven(attempt(action, given, call)))
    except _Over:
        return call.made, None


class _Over(BaseException):
    """There is no recorded reply any more. Passes through `attempt`, which makes a bug of every exception."""


class _Call:
    """See `services.actions.action_call.ActionCall`."""

    def __init__(self, request: ActionRequest, recorded: Sequence[Exchange]) -> None:
        used = relied_on(None, request.run)
        self.effect_id = request.effect_id
        self.connection = request.connection or ""
        self.idempotency = None if used is None else used.idempotency
        self.guarantee: Guarantee | None = None
        self.endpoints: Mapping[str, Endpoint] = {}
        self.made: list[dict[str, Any]] = []
        self._recorded = recorded

    async def __call__(self, method: str, url: str, *, guarantee: Guarantee, **more: Any) -> DestinationReply:
        """The recorded reply."""
        self.guarantee = guarantee
        number = len(self.made)
        self.made.append(plain(asked(method, url, {"guarantee": guarantee, **more})))
        then = self._recorded[number] if number < len(self._recorded) else {}
        if (reply := then.get("reply")) is not None:
            return DestinationReply(reply["status"], reply["headers"], reply["body"].encode())
        if (fault := then.get("failed")) is not None:
            raise CallFailedError(ErrorCode[fault["code"].upper()], "as recorded", effect_possible=fault["maybe"])
        raise _Over


def plain(value: object) -> Any:
    """A value as it is read again from JSON."""
    return orjson.loads(orjson.dumps(value))
