"""Closum's API V2: how an endpoint that an action declares is called, and what success looks like.

See docs/closum.md for what is confirmed. A person with the real Postman collection corrects the `endpoint` of an
action, or for one installation its row in the connections file (`endpoints`, see docs/connections.md), and no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.errors import ErrorCode
from services.actions.action import Implementation
from services.actions.action_call import ActionCall, CallFailedError, RequestBody
from services.actions.endpoint import Basis, Endpoint, FieldPlacement
from services.actions.http_statuses import meaning_of
from services.flows.catalogue import Guarantee

CONTACT_ID = {"contact_id": "lead_id"}
"""The answer names a contact by its lead's id."""

CODE, MESSAGE, DATA = "code", "message", "responseData"
MESSAGE_LENGTH = 300
SUCCESSFUL = frozenset(range(200, 300))


@dataclass(frozen=True, slots=True)
class ClosumAnswer:
    """What Closum answered to a call that did what it should. `data` is the first object of responseData, or `{}`."""

    endpoint: Endpoint
    data: Mapping[str, Any]
    done_already: bool = False

    def field(self, name: str) -> Any:  # noqa: ANN401 - JSON is anything
        """The value of one of our outputs; None when the answer has none."""
        return self.data.get(self.endpoint.answer.get(name, name))

    def text(self, name: str) -> str:
        """An output as text; empty when the answer has none."""
        value = self.field(name)
        return "" if value is None else str(value)

    def identity(self, name: str) -> str:
        """The id that the endpoint gives.

        Raises CallFailedError where the confirmed form of the answer promises one: the effect is there, but cannot be
        named. Where the answer is assumed, a missing id is no fault of the call: empty.
        """
        found = self.text(name)
        if not found and self.endpoint.basis is Basis.CONFIRMED:
            raise CallFailedError(
                ErrorCode.ANSWER_INVALID,
                f"Closum's answer to {self.endpoint.path} has no {self.endpoint.answer.get(name, name)!r} in {DATA}",
                effect_possible=True,
            )
        return found


def endpoint_of(call: ActionCall, action: Implementation) -> Endpoint:
    """The endpoint of an action: as the connection corrects it, else as its file declares it."""
    return call.endpoints.get(action.name) or action.declared_endpoint


async def ask(
    call: ActionCall, action: Implementation, fields: Mapping[str, Any], guarantee: Guarantee
) -> ClosumAnswer:
    """Make the call of an action. Fields that are None are left out. Raises CallFailedError."""
    endpoint = endpoint_of(call, action)
    named = {endpoint.fields.get(name, name): value for name, value in fields.items() if value is not None}
    query = _flat(named) if endpoint.place is FieldPlacement.QUERY and named else None
    body = None
    if endpoint.place is FieldPlacement.JSON and endpoint.method != "GET":
        body = RequestBody.json(named)
    elif endpoint.place is FieldPlacement.FORM:
        body = RequestBody.form(_flat(named))
    accept = SUCCESSFUL | endpoint.done_already if endpoint.done_already else None
    reply = await call(endpoint.method, endpoint.path, guarantee=guarantee, query=query, body=body, accept=accept)
    if reply.status in endpoint.done_already:
        return ClosumAnswer(endpoint, {}, done_already=True)
    answer = reply.json()
    first = next(iter(endpoint.success))
    if not isinstance(answer, dict) or first not in answer:
        raise CallFailedError(
            ErrorCode.ANSWER_INVALID,
            f"Closum's answer to {endpoint.path} has no field {first!r}",
            effect_possible=True,
        )
    if any(answer.get(name, good) != good for name, good in endpoint.success.items()):
        return _refused(endpoint, answer)
    data = answer.get(DATA)
    found = data[0] if isinstance(data, list) and data else data
    return ClosumAnswer(endpoint, found if isinstance(found, dict) else {})


async def find(call: ActionCall, action: Implementation, fields: Mapping[str, Any]) -> ClosumAnswer | None:
    """Look something up; None: Closum says that it is not there. Raises CallFailedError."""
    endpoint = endpoint_of(call, action)
    try:
        return await ask(call, action, fields, Guarantee.REPEATABLE)
    except CallFailedError as error:
        if error.inside in endpoint.missing:
            return None
        raise


def _flat(fields: Mapping[str, Any]) -> dict[str, str]:
    """Fields as a form or query has them: lists as tags[1], tags[2], as Closum documents it; others as text."""
    flat: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, list):
            flat |= {f"{name}[{number}]": _plain(item) for number, item in enumerate(value, 1)}
        elif isinstance(value, dict):
            flat |= {f"{name}[{key}]": _plain(item) for key, item in value.items()}
        else:
            flat[name] = _plain(value)
    return flat


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(endpoint: Endpoint, answer: dict[str, Any]) -> ClosumAnswer:
    """The body's code decides as an HTTP status would; without a usable one the call is rejected for good."""
    try:
        status = int(answer.get(CODE, 0))
    except (TypeError, ValueError):
        status = 0
    if status in endpoint.done_already:
        return ClosumAnswer(endpoint, {}, done_already=True)
    known = status if status >= 300 else 400  # noqa: PLR2004 - HTTP's own classes
    said = str(answer.get(MESSAGE) or "no message")[:MESSAGE_LENGTH]
    meaning = meaning_of(known)
    raise CallFailedError(
        meaning.code,
        f"Closum refused {endpoint.path} with code {answer.get(CODE)!r}: {said}",
        effect_possible=meaning.effect_possible,
        retriable=meaning.again,
        inside=status,
    )
