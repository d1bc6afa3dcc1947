"""`flows connections list|test|login|new|presets`: where calls go, and whether a call gets there with its secret."""

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
from services.actions.connections.connections_file import NAME
from services.actions.connections.parts import Probe
from services.actions.outcome import Done
from services.cli import connection_entries, destinations, known_platforms, sign_in
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError, Port, console, show
from services.flows.catalogue import Guarantee
from services.flows.durations import shown
from services.project.catalogue import ACTIONS
from services.project.connection_presets import PRESETS, ConnectionPreset
from services.project.connections_file import connections_file, listed_connections, usable_connection
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
        how = f"OAuth 2 ({one.oauth2.grant.value}) of {urlsplit(one.oauth2.token_url).hostname}"
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
    connection = usable_connection(name, file, destinations.environ())
    verdict = asyncio.run(_tested(connection))
    if as_json:
        print(json.dumps(verdict, ensure_ascii=False, indent=2))
    else:
        for what, value in verdict.items():
            console().print(f"{what:>14}  {value}")
    return 0 if verdict["well"] else 1


@command.command
def login(
    name: Annotated[str, Parameter(name="NAME")],
    *,
    file: Path | None = None,
    port: Port = 8912,
    browser: bool = True,
    paste: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Sign in at the destination, so that the connection has tokens; its workers renew them by themselves.

    For connections with `grant: refresh_token`. Register http://127.0.0.1:8912/callback at the destination as the
    address to come back to. Call it again whenever calls wait with "sign in again".

    Parameters
    ----------
    name:
        The connection.
    file:
        Another file than that of FLOWS_CONNECTIONS_FILE or of the `flows dev` of this folder.
    port:
        The port of this machine to which the browser comes back.
    browser:
        Open a browser here. Without, the address is only printed.
    paste:
        The browser is on another machine: copy here the address at which it ends.
    """
    connection = usable_connection(name, file, destinations.environ())
    asyncio.run(_signed_in(connection, port, browser=browser, paste=paste))
    print(f"Signed in: calls of the connection {name!r} have a token from now on.")


@command.command
def new(
    name: Annotated[str, Parameter(name="NAME")],
    *,
    preset: str,
    file: Path | None = None,
) -> None:
    """Write a connection to a known platform into the connections file; say what is to be done there, and set here.

    Parameters
    ----------
    name:
        The connection's name; flows say `connection: NAME`.
    preset:
        The platform, as `flows connections presets` lists it.
    file:
        Another file than that of FLOWS_CONNECTIONS_FILE or of this folder. It is made if it is not there.
    """
    found = known_platforms.chosen(preset, PRESETS)
    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} is no name: a small letter, then small letters, digits, - or _")
    where = file or connections_file() or Path("connections.yaml")
    connection_entries.add(
        where,
        name,
        found.connection(name),
        (
            f"{found.title}, by `flows connections new {name} --preset {found.name}`. Change what differs.",
            f"It bears: {found.limits}.",
            f"Of a repeated call it honours: {found.idempotency}.",
            f"Not confirmed: {known_platforms.unsure(found)} (`flows connections presets {found.name}`).",
        ),
    )
    print("\n".join((f"Wrote the connection {name!r} into {where}.", *_next_steps(name, found, where))))


def _next_steps(name: str, found: ConnectionPreset, where: Path) -> list[str]:
    """What a person does now."""
    # Commands look at it by themselves only where they are told of it.
    more = "" if connections_file() == where else f" --file {where}"
    steps = [f"there: {found.setup}"]
    if found.placeholders:
        steps.append(f"in {where}: put in {', '.join(found.placeholders)}")
    steps.append(f"here: set {' and '.join(found.variables(name))}")
    if found.signs_in:
        steps.append(f"sign in: flows connections login {name}{more}")
    steps.append(f"try it: flows connections test {name}{more}")
    return [f"- {step}" for step in steps]


@command.command
def presets(name: Annotated[str | None, Parameter(name="PRESET")] = None, *, as_json: Json = False) -> None:
    """The platforms whose APIs are known, and how sure that is; of one, its connection, and where each thing is from.

    Parameters
    ----------
    name:
        Show this one.
    as_json:
        Print a JSON array.
    """
    if name is None:
        columns = ("preset", "platform", "base_url", "credentials", *known_platforms.LEVELS)
        rows = [
            {
                "preset": one.name,
                "platform": one.title,
                "base_url": one.entry["base_url"],
                "credentials": one.form.replace("`", ""),
                **known_platforms.counts(one),
            }
            for one in PRESETS.values()
        ]
        show(rows, columns, as_json=as_json, empty="There are none.")
        return
    found = known_platforms.chosen(name, PRESETS)
    facts = [{**fact, "is": found.told(fact["what"])} for fact in known_platforms.facts(found)]
    show(facts, ("what", "is", "known", "document", "read"), as_json=as_json, empty="Nothing is known of it.")
    if found.creation is not None and not as_json:
        step = {"action": "http.request", "connection": name, "with": found.creation}
        print(f"What makes something there:\n\n{connection_entries.shown([step])}")


async def _signed_in(connection: Connection, port: int, *, browser: bool, paste: bool) -> None:
    oauth2 = sign_in.sign_in_of(connection)
    address = sign_in.address_of(oauth2, port)
    if paste:
        code = await asyncio.to_thread(sign_in.by_hand, address, print, input)
    else:
        code = await sign_in.by_browser(address, port, print, opens=browser)
    async with destinations.calling({connection.name: connection}) as (ready, client):
        own = ready[connection.name].client
        await sign_in.finish(oauth2, address, code, own or client, destinations.settings().database_url)


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
