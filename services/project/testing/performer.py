"""Calls of a test case, answered as the test says.

An answer with `outputs`, or with `error` alone, stands for the whole action. One with `http` stands for the
destination: what it means, whether the call is made again and whether its destination is asked is decided by the code
of services/actions, so a test sees what production would.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.runs import StepError
from services.actions.action import Implementation
from services.actions.attempt import deadline, verification
from services.actions.attempt.ends import outcome_of
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt, checked
from services.actions.attempt.retry import Schedule, may_be_denied_to_all
from services.actions.attempt.states import Asking, Later
from services.actions.connections.connection import Connection, relied_on
from services.actions.outcome import Done, Failed
from services.actions.settings import ActionsSettings
from services.closum.endpoint import Endpoint
from services.flows.catalogue import BaseInputs, Guarantee
from services.flows.testing.events import CaseError
from services.flows.testing.patterns import like
from services.flows.testing.simulation import Performed
from services.flows.testing.suite import ScriptedAnswer as Wanted
from services.runtime.http import CallError, HttpAnswer, Sent

T = TypeVar("T")
BASE = "https://connection.test"
"""Where each connection of a case is."""
CALL_SECONDS: float = ActionsSettings.model_fields["call_seconds"].default
VERIFY_SECONDS: float = ActionsSettings.model_fields["verify_seconds"].default
BODILESS = frozenset({204, 304})
Heard = Callable[[str, str, Mapping[str, str], bytes | None], object]
"""Told of each request: method, address, headers and content."""


class Performer:
    """Answers the calls of one case. `answers` in the order in which they are tried; `used` are names in the flow.

    A call that fails is made again as in production, after the waits of its schedule; where chance has a part in them
    there, they take no time here.

    `connections`: what the connections file declares of each; one that it has not has but the `endpoints` of
    closum.yaml.
    """

    def __init__(
        self,
        actions: Mapping[str, Implementation],
        answers: Sequence[Wanted],
        used: frozenset[str],
        endpoints: Mapping[str, Endpoint] | None = None,
        connections: Mapping[str, Connection] | None = None,
        *,
        verify_seconds: float = VERIFY_SECONDS,
        heard: Heard = lambda *_: None,
    ) -> None:
        self.verify_seconds = verify_seconds
        self.heard = heard
        self._endpoints = endpoints or {}
        self._connections = connections or {}
        self._used = used
        self._actions = actions
        self._answers = answers
        self._left = [each.times for each in answers]
        self.taken: set[int] = set()
        """The numbers of the answers that were given."""

    def __call__(self, request: ActionRequest) -> Performed:
        """The answer. Raises CaseError when the test has none for a call whose outputs the flow may use."""
        action = self._actions[request.action]
        inputs = checked(action, request.inputs)
        if isinstance(inputs, Failed):
            return _answer(request, inputs)
        return _Course(self, request, action, inputs).run()

    def connection(self, request: ActionRequest) -> Connection | None:
        """The request's, as it may be counted on: at our address, and signed in."""
        found = None
        if request.connection is not None:
            known = self._connections.get(request.connection)
            known = known or Connection(request.connection, BASE, endpoints=self._endpoints)
            found = replace(known, base_url=BASE, credentials=None, client=None)
        return relied_on(found, request.run)

    def answers(self, request: ActionRequest) -> tuple[list[int], int | None]:
        """The numbers of the `http` answers for a request, and of the one for the whole action that follows on them."""
        fitting = [number for number in range(len(self._answers)) if self._fits(number, request)]
        whole = next((number for number in fitting if self._answers[number].http is None), None)
        return fitting if whole is None else fitting[: fitting.index(whole)], whole

    def whole(self, number: int | None, request: ActionRequest, action: Implementation) -> Done | Failed:
        """What an answer for the whole action says. Raises CaseError where there is none and one is needed."""
        if number is not None:
            self._use(number)
            return _said(request, action, self._answers[number])
        if request.name not in self._used:
            return Done({})
        raise CaseError(f"no answer for {_shown(request)}: write one under `answers`, as the flow uses what it gives")

    def exchange(self, method: str, path: str, sent: Any, among: Sequence[int]) -> Wanted | None:  # noqa: ANN401 - JSON
        """The answer to an HTTP request: the first of those with these numbers that fits."""
        for number in among:
            wanted = self._answers[number]
            wanted_method, wanted_path = (wanted.http or "").split()
            if self._left[number] == 0 or not (wanted.sent is None or like(sent, wanted.sent)):
                continue
            if like(method, wanted_method.upper()) and like(path, _rooted(wanted_path)):
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


class _Course:
    """A call from its first attempt to its end: what services/actions does, on virtual time.

    Nothing is known of other contacts' calls: no failure is the connection's fault, and none is free.
    """

    def __init__(
        self, performer: Performer, request: ActionRequest, action: Implementation, inputs: BaseInputs
    ) -> None:
        self._performer = performer
        self._request = request
        self._action = action
        self._inputs = inputs
        self._connection = performer.connection(request)
        declared = None if self._connection is None else self._connection.call_seconds
        self._call_seconds = request.timeout_seconds or declared or CALL_SECONDS
        self._among: Sequence[int] = ()
        self._seconds = 0.0
        self._attempts = 0
        self._maybe = False

    def run(self) -> Performed:
        """Its end."""
        schedule, stood = Schedule.of(self._request.retry), 0.0
        while True:
            if (late := self._request.too_late(self._request.requested.timestamp() + self._seconds)) is not None:
                return self._end(deadline.too_late(late, maybe=self._maybe))
            outcome = self._attempt()
            self._attempts += 1
            if isinstance(outcome, Failed) and may_be_denied_to_all(outcome, self._request.connection or ""):
                outcome = replace(outcome, again=True)
            if isinstance(outcome, Failed) and outcome.unknown and self._action.verifier(self._inputs) is not None:
                since = self._seconds
                outcome = self._ask(outcome)
                stood += self._seconds - since  # what it waited for was our not knowing
            elif isinstance(outcome, Failed):
                self._maybe = self._maybe or outcome.maybe
            if isinstance(outcome, Done) or not outcome.again:
                return self._end(outcome)
            told = outcome.retry_after_seconds
            wait = schedule.wait_seconds(self._attempts, self._seconds - stood, told, chance=lambda: 0.0)
            if wait is None:
                return self._end(outcome)
            self._seconds += wait
            stood += 0.0 if told is None else wait

    def _attempt(self) -> Done | Failed:
        self._among, whole = self._performer.answers(self._request)
        if self._among:
            try:
                return _driven(attempt(self._action, self._inputs, self._call()))
            except _Unanswered:
                pass
        return self._performer.whole(whole, self._request, self._action)

    def _ask(self, failed: Failed) -> Done | Failed:
        """The destination is asked whether a call of unknown outcome happened."""
        now = self._seconds
        asking = Asking(failed, self._attempts, 0.0, self._performer.verify_seconds, now)
        wait = verification.first_wait_seconds(asking, now)
        if wait is None:
            return failed
        while True:
            self._seconds += max(0.0, wait)
            self._among, _ = self._performer.answers(self._request)
            try:
                verdict, came = _driven(verification.ask(self._action, self._inputs, self._call()))
            except _Unanswered as asked:
                raise CaseError(
                    f"no answer for {asked}, by which {_shown(self._request)} is verified: write one under `answers`"
                ) from None
            told = came.retry_after_seconds if isinstance(came, Failed) else None
            judged = verification.judged(asking, verdict, self._seconds, told)
            if not isinstance(judged, Later):
                return judged
            assert isinstance(judged.state, Asking)  # noqa: S101 - it goes on asking
            asking, wait = judged.state, judged.seconds

    def _call(self) -> HttpCall:
        maybe = self._maybe

        async def before(_: Guarantee) -> bool:
            return maybe

        effect, seconds = self._request.effect_id, self._call_seconds
        return HttpCall(self, self._connection, effect, seconds, before=before)

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
        any_port: bool = True,
    ) -> HttpAnswer:
        """What the destination says to a request, as `services.runtime.http.HttpCaller`."""
        del any_port
        path = url.partition("?")[0].removeprefix(BASE)
        self._performer.heard(method, url, headers, content)
        wanted = self._performer.exchange(method, path, _json(content), self._among)
        if wanted is None:
            raise _Unanswered(f"{method} {path}")
        if wanted.error is not None:
            sent = Sent.NO if wanted.error.code is ErrorCode.CALL_REFUSED else Sent.EFFECT_POSSIBLE
            self._seconds += seconds if wanted.error.code is ErrorCode.CALL_TIMED_OUT else 0.0
            raise CallError(wanted.error.code, f"{method} {path}: {wanted.error.cause}", sent)
        body = orjson.dumps(wanted.json_) if wanted.json_ is not None else (wanted.text or "").encode()
        bodiless = method == "HEAD" or wanted.status in BODILESS
        said = {name.lower(): value for name, value in wanted.headers.items()}
        return HttpAnswer(wanted.status, said, b"" if bodiless else body)

    def _end(self, outcome: Done | Failed) -> Performed:
        return _answer(self._request, outcome, self._attempts, self._seconds)


class _Unanswered(BaseException):
    """No `http` answer fits the request. Passes through `attempt`, which makes a bug of every exception."""


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


def _driven(running: Coroutine[Any, Any, T]) -> T:
    """Its result. It waits for nothing but our own call, which never waits."""
    try:
        running.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    running.close()
    raise CaseError("an action waits for something else than its HTTP call: `flows test` cannot play it")


def _answer(request: ActionRequest, result: Done | Failed, attempts: int = 1, seconds: float = 0.0) -> Performed:
    if isinstance(result, Done):
        return Performed(effect_id=request.effect_id, step=request.step, outputs=result.outputs, seconds=seconds)
    error = StepError(code=result.code, cause=result.cause.replace(BASE, ""), attempts=attempts)
    ends = outcome_of(request, result)
    return Performed(effect_id=request.effect_id, step=request.step, error=error, seconds=seconds, ends=ends)


def _rooted(path: str) -> str:
    """The path with its first slash; whole addresses, and patterns that take any, as they are."""
    return path if "://" in path or path.startswith(("/", "*")) else f"/{path}"


def _json(content: bytes | None) -> Any:  # noqa: ANN401 - JSON
    if content is None:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")


def _shown(request: ActionRequest) -> str:
    inputs = orjson.dumps(request.inputs, default=str).decode()
    return f"{request.name or 'step ' + request.step} ({request.action} {inputs[:200]})"
