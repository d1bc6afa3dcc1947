"""Commands that call destinations themselves: with the settings and secrets that the services have."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from services.actions.connections import Connection
from services.actions.connections.setup import equipped
from services.actions.settings import ActionsSettings
from services.cli.terminal import CommandError
from services.project import local
from services.runtime.egress import Egress
from services.runtime.http import Client
from services.runtime.settings import SettingsError, load


def environ() -> Mapping[str, str]:
    """The environment; in the folder of a `flows dev`, with the secrets and permissions that it gave its services."""
    told = local.running()
    if told is None:
        return os.environ
    allowed = str(told.get("egress_allow", ""))
    return {"FLOWS_EGRESS_ALLOW": allowed, **told["environ"], **local.kept_secrets(), **os.environ}


def settings() -> ActionsSettings:
    """Those of services/actions. Raises CommandError."""
    try:
        return load(ActionsSettings, environ())
    except SettingsError as error:
        raise CommandError(f"a setting is wrong.\n{error}") from None


@asynccontextmanager
async def calling(connections: Mapping[str, Connection]) -> AsyncIterator[tuple[Mapping[str, Connection], Client]]:
    """The connections, equipped for calls, and the client of those without one of their own."""
    found = settings()
    client = Client(Egress(found.egress_allow, found.egress_ports), max_answer_bytes=found.max_answer_bytes)
    try:
        async with equipped(found, connections, client) as ready:
            yield ready, client
    finally:
        await client.close()
