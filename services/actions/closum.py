"""Closum's API V2: how an endpoint that an action declares is called, and what success looks like.

See docs/closum.md for what is confirmed. A person with the real Postman collection corrects the `endpoint` of an
action, or for one installation its row in closum.yaml (services/closum), and no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from contracts.contact_fields import MOST_ID
from contracts.errors import ErrorCode
from services.actions.action import Implementation
from services.actions.action_call import ActionCall, CallFailedError, DestinationReply, RequestBody
from services.actions.http_statuses import meaning_of
from services.closum.endpoint import Basis, Endpoint, FieldPlacement, ValueForm
from services.closum.facts_form import HOLE, READING
from services.closum.pointers import at, nested
from services.flows.catalogue import Guarantee

CONTACT_ID = {"contact_id": "lead_id"}
"""The answer names a contact by its lead's id."""

MESSAGE_LENGTH = 300
SUCCESSFUL = frozenset(range(200, 300))


@dataclass(frozen=True, slots=True)
class ClosumAnswer:
    """What Closum answered to a call that did what it should. `data` is the first object of it, or `{}`."""

    endpoint: Endpoint
    data: Mapping[str, Any]
    done_already: bool = False
    whole: Any = None

    def field(self, name: str) -> Any:  # noqa: ANN401 - JSON is anything
        """The value of one of our outputs; None when the answer has none."""
        theirs = self.endpoint.answer.get(name, name)
        if theirs is None:
            return None
        return at(self.whole, theirs) if theirs.startswith("/") else self.data.get(theirs)

    def text(self, name: str) -> str:
        """An output as text; empty when the answer has none."""
        value = self.field(name)
        return "" if value is None else str(value)

    def an_id(self, name: str) -> str:
        """An id; empty when the answer has none. Raises CallFailedError for one that is longer than ids are."""
        found = self.text(name)
        if len(found) > MOST_ID:
            raise CallFailedError(
                ErrorCode.ANSWER_INVALID,
                f"Closum's answer to {self.endpoint.path} has a {name!r} of {len(found)} characters: no id is so long",
                effect_possible=True,
            )
        return found

    def identity(self, name: str) -> str:
        """The id that the endpoint gives.

        Raises CallFailedError where the confirmed form of the answer promises one: the effect is there, but cannot be
        named. Where the answer is assumed, a missing id is no fault of the call: empty.
        """
        found = self.an_id(name)
        theirs = self.endpoint.answer.get(name, name)
        if not found and theirs is not None and self.endpoint.basis is Basis.CONFIRMED:
            place = self.endpoint.data.removeprefix("/") or "it"
            raise CallFailedError(
                ErrorCode.ANSWER_INVALID,
                f"Closum's answer to {self.endpoint.path} has no {theirs!r} in {place}",
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
    made = request_of(endpoint, fields)
    accept = SUCCESSFUL | endpoint.done_already if endpoint.done_already else None
    reply = await call(made.method, made.path, guarantee=guarantee, query=made.query, body=made.body, accept=accept)
    if reply.status in endpoint.done_already:
        return ClosumAnswer(endpoint, {}, done_already=True)
    return _answered(endpoint, reply)


@dataclass(frozen=True, slots=True)
class ClosumRequest:
    """A request to an endpoint, but for the key."""

    method: str
    path: str
    query: Mapping[str, str] | None
    body: RequestBody | None


def request_of(endpoint: Endpoint, fields: Mapping[str, Any]) -> ClosumRequest:
    """The request with these fields, under our names; None is left out. Raises CallFailedError(INPUT_INVALID)."""
    given = {name: value for name, value in fields.items() if value is not None}
    if unknown := sorted(endpoint.lacks & given.keys()):
        raise CallFailedError(ErrorCode.INPUT_INVALID, f"{unknown[0]}: closum.yaml says that Closum does not know it")
    path, in_path = _filled(endpoint.path, given)
    named = {
        endpoint.fields.get(name, name): written(endpoint.forms.get(name), value)
        for name, value in given.items()
        if name not in in_path
    }
    if endpoint.place is FieldPlacement.QUERY:
        return ClosumRequest(endpoint.method, path, _flat(named) if named else None, None)
    if endpoint.place is FieldPlacement.FORM:
        return ClosumRequest(endpoint.method, path, None, RequestBody.form(_flat(named)))
    body = RequestBody.json(nested(named)) if endpoint.method not in READING else None
    return ClosumRequest(endpoint.method, path, None, body)


def _filled(path: str, given: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    names = HOLE.findall(path)
    if missing := [name for name in names if given.get(name) in (None, "")]:
        raise CallFailedError(
            ErrorCode.INPUT_INVALID, f"{missing[0]} is needed: it is a part of Closum's path {path!r}"
        )
    return HOLE.sub(lambda hole: quote(str(given[hole[1]]), safe=""), path), frozenset(names)


def written(form: ValueForm | None, value: Any) -> Any:  # noqa: ANN401 - JSON is anything
    """A value in the form that Closum takes; of another kind it stays as it is."""
    if isinstance(value, bool):
        return {ValueForm.NUMBER: int(value), ValueForm.TEXT: _plain(value)}.get(form, value) if form else value
    if isinstance(value, list):
        if form is ValueForm.JOINED:
            return ",".join(map(str, value))
        if form is ValueForm.MAP:
            return {str(number): item for number, item in enumerate(value, 1)}
    return value


def _answered(endpoint: Endpoint, reply: DestinationReply) -> ClosumAnswer:
    if not endpoint.success and not reply.body.strip():
        return ClosumAnswer(endpoint, {})
    answer = reply.json()
    first = next(iter(endpoint.success), None)
    if first is not None and (not isinstance(answer, dict) or value_of(answer, first) is None):
        raise CallFailedError(
            ErrorCode.ANSWER_INVALID,
            f"Closum's answer to {endpoint.path} has no field {first!r}",
            effect_possible=True,
        )
    if any(value_of(answer, name) not in (None, good) for name, good in endpoint.success.items()):
        return _refused(endpoint, answer)
    data = at(answer, endpoint.data)
    found = data[0] if isinstance(data, list) and data else data
    return ClosumAnswer(endpoint, found if isinstance(found, dict) else {}, whole=answer)


def value_of(answer: Any, name: str) -> Any:  # noqa: ANN401 - JSON is anything
    """A field of the answer, or what a pointer finds; None where it is not there."""
    return at(answer, name) if name.startswith("/") else answer.get(name) if isinstance(answer, dict) else None


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
        status = int(value_of(answer, endpoint.code) or 0)
    except (TypeError, ValueError):
        status = 0
    if status in endpoint.done_already:
        return ClosumAnswer(endpoint, {}, done_already=True)
    known = status if status >= 300 else 400  # noqa: PLR2004 - HTTP's own classes
    said = str(value_of(answer, endpoint.message) or "no message")[:MESSAGE_LENGTH]
    meaning = meaning_of(known)
    raise CallFailedError(
        meaning.code,
        f"Closum refused {endpoint.path} with code {value_of(answer, endpoint.code)!r}: {said}",
        effect_possible=meaning.effect_possible,
        retriable=meaning.again,
        inside=status,
    )
