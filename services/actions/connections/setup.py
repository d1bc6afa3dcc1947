"""Gives connections what they need while a worker runs: a client of their own, credentials that are renewed."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from services.actions.connections.connection import Connection
from services.actions.connections.parts import OwnTransport
from services.actions.connections.token_credentials import TokenCredentials
from services.actions.connections.token_store import TokenStore
from services.actions.settings import ActionsSettings
from services.runtime import egress, http
from services.runtime.http import Client


@asynccontextmanager
async def equipped(
    settings: ActionsSettings, connections: Mapping[str, Connection], shared: Client
) -> AsyncIterator[Mapping[str, Connection]]:
    """The connections, ready for calls; their own clients are closed at the end. `shared` is the worker's client."""
    own: list[Client] = []
    kept: list[TokenCredentials] = []
    ready: dict[str, Connection] = {}
    try:
        for name, connection in connections.items():
            client = None
            if connection.transport is not None:
                client = _client(settings, connection.transport)
                own.append(client)
            credentials = None
            if connection.oauth2 is not None:
                store = TokenStore(settings.database_url, connection.oauth2)
                credentials = TokenCredentials(connection.oauth2, client or shared, store)
                kept.append(credentials)
            ready[name] = dataclasses.replace(connection, client=client, credentials=credentials)
        yield ready
    finally:
        for one in kept:
            await one.close()
        for client in own:
            await client.close()


def _client(settings: ActionsSettings, transport: OwnTransport) -> Client:
    allow = settings.egress_allow
    if transport.proxy is not None:
        # Who named the proxy allowed its address. Where the proxy itself may go is its own operator's rule.
        allow = (*allow, egress.allowed(urlsplit(transport.proxy).hostname or ""))
    return Client(
        egress.Egress(allow, settings.egress_ports),
        max_answer_bytes=settings.max_answer_bytes,
        connect_seconds=transport.connect_seconds or http.CONNECT_SECONDS,
        proxy=transport.proxy,
        proxy_authentication=transport.proxy_authentication,
        tls=transport.tls,
    )
