"""`POST /v1/hooks/{source}/{token}`: what a sender's webhook calls."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from services.ingest.answers import UNKNOWN, InFlight, answer
from services.ingest.body import parse, read
from services.ingest.envelope import envelope, event_id
from services.ingest.problems import Refused, wrong_shape
from services.ingest.publisher import Publisher
from services.ingest.sources.hook import Hook, Hooks

PATH = "/v1/hooks/{source}/{token}"


class HookEndpoint:
    """A bare ASGI application: this is the hot path. Answers 202 with the event's id once Kafka has the event."""

    def __init__(self, hooks: Hooks, publisher: Publisher, in_flight: InFlight, most_bytes: int) -> None:
        self._hooks = hooks
        self._publisher = publisher
        self._in_flight = in_flight
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. The token is in no log, no metric and no answer."""
        parameters = scope["path_params"]
        hook = self._hooks.find(parameters["source"], parameters["token"])
        await answer(hook.name if hook else UNKNOWN, self._take(hook, scope, receive), send)

    async def _take(self, hook: Hook | None, scope: Scope, receive: Receive) -> str:
        if hook is None:
            raise Refused(
                HTTPStatus.NOT_FOUND,
                ErrorCode.SOURCE_UNKNOWN,
                "There is no such hook, or its token is wrong. Compare the whole URL with the one you were given.",
            )
        only_post(scope)
        with self._in_flight:
            body = await read(scope, receive, self._most_bytes)
            try:
                payload = hook.trigger.read(parse(body))
            except ValidationError as error:
                raise wrong_shape(error) from None
            identity = event_id(hook, payload, body)
            key, event = envelope(hook, payload, identity)
            await self._publisher.publish(key, event, hook.accepted)
        return identity


def only_post(scope: Scope) -> None:
    """Raises Refused: 405 for any other method."""
    if scope["method"] != "POST":
        raise Refused(
            HTTPStatus.METHOD_NOT_ALLOWED,
            ErrorCode.SOURCE_UNKNOWN,
            f"This address takes POST, not {scope['method']}.",
            headers={"Allow": "POST"},
        )
