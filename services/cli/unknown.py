"""`flows unknown list|done|resend`: calls that may have been made and must not be made twice. A person decides."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import asyncpg
from aiokafka.errors import KafkaError
from cyclopts import App, Parameter

from contracts.topics import ACTIONS
from services.actions.delivery.records import Headers
from services.actions.journal import unknowns
from services.actions.journal.unknowns import Decision
from services.cli import place, times
from services.cli.database import ask
from services.cli.terminal import CommandError, show
from services.runtime.kafka import Producer

COLUMNS = ("effect_id", "at", "code", "flow", "step", "action", "connection", "subject", "cause")
Effect = Annotated[str, Parameter(name="ID")]
command = App(
    name="unknown",
    help="Calls that may have been made, and must not be made twice: look at the destination, then decide.",
    help_epilogue="",
    help_format="markdown",
)


@command.command(name="list")
def list_unknown(
    *,
    decided: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """What waits for a decision, the oldest first.

    Parameters
    ----------
    decided:
        Also those that somebody has decided.
    as_json:
        Print a JSON array with every field.
    """

    async def read(connection: asyncpg.Connection) -> list[dict[str, Any]]:
        return await unknowns.listed(connection, decided=decided)

    rows = ask(read)
    if not as_json:
        rows = [{**row, "effect_id": row["effect_id"][:12], "at": times.clock(row["at"])} for row in rows]
    else:
        rows = [{**row, **{name: row[name] and row[name].isoformat() for name in ("at", "decided_at")}} for row in rows]
    columns = (*COLUMNS, "decided", "reason") if decided else COLUMNS
    show(rows, columns, as_json=as_json, empty="No call is unknown.")


@command.command
def done(effect: Effect, *, reason: str, outputs: str = "{}") -> None:
    """It happened: the run goes on as if the call had been answered.

    Parameters
    ----------
    effect:
        Its id, or the first characters of it.
    reason:
        How you know: kept with the decision.
    outputs:
        What the call gave, as a JSON object, for a flow that uses it.
    """
    try:
        given = json.loads(outputs)
    except ValueError as error:
        raise CommandError(f"--outputs is no JSON: {error}", 2) from None
    if not isinstance(given, dict):
        raise CommandError('--outputs is a JSON object, such as \'{"message_id": "wamid.1"}\'', 2)
    _decide(effect, Decision.DONE, reason, given)
    print("Done: its run goes on.")


@command.command
def resend(effect: Effect, *, reason: str) -> None:
    """It did not happen: make the call again.

    Parameters
    ----------
    effect:
        Its id, or the first characters of it.
    reason:
        How you know: kept with the decision.
    """
    _decide(effect, Decision.RESEND, reason, None)
    print("It is on its way again. Its end: flows runs --since 5m")


def _decide(start: str, decision: Decision, reason: str, outputs: dict[str, Any] | None) -> None:
    settings = place.settings()

    async def decide(connection: asyncpg.Connection) -> bool:
        keys = await unknowns.found(connection, start.replace("%", r"\%").replace("_", r"\_"))
        if len(keys) != 1:
            told = f"{len(keys)} unknown calls begin" if keys else "no open unknown call begins"
            raise CommandError(f"{told} with {start!r}. `flows unknown list` shows what there is")
        producer = Producer(settings)
        try:
            await producer.start()

            async def put(key: bytes | None, value: bytes, headers: Headers) -> None:
                await asyncio.wait_for(await producer.send(ACTIONS, key, value, headers), 15)

            return await unknowns.decide(connection, keys[0], decision, put, reason=reason, outputs=outputs)
        except KafkaError as error:
            raise CommandError(f"Kafka: {error}. Nothing was decided. {place.how_to_reach('Kafka')}") from None
        finally:
            await producer.stop()

    if not ask(decide):
        raise CommandError(f"somebody has decided on {start!r} already: flows unknown list --decided")
