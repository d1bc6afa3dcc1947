"""`flows run ID`: all that the topics know of one run or event."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS, EVENTS
from services.cli import installation
from services.cli.command import WATCH, declare
from services.cli.dead_letters import letters
from services.cli.history import ends
from services.cli.terminal import SHORT, CommandError, console
from services.cli.topic_records import read
from services.runtime.settings import RuntimeSettings

command = declare("run", WATCH)


@command.default
def show_run(
    identity: Annotated[str, Parameter(name="ID")],
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """All that is known of one run or event: what came in, what was asked for, how it ended.

    Parameters
    ----------
    identity:
        A run's id, or its first 12 characters as `flows runs` shows them; or an event's id, as ingest answered it.
    as_json:
        Print one JSON object.
    """
    told = asyncio.run(_tell(installation.settings(), identity))
    if not any(told.values()):
        raise CommandError(f"nothing is known of {identity!r}. `flows runs` shows the runs that ended")
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    out = console()
    for title, things in told.items():
        for thing in things:
            out.rule(title, align="left")
            out.print(json.dumps(thing, ensure_ascii=False, indent=2))


async def _tell(settings: RuntimeSettings, identity: str) -> dict[str, list[dict[str, Any]]]:
    ended = [
        one
        for one in (await ends(settings)).values()
        if identity in (one.run_id, one.event_id) or (len(identity) >= SHORT and one.run_id.startswith(identity))
    ]
    runs = {identity} | {one.run_id for one in ended}
    events = {identity} | {one.event_id for one in ended}
    arrived = []
    async for record in read(settings, EVENTS):
        event = _object(record.value)
        if event.get("id") in events:
            arrived.append(event)
    asked: dict[str, dict[str, Any]] = {}
    async for record in read(settings, ACTIONS):
        try:
            request = ActionRequest.read(record.value)
        except ValidationError:
            continue
        if request.run.id in runs or request.run.event.id in events:
            fields = {"effect_id", "action", "connection", "step", "name", "inputs", "requested"}
            asked[request.effect_id] = request.model_dump(mode="json", include=fields)
    dead = [
        one.row()
        for one in await letters(settings)
        if one.letter and (one.letter.run_id in runs or one.letter.event_id in events)
    ]
    return {
        "event": arrived,
        "call": list(asked.values()),
        "end": [one.model_dump(mode="json", exclude_none=True) for one in ended],
        "dead letter": dead,
    }


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(value or b"")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
