"""What becomes of a call of unknown outcome: by a person, or by the word of its destination, asked for on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS
from services.actions.attempt import verification
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import checked
from services.actions.connections.connection import Connection, relied_on
from services.actions.effect_verification import EffectAbsent, EffectHappened, EffectUnknown, Verdict
from services.actions.journal import unknowns
from services.actions.journal.unknowns import Decision, Open
from services.actions.outcome import Failed
from services.actions.registry import ACTIONS as KNOWN
from services.runtime.http import Client
from services.runtime.kafka import Headers, Producer

PUT_SECONDS = 15.0


async def decide(
    connection: asyncpg.Connection,
    producer: Producer,
    one: Open,
    decision: Decision,
    *,
    reason: str,
    who: str,
    outputs: dict[str, Any] | None = None,
) -> bool:
    """Write the decision, as `who`, and put the request on `actions` again; False: it was decided already.

    Raises KafkaError.
    """

    async def put(key: bytes | None, value: bytes, headers: Headers) -> None:
        await asyncio.wait_for(await producer.send(ACTIONS, key, value, headers), PUT_SECONDS)

    return await unknowns.decide(connection, one.key, decision, put, reason=reason, who=who, outputs=outputs)


async def asked(one: Open, connections: Mapping[str, Connection], client: Client, seconds: float) -> Verdict:
    """The word of the call's destination. `connections` are equipped for calls."""
    try:
        request = ActionRequest.read(one.value)
    except ValidationError:
        return EffectUnknown("its request cannot be read")
    action = KNOWN.get(request.action)
    connection = connections.get(request.connection or "")
    if action is None or (connection is None and request.connection is not None):
        return EffectUnknown(f"there is no action {request.action!r} or no connection {request.connection!r} here")
    inputs = checked(action, request.inputs)
    if isinstance(inputs, Failed):
        return EffectUnknown(inputs.cause)
    whole = request.timeout_seconds or (None if connection is None else connection.call_seconds) or seconds
    call = HttpCall(client, relied_on(connection, request.run), request.effect_id, whole)
    verdict, _ = await verification.ask(action, inputs, call)
    return verdict


def follows(verdict: Verdict, one: Open, quiet_seconds: float) -> tuple[Decision | None, dict[str, Any] | None, str]:
    """The decision, if the verdict allows one; the outputs of the call; and both in words."""
    if isinstance(verdict, EffectHappened):
        return Decision.DONE, verdict.outputs.model_dump(mode="json", by_alias=True), "it is there: the run goes on"
    if isinstance(verdict, EffectUnknown):
        return None, None, f"it cannot be told: {verdict.why}"
    assert isinstance(verdict, EffectAbsent)  # noqa: S101 - the last kind: tells the type checker
    left = quiet_seconds - (datetime.now(UTC) - one.at).total_seconds()
    if left > 0:
        return None, None, f"it is not there yet: ask again in {left:.0f} s, the call may still arrive"
    if one.went_on:
        return None, None, "it is not there, and its flow went on without it: make the call by hand, then say `done`"
    return Decision.RESEND, None, "it is not there: the call is made again"
