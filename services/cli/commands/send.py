"""`flows send`: one event, as a trigger would send it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
from cyclopts import Parameter
from pydantic import ValidationError

from contracts.events import CONTENT_TYPE
from contracts.triggers.payload import Payload
from services.cli.command import WATCH, declare
from services.cli.terminal import CommandError
from services.project import local, sources_files
from services.runtime.documents import json_file
from services.runtime.documents.suggestion import suggestion

ACCEPTED = 202
SECONDS = 15.0
command = declare("send", WATCH)


@command.default
def send_event(
    trigger: Annotated[str, Parameter(name="TRIGGER")],
    *,
    data: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    example: Annotated[bool, Parameter(negative="")] = False,
    subject: str | None = None,
    identity: Annotated[str | None, Parameter(name="--id")] = None,
    url: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Send one event to ingest (POST /v1/events), as a trigger would.

    Needs FLOWS_EVENTS_TOKEN, a token of ingest for the source /flows/send; `flows dev` has its own.

    Parameters
    ----------
    trigger:
        The trigger's name: `flows catalog` lists them.
    data:
        A file with the payload as a JSON object; - reads standard input.

    Example:
        Send the trigger's own example instead.
    subject:
        The entity whose order matters. Default: what the payload says.
    identity:
        The event's id; the same id again is a duplicate. Default: a new one.
    url:
        Where ingest is. Default: the `flows dev` of this folder, else http://127.0.0.1:8080.
    as_json:
        Print ingest's answer as JSON.
    """
    known = sources_files.triggers()
    if trigger not in known:
        raise CommandError(f"there is no trigger {trigger!r}; {suggestion(trigger, known)}")
    if example == (data is not None):
        raise CommandError("give the payload: either --data FILE or --example", 2)
    payload = known[trigger].example if example else _read(data or Path("-"))
    told = local.running() or {}
    address = url or told.get("ingest") or "http://127.0.0.1:8080"
    token = os.environ.get("FLOWS_EVENTS_TOKEN") or (
        told.get("events_token") if url in (None, told.get("ingest")) else None
    )
    if not token:
        raise CommandError(
            "FLOWS_EVENTS_TOKEN is not set: a token of ingest, for the source /flows/send (`flows tokens new`)"
        )
    event = {
        "specversion": "1.0",
        "id": identity or str(uuid4()),
        "source": "/flows/send",
        "type": trigger,
        "subject": subject or _subject(known[trigger], payload),
        "data": payload,
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": CONTENT_TYPE}
    try:
        answer = httpx.post(
            f"{address}/v1/events", content=json.dumps(event), headers=headers, timeout=SECONDS, trust_env=False
        )
    except httpx.HTTPError as error:
        raise CommandError(
            f"ingest does not answer at {address!r}: {error}. Start `flows dev`, or give --url"
        ) from None
    if answer.status_code != ACCEPTED:
        raise CommandError(f"ingest refused it with {answer.status_code}.\n{_explained(answer)}")
    identity = str(answer.json()["id"])
    print(answer.text if as_json else f"accepted as {identity}   see what came of it: flows run {identity}")


def _read(file: Path) -> dict[str, Any]:
    """The payload of a file. Raises CommandError."""
    try:
        found = json_file.parse(sys.stdin.read()) if str(file) == "-" else json_file.read(file)
    except OSError as error:
        raise CommandError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{str(file)!r} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"{str(file)!r} holds no JSON object")
    return found


def _subject(trigger: type[Payload], payload: dict[str, Any]) -> str:
    """What the payload says it is about. Raises CommandError when it is not of the trigger's shape, or does not say."""
    try:
        found = trigger.read(payload).subject()
    except ValidationError as error:
        faults = [f"  {'/'.join(map(str, fault['loc'])) or 'payload'}: {fault['msg']}" for fault in error.errors()]
        raise CommandError(f"the payload is not of the shape of {trigger.trigger!r}.\n" + "\n".join(faults)) from None
    if not found:
        raise CommandError("the payload does not say what it is about: give --subject")
    return found


def _explained(answer: httpx.Response) -> str:
    """What ingest says is wrong (RFC 9457)."""
    try:
        problem = answer.json()
        lines = [str(problem.get("detail") or problem.get("title") or "")]
        lines += [f"  {fault.get('pointer')}: {fault.get('detail')}" for fault in problem.get("errors") or ()]
        return "\n".join(lines)
    except (ValueError, AttributeError):
        return answer.text[:500]
