"""`flows unknown list|verify|done|resend`: calls that may have been made and must not be made twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from aiokafka.errors import KafkaError
from cyclopts import Parameter

from services.actions.admin import unknown_calls
from services.actions.journal import unknowns
from services.actions.journal.unknowns import Decision, WentOnError
from services.cli import destinations, installation, times
from services.cli.command import WATCH, declare
from services.cli.database import ask
from services.cli.terminal import SHORT, CommandError, show
from services.project.connections_file import connections_file, usable_connections
from services.runtime.kafka import Producer
from services.runtime.tables import audit

COLUMNS = ("effect_id", "at", "code", "flow", "step", "action", "connection", "subject", "went_on", "cause")
Effect = Annotated[str, Parameter(name="ID")]
command = declare(
    "unknown", WATCH, "Calls that may have been made, and must not be made twice: look at the destination, then decide."
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
        rows = [{**row, "effect_id": row["effect_id"][:SHORT], "at": times.clock(row["at"])} for row in rows]
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


@command.command
def verify(
    effect: Annotated[str, Parameter(name="ID")] = "",
    *,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Ask the destination, where the action can (`verify`): what is there goes on, what is not is called again.

    Exit code 1 when some stay unknown.

    Parameters
    ----------
    effect:
        Its id, or the first characters of it; without it, all that are unknown.
    dry_run:
        Only ask, and say what would follow.
    as_json:
        Print a JSON array.
    """
    known = usable_connections(connections_file(), destinations.environ())
    quiet, seconds = destinations.settings().verify_seconds, destinations.settings().call_seconds

    async def work(connection: asyncpg.Connection) -> list[dict[str, Any]]:
        found = await unknowns.found(connection, effect)
        if effect and not found:
            raise CommandError(_nothing(effect))
        rows = []
        async with destinations.calling(known) as (ready, client), _producer() as producer:
            for one in found:
                verdict = await unknown_calls.asked(one, ready, client, seconds)
                decision, outputs, words = unknown_calls.follows(verdict, one, quiet)
                if decision is not None and not dry_run:
                    reason = f"the destination was asked: {words}"
                    await unknown_calls.decide(
                        connection, producer, one, decision, reason=reason, who=audit.direct(), outputs=outputs
                    )
                rows.append({"effect_id": one.key.effect_id, "decision": decision, "said": words})
        return rows

    rows = ask(work)
    shown = rows if as_json else [{**row, "effect_id": row["effect_id"][:SHORT]} for row in rows]
    show(shown, ("effect_id", "decision", "said"), as_json=as_json, empty="No call is unknown.")
    return 1 if any(row["decision"] is None for row in rows) else 0


def _nothing(start: str) -> str:
    return f"no open unknown call begins with {start!r}. `flows unknown list` shows what there is"


@asynccontextmanager
async def _producer() -> AsyncIterator[Producer]:
    producer = Producer(installation.settings())
    try:
        await producer.start()
        yield producer
    except KafkaError as error:
        told = f"Kafka: {error}. What was not told as decided is not. {installation.how_to_reach('Kafka')}"
        raise CommandError(told) from None
    finally:
        await producer.stop()


def _decide(start: str, decision: Decision, reason: str, outputs: dict[str, Any] | None) -> None:
    async def decide(connection: asyncpg.Connection) -> bool:
        found = await unknowns.found(connection, start)
        if not found:
            raise CommandError(_nothing(start))
        if len(found) > 1:
            raise CommandError(
                f"{len(found)} unknown calls begin with {start!r}. `flows unknown list` shows what there is"
            )
        async with _producer() as producer:
            try:
                return await unknown_calls.decide(
                    connection, producer, found[0], decision, reason=reason, who=audit.direct(), outputs=outputs
                )
            except WentOnError as error:
                raise CommandError(str(error)) from None

    if not ask(decide):
        raise CommandError(f"somebody has decided on {start!r} already: flows unknown list --decided")
