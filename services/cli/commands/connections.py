"""`flows connections list|test`: where calls go, and whether a call gets there with its secret."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt
from services.actions.connections import Connection
from services.actions.connections.parts import Probe
from services.actions.outcome import Done
from services.cli import destinations
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError, console, show
from services.flows.catalogue import Guarantee
from services.flows.durations import shown
from services.project.catalogue import ACTIONS
from services.project.connections_file import connections_file, listed_connections, usable_connections
from services.runtime.documents.suggestion import suggestion
from services.runtime.http import Client

COLUMNS = ("name", "base_url", "authentication", "more")
SECONDS = 15.0
ANY_STATUS = frozenset(range(200, 600))
CREDENTIALS = frozenset({401, 403, 407})
FIRST_ERROR = 400
Json = Annotated[bool, Parameter(name="--json", negative="")]
command = declare("connections", OPERATE, "Connections: where calls go, and with which secret.")


@command.command(name="list")
def list_connections(*, as_json: Json = False) -> None:
    """The connections of FLOWS_CONNECTIONS_FILE, or of the `flows dev` of this folder. Secrets are not read.

    Parameters
    ----------
    as_json:
        Print a JSON array.
    """
    rows = [_row(one) for one in listed_connections().values()]
    show(
        rows, COLUMNS, as_json=as_json, empty="There are no connections: FLOWS_CONNECTIONS_FILE names no file of them."
    )


def _row(one: Connection) -> dict[str, Any]:
    how = "none"
    if one.oauth2 is not None:
        how = f"OAuth 2 of {urlsplit(one.oauth2.token_url).hostname}"
    elif one.query:
        how = f"query {one.query.partition('=')[0]}"
    elif one.headers:
        how = f"header {next(iter(one.headers))}"
    limits = [f"{name}={value}" for name, value in vars_of(one.limits).items() if value is not None]
    if (key := one.idempotency) is not None:
        limits.append(f"idempotency {key.header}" + ("" if key.seconds is None else f" for {shown(key.seconds)}"))
    more = [*limits, *(f"endpoint {name}" for name in one.endpoints), *(f"host {host}" for host in one.allowed_hosts)]
    return {"name": one.name, "base_url": one.base_url, "authentication": how, "more": ", ".join(more)}


def vars_of(limits: object) -> dict[str, Any]:
    """The fields of a dataclass with slots."""
    return {name: getattr(limits, name) for name in type(limits).__slots__}  # type: ignore[attr-defined]


@command.command(name="test")
def try_connection(
    name: Annotated[str, Parameter(name="NAME")], *, file: Path | None = None, as_json: Json = False
) -> int:
    """Call the destination once, harmlessly, with the connection's secret; say how it went. Exit code 1 if not well.

    What is called is the connection's `probe`: `closum.sms.check_credits`, or a path. Without one it is its base
    address, which tells little more than that somebody answers there.

    Parameters
    ----------
    name:
        The connection.
    file:
        Another file than that of FLOWS_CONNECTIONS_FILE or of the `flows dev` of this folder.
    as_json:
        Print a JSON object.
    """
    known = usable_connections(file or connections_file(), destinations.environ())
    if name not in known:
        raise CommandError(f"there is no connection {name!r}; {suggestion(name, known)}")
    verdict = asyncio.run(_tested(known[name]))
    if as_json:
        print(json.dumps(verdict, ensure_ascii=False, indent=2))
    else:
        for what, value in verdict.items():
            console().print(f"{what:>14}  {value}")
    return 0 if verdict["well"] else 1


async def _tested(connection: Connection) -> dict[str, Any]:
    async with destinations.calling({connection.name: connection}) as (ready, client):
        began = time.perf_counter()
        well, said = await _probe(ready[connection.name], client)
    seconds = round(time.perf_counter() - began, 3)
    return {
        "connection": connection.name,
        "address": connection.base_url,
        "well": well,
        "said": said,
        "seconds": seconds,
    }


async def _probe(connection: Connection, client: Client) -> tuple[bool, str]:
    probe = connection.probe
    call = HttpCall(client, connection, "connections-test", connection.call_seconds or SECONDS)
    if probe is not None and probe.action:
        action = ACTIONS[probe.action]
        outcome = await attempt(action, action.signature.inputs.model_validate({}), call)
        if isinstance(outcome, Done):
            return True, f"{probe.action}: {json.dumps(outcome.outputs, ensure_ascii=False)}"
        return False, _failed(outcome.code, outcome.cause)
    plain = probe or Probe()
    try:
        accept = plain.expect if probe is not None else ANY_STATUS
        reply = await call(plain.method, plain.path, guarantee=Guarantee.REPEATABLE, accept=accept)
    except CallFailedError as error:
        return False, _failed(error.code, error.cause)
    if probe is not None or reply.status < FIRST_ERROR:
        return True, f"{plain.method} {plain.path}: HTTP {reply.status}"
    if reply.status in CREDENTIALS:
        return False, f"HTTP {reply.status}: the credentials are refused"
    return True, (
        f"HTTP {reply.status}: somebody answers. Whether the secret is right is not known: name a `probe` of this "
        "connection, such as `probe: { path: /me }`"
    )


def _failed(code: ErrorCode, cause: str) -> str:
    return f"{code.value}: {cause}. Who must act: {code.who_must_act.value}"
