"""Calls of a test case, answered as the test says.

An answer with `outputs` or `error` stands for the whole action. One with `http` stands for the destination: the
action's own code makes its request and reads the answer, so a test sees what production would.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.runs import Answer, StepError
from services.actions.action import Implementation
from services.actions.action_call import DestinationReply, Query, RequestBody
from services.actions.attempt.http import address_of, refusal
from services.actions.attempt.perform import attempt, checked
from services.actions.attempt.retry import Schedule
from services.actions.connections.connection import NOWHERE, Connection
from services.actions.outcome import Done, Failed
from services.closum.endpoint import Endpoint
from services.flows.catalogue import BaseInputs, Guarantee
from services.flows.idempotency import IdempotencyKey
from services.flows.testing.events import CaseError
from services.flows.testing.patterns import like
from services.flows.testing.simulation import Performed
from services.flows.testing.suite import ScriptedAnswer as Wanted

SUCCESS = range(200, 300)
BASE = "https://connection.test"
"""Where each connection of a case is."""


class Performer:
    """Answers the calls of one case. `answers` in the order in which they are tried; `used` are names in the flow.

    A call that fails is made again as in production, after the waits of its schedule; where chance has a part in them
    there, they take no time here.

    `endpoints`: those of closum.yaml, which are called as production would.
    """

    def __init__(
        self,
        actions: Mapping[str, Implementation],
        answers: Sequence[Wanted],
        used: frozenset[str],
        endpoints: Mapping[str, Endpoint] | None = None,
    ) -> None:
        self.endpoints = endpoints or {}
        self._used = used
        self._actions = actions
        self._answers = answers
        self._left = [each.times for each in answers]
        self.taken: set[int] = set()
        """The numbers of the answers that were given."""

    def __call__(self, request: ActionRequest) -> Answer:
        """The answer. Raises CaseError when the test has none for a call whose outputs the flow may use."""
        action = self._actions[request.action]
        inputs = checked(action, request.inputs)
        if isinstance(inputs, Failed):
            return _answer(request, inputs)
        schedule, attempts, seconds, stood = Schedule.of(request.retry), 0, 0.0, 0.0
        while True:
            outcome = self._attempt(request, action, inputs, repeated=attempts > 0)
            attempts += 1
            if isinstance(outcome, Failed) and outcome.again:
                told = outcome.retry_after_seconds
                wait = schedule.wait_seconds(attempts, seconds - stood, told, chance=lambda: 0.0)
                if wait is not None:
                    seconds += wait
                    stood += told or 0.0  # `within` stands still while the destination wants no call
                    continue
            return _answer(request, outcome, attempts, seconds)

    def _attempt(
        self, request: ActionRequest, action: Implementation, inputs: BaseInputs, *, repeated: bool
    ) -> Done | Failed:
        """What comes of one attempt."""
        fitting = [number for number in range(len(self._answers)) if self._fits(number, request)]
        saying = [number for number in fitting if self._answers[number].http is None]
        before = fitting[: fitting.index(saying[0])] if saying else fitting
        if before:
            try:
                return _driven(attempt(action, inputs, _Call(self, request, before, repeated=repeated)))
            except _Unanswered:
                pass
        if saying:
            self._use(saying[0])
            return _said(request, action, self._answers[saying[0]])
        if request.name not in self._used:
            return Done({})
        raise CaseError(f"no answer for {_shown(request)}: write one under `answers`, as the flow uses what it gives")

    def exchange(self, method: str, url: str, sent: Any, among: Sequence[int]) -> Wanted | None:  # noqa: ANN401 - JSON
        """The answer to an HTTP request: the first of those with these numbers that fits."""
        path = _rooted(url.partition("?")[0])
        for number in among:
            wanted = self._answers[number]
            wanted_method, wanted_path = (wanted.http or "").split()
            if like(method, wanted_method.upper()) and like(path, _rooted(wanted_path)) and _sent(wanted, sent):
                self._use(number)
                return wanted
        return None

    def _fits(self, number: int, request: ActionRequest) -> bool:
        wanted = self._answers[number]
        return (
            self._left[number] != 0
            and wanted.action in (None, request.action)
            and wanted.connection in (None, request.connection)
            and (wanted.with_ is None or like(request.inputs, wanted.with_))
        )

    def _use(self, number: int) -> None:
        self.taken.add(number)
        left = self._left[number]
        if left is not None:
            self._left[number] = left - 1


def _said(request: ActionRequest, action: Implementation, wanted: Wanted) -> Done | Failed:
    """What an answer says that stands for the whole action."""
    if wanted.error is not None:
        return Failed(wanted.error.code, wanted.error.cause, again=False)
    try:
        outputs = action.signature.outputs.model_validate(wanted.outputs)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)
        )
        raise CaseError(f"the `outputs` of an answer are not what {request.action!r} gives: {wrong}") from None
    return Done(outputs.model_dump(mode="json", by_alias=True))


class _Call:
    """What an action is given to make its request with: see `services.actions.action_call.ActionCall`."""

    def __init__(
        self, performer: Performer, request: ActionRequest, among: Sequence[int], *, repeated: bool = False
    ) -> None:
        self._performer = performer
        self._request = request
        self._among = among
        self._repeated = repeated
        self._connection = Connection(request.connection, BASE) if request.connection else NOWHERE
        self.effect_id = request.effect_id
        self.connection = request.connection or ""
        self.guarantee: Guarantee | None = None
        self.endpoints = performer.endpoints
        self.idempotency: IdempotencyKey | None = None  # a test does not know what destinations honour

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        guarantee: Guarantee,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: RequestBody | None = None,
        accept: frozenset[int] | None = None,
    ) -> DestinationReply:
        """The answer that the test recorded."""
        del headers
        address = address_of(self._connection, url, query)
        self.guarantee = guarantee
        wanted = self._performer.exchange(method, url, _json(body), self._among)
        if wanted is None:
            raise _Unanswered
        content = orjson.dumps(wanted.json_) if wanted.json_ is not None else (wanted.text or "").encode()
        reply = DestinationReply(
            wanted.status, {name.lower(): value for name, value in wanted.headers.items()}, content
        )
        if reply.status in (accept or SUCCESS):
            return reply
        raise refusal(method, address.removeprefix(BASE), reply, repeated=self._repeated)


class _Unanswered(BaseException):
    """No `http` answer fits the request. Passes through `attempt`, which makes a bug of every exception."""


def _driven(running: Coroutine[Any, Any, Done | Failed]) -> Done | Failed:
    """Its result. It waits for nothing but our own call, which never waits."""
    try:
        running.send(None)
    except StopIteration as done:
        result: Done | Failed = done.value
        return result
    running.close()
    raise CaseError("an action waits for something else than its HTTP call: `flows test` cannot play it")


def _answer(request: ActionRequest, result: Done | Failed, attempts: int = 1, seconds: float = 0.0) -> Answer:
    error = None
    outputs: dict[str, Any] = {}
    if isinstance(result, Failed):
        error = StepError(code=result.code, cause=result.cause, attempts=attempts)
    else:
        outputs = result.outputs
    unknown = isinstance(result, Failed) and result.unknown
    answer = Answer(effect_id=request.effect_id, step=request.step, outputs=outputs, error=error)
    return Performed(**dict(answer), seconds=seconds, unknown=unknown) if seconds or unknown else answer


def _rooted(path: str) -> str:
    """The path with its first slash; whole addresses, and patterns that take any, as they are."""
    return path if "://" in path or path.startswith(("/", "*")) else f"/{path}"


def _sent(wanted: Wanted, sent: Any) -> bool:  # noqa: ANN401 - JSON
    return wanted.sent is None or like(sent, wanted.sent)


def _json(body: RequestBody | None) -> Any:  # noqa: ANN401 - JSON
    if body is None:
        return None
    try:
        return orjson.loads(body.content)
    except orjson.JSONDecodeError:
        return body.content.decode("utf-8", "replace")


def _shown(request: ActionRequest) -> str:
    inputs = orjson.dumps(request.inputs, default=str).decode()
    return f"{request.name or 'step ' + request.step} ({request.action} {inputs[:200]})"
