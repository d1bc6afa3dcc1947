"""A flow with its events, played by `flows test` in process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import override

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.connections.connection import Connection
from services.flows.compile import compile_flow
from services.flows.testing import simulation
from services.flows.testing.events import CaseError, events_of
from services.flows.testing.story import Story
from services.flows.testing.suite import START, Failure, GivenEvent, ScriptedAnswer, SuiteCase
from services.project.catalogue import ACTIONS
from services.project.testing.performer import BASE, Performer
from tests.parity.scenario import Played, Scenario
from tests.parity.script import CALL_SECONDS, Fate, Script
from tests.parity.told import REFUSED, WAITS, Ended, Told

APART_SECONDS = 120.0
"""Between two events: a run is over by then, or waits for an event."""
CAUSES = {
    Fate.CUT: Failure(code=ErrorCode.CALL_INTERRUPTED, cause="the connection broke (RemoteProtocolError)"),
    Fate.LATE: Failure(code=ErrorCode.CALL_TIMED_OUT, cause=f"no whole answer within {CALL_SECONDS:g} s"),
}


class _Scripted(Performer):
    """Answers each request as the destination of the stack would."""

    def __init__(self, script: Script, connection: Connection, told: Told) -> None:
        super().__init__(
            ACTIONS, (), frozenset(), connections={connection.name: connection}, verify_seconds=0.0, heard=self._hear
        )
        self._script = script
        self._told = told
        self._at = START
        self.until = datetime.max.replace(tzinfo=START.tzinfo)
        self._began: datetime = START

    @override
    def __call__(self, request: ActionRequest) -> simulation.Performed:
        self._began = request.requested
        return super().__call__(request)

    @override
    def answers(self, request: ActionRequest) -> tuple[list[int], int | None]:
        return [0], None

    @override
    def exchange(self, method: str, path: str, sent: Any, among: Any) -> ScriptedAnswer:
        said = self._script.answer(path)
        if said.fate is not Fate.ANSWERED:
            return ScriptedAnswer(http="* *", error=CAUSES[said.fate])
        return ScriptedAnswer(http="* *", status=said.status, headers=said.headers, text=said.body.decode())

    def _hear(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> None:
        if self._began < self.until:
            self._told.request(method, url, headers, content, BASE)


def play(made: Scenario, one: Played, connection: Connection) -> Told:
    """What `flows test` says."""
    told = Told()
    given = [GivenEvent(trigger=one.trigger(sent), data=sent.body, after=APART_SECONDS) for sent in one.sent]
    taken = [number for number, each in enumerate(given) if _taken(made, each)]
    ends: dict[int, Ended | None] = {number: None if number in taken else REFUSED for number in range(len(given))}
    case = SuiteCase(name=one.name, given=[given[number] for number in taken])
    # Events that are refused take no time here.
    performer = _Scripted(Script(made.seed, one.name), connection, told)
    performer.until = START + timedelta(seconds=APART_SECONDS * (len(taken) + 1))
    stories = simulation.play(case, [compile_flow(one.source, made.known.tools)], made.known.triggers, performer)
    begun = [number for number in taken if not one.sent[number].reply]
    for number, story in zip(begun, stories, strict=True):
        ends[number] = _ended(story, performer.until)
    told.ends = [ends[number] for number in range(len(given))]
    return told


def _taken(made: Scenario, given: GivenEvent) -> bool:
    try:
        events_of(SuiteCase(name="one", given=[given]), (given.trigger or "",), made.known.triggers)
    except CaseError:
        return False
    return True


def _ended(story: Story, until: datetime) -> Ended:
    if story.outcome is None or story.ended is None or story.ended > until:
        return WAITS
    return Ended.of(story.outcome.value, story.code and story.code.value, story.step, story.reason)
