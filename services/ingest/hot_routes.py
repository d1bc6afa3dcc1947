"""The addresses to which most requests go, found before Starlette is asked: that costs as much as reading a body."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest import events, hooks


class HotRoutes:
    """An ASGI application: hooks and whole events by their paths, `others` for everything else."""

    def __init__(self, hook: hooks.HookEndpoint, event: events.EventsEndpoint, others: ASGIApp) -> None:
        self._hook = hook
        self._event = event
        self._others = others

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request. No coroutine of its own: each request passes here."""
        path = scope.get("path", "")
        if path.startswith(hooks.HIDDEN_PATH):
            # `hooks.PATH` and `hooks.PATH_SIGNED`: a part is never empty, and there is none after them.
            name, slash, token = path[len(hooks.HIDDEN_PATH) :].partition("/")
            if name and bool(token) == bool(slash) and "/" not in token:
                return self._hook.answer(name, token or None, scope, receive, send)
        elif path == events.PATH:
            return self._event(scope, receive, send)
        return self._others(scope, receive, send)
