"""Plays a case: the same `advance` as production, state in memory, calls answered by the test, time without waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

from pydantic import BaseModel

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Answer, EndedBy, Outcome, Run, StepError, Wake
from services.flows.advance import advance, begin
from services.flows.compiled import CompiledFlow
from services.flows.index import FlowIndex
from services.flows.needs import Need
from services.flows.outcomes import Act, Ask, End, Sleep
from services.flows.seen_events import OTHER_CONTENT, SEEN, content_of
from services.flows.state.cells import Asked
from services.flows.state.memory import InMemoryState
from services.flows.testing.events import CaseError, events_of
from services.flows.testing.story import RequestedCall, Story
from services.flows.testing.suite import SuiteCase
from services.flows.waiting import hashes_of

MOST_STEPS = 100_000
"""A case that does more never ends: it fails."""
DUPLICATE = timedelta(hours=24)
"""So long the same id again is a duplicate: as an installation and a source are set that say nothing else."""


class Performed(Answer):
    """What came of a call, which took `seconds`. `ends`: how its failure ends the run; None: the run goes on."""

    seconds: float = 0.0
    ends: Outcome | None = None

    def plain(self) -> Answer:
        """As it travels."""
        return Answer(effect_id=self.effect_id, step=self.step, outputs=self.outputs, error=self.error)


Perform = Callable[[ActionRequest], Performed]
"""Answers a call as the test says. Raises CaseError when it does not say."""


def play(
    case: SuiteCase, flows: Sequence[CompiledFlow], triggers: Mapping[str, type[BaseModel]], perform: Perform
) -> tuple[Story, ...]:
    """What becomes of the case's events: a story a run, in order. Raises CaseError for a case that cannot be played.

    The first flow is the one that is tested; the others run beside it, on the same state.

    After the last event, time goes on until nothing waits any more.
    """
    stage = _Stage(flows, perform)
    for at, event in events_of(case, flows[0].triggers, triggers):
        stage.at(at, partial(stage.arrive, event))
    stage.go()
    return tuple(stage.stories)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A run that waits."""

    flow: CompiledFlow
    story: Story
    sleep: Sleep


class _Stage:
    """One case while it is played."""

    def __init__(self, flows: Sequence[CompiledFlow], perform: Perform) -> None:
        self.flows = flows
        self.perform = perform
        self.stories: list[Story] = []
        self.memory = InMemoryState()
        self.now = datetime.min.replace(tzinfo=UTC)
        self.left = MOST_STEPS
        self._ending = frozenset().union(*(flow.ending for flow in flows))
        self._matches = FlowIndex(flows).matches
        self._waiting: dict[str, _Waiting] = {}
        self._seen: dict[tuple[str, str, str], tuple[datetime, str]] = {}
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, moment: datetime, work: Callable[[], None]) -> None:
        """Do something at a moment; things of the same moment in the order in which they were put here."""
        heapq.heappush(self._agenda, (moment, next(self._numbers), work))

    def go(self) -> None:
        """Let time pass until there is nothing to do."""
        while self._agenda:
            moment, _, work = heapq.heappop(self._agenda)
            self.now = max(self.now, moment)
            work()

    def arrive(self, event: Event) -> None:
        """An event comes in: it may end waits, and begin a run."""
        begun = [flow for flow in self.flows if event.type in flow.triggers]
        if not begun and event.type not in self._ending:
            raise CaseError(f"the flow {self.flows[0].name!r} neither begins with {event.type!r} nor waits for it")
        identity = (event.account, event.source, event.happening)
        first = self._seen.get(identity)
        again = first is not None and self.now - first[0] < DUPLICATE
        if first is None or not again:
            first = self._seen[identity] = (self.now, content_of(event))
        ended = [] if again else self._ended_by(event)
        for flow in begun:
            story = Story(flow.name, event, self.now)
            self.stories.append(story)
            if again:
                why = SEEN if first[1] == content_of(event) else OTHER_CONTENT
                self._end(story, End(begin(flow, event), Outcome.DUPLICATE, why))
            else:
                self.follow(flow, story, begin(flow, event))
        for timer, cancel in ended:
            self.wake(timer, event, cancel)

    def wake(self, timer: str, event: Event | None = None, cancel: str | None = None) -> None:
        """A wait is over, by its time or by an event, if it was not before."""
        waiting = self._waiting.pop(timer, None)
        if waiting is None:
            return
        sleep = waiting.sleep
        wake = Wake(timer=timer, due=sleep.until)
        if event is not None:
            why = f"{event.type} came: event {event.id!r}"
            kept = event if sleep.keeps_event else None
            wake = Wake(timer=timer, due=sleep.until, by=EndedBy.EVENT, why=why, cancel=cancel, event=kept)
        self.follow(waiting.flow, waiting.story, sleep.run, wake)

    def follow(
        self, flow: CompiledFlow, story: Story, run: Run, wake: Wake | None = None, answer: Answer | None = None
    ) -> None:
        """Advance a run until it ends or waits."""
        answers: tuple[object, ...] = ()
        while True:
            self._spend()
            after = advance(flow, run, answer=answer, answers=answers, wake=wake, now=self.now, trace=story.told)
            match after:
                case End():
                    self._end(story, after)
                    return
                case Sleep(timer=timer, until=until):
                    self._waiting[timer] = _Waiting(flow, story, after)
                    self.at(until, partial(self.wake, timer))
                    return
                case Act(request):
                    performed = self._call(story, request)
                    answers, wake, run = (), None, request.run
                    if performed.seconds:
                        later = self.now + timedelta(seconds=performed.seconds)
                        self.at(later, partial(self._answer_came, flow, story, request, performed))
                        return
                    if self._ends(story, request, performed):
                        return
                    answer = performed.plain()
                case Ask(run=asked, need=need):
                    given = self._answered(asked, need, len(after.answers))
                    if isinstance(given, Exception):
                        cause = f"{type(given).__name__}: {given}"
                        self._end(story, End(asked, Outcome.DEAD, cause, ErrorCode.BUG, asked.at))
                        return
                    if asked.at != run.at:
                        wake = None  # it ended the wait of an earlier step
                    run, answer, answers = asked, None, (*after.answers, given)

    def _answer_came(self, flow: CompiledFlow, story: Story, request: ActionRequest, answer: Performed) -> None:
        """A call that was made again is over."""
        if not self._ends(story, request, answer):
            self.follow(flow, story, request.run, answer=answer.plain())

    def _ends(self, story: Story, request: ActionRequest, performed: Performed) -> bool:
        """Whether this call ends the run; it is ended then, as services/actions does."""
        error = performed.error
        if error is None or performed.ends is None:
            return False
        self._end(story, End(request.run, performed.ends, error.cause, error.code, request.step))
        return True

    def _ended_by(self, event: Event) -> list[tuple[str, str]]:
        """The waits that an event ends, each with what the two share."""
        hashes = set(hashes_of(event, self._matches(event.type)))
        fits = ((timer, [one for one in each.sleep.cancels if one in hashes]) for timer, each in self._waiting.items())
        return [(timer, found[0]) for timer, found in fits if found]

    def _call(self, story: Story, request: ActionRequest) -> Performed:
        if (late := request.too_late(self.now.timestamp())) is not None:
            error = StepError(code=ErrorCode.TOO_LATE, cause=late)
            ends = None if request.resume_on_deadline else Outcome.FILTERED
            return Performed(effect_id=request.effect_id, step=request.step, error=error, ends=ends)
        performed = self.perform(request)
        after = (self.now - story.began).total_seconds()
        story.calls.append(RequestedCall(request.action, request.connection, request.inputs, after, performed.error))
        return performed

    def _answered(self, run: Run, need: Need[object], ordinal: int) -> object:
        asked = Asked(run.event.account, run.flow, run.id, run.at, ordinal, need, run.done)
        return self.memory.answer([asked], self.now.timestamp())[0]

    def _end(self, story: Story, end: End) -> None:
        story.outcome, story.reason, story.code, story.step = end.outcome, end.reason, end.code, end.step
        story.outputs = end.run.outputs
        story.ended = self.now
        if end.outcome is Outcome.DEAD:
            self.memory.died(end.run.id, end.run.done, self.now.timestamp())

    def _spend(self) -> None:
        self.left -= 1
        if not self.left:
            raise CaseError(f"it did not end after {MOST_STEPS} steps")
