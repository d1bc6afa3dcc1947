"""One attempt from its begin to what it returns, and what journal, limits, metrics, `history` and the log hear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.actions import Retry
from contracts.errors import ErrorCode
from services.actions.attempt.attempts import Attempts
from services.actions.attempt.plan import Call, Plan, Planner
from services.actions.attempt.sending import HELD_SECONDS, MAX_ANSWER_BYTES, settle
from services.actions.attempt.states import LOST, Asking, Ended, Later, State, Waiting
from services.actions.journal.effects import State as EffectState
from services.actions.journal.journal import Journal, Tenure
from services.actions.outcome import Done, Failed
from services.actions.registry import ACTIONS
from services.actions.world import World
from services.flows.catalogue import Guarantee
from services.flows.idempotency import IdempotencyKey
from tests.support.actions import request
from tests.support.world import loop
from tests.support.world.destination import Asked, Destination, Says
from tests.support.world.worker import Simulation
from tests.unit.actions.plans import CONNECTIONS, plan, record

PLACE = "t.actions/0"
TOLD = "crm", ("default", "+351910000000", "crm"), ("flow", "0")
IDS: dict[str, object] = {"event_id": "e1", "run_id": "r1", "flow": "flow", "step": "0"}
IDS |= {"action": "http.request", "connection": "crm"}
IDS |= {"topic": "t.actions", "partition": 0, "offset": 7, "log_level": "warning"}
ASKS: dict[str, Any] = {"method": "POST", "url": "/contacts", "repeat": "never", "verify": {"url": "/check"}}
CHECK = "http://crm.example/check"


class FakeLimits:
    """Says whether an attempt counts, and notes what it is told."""

    def __init__(self) -> None:
        self.charges = True
        self.alone = False
        self.stands = 0.0
        self.notes: list[Any] = []
        self.headers: list[Mapping[str, str]] = []
        self.before: Callable[[], object] = lambda: None

    def told(self, *given: object) -> bool:
        """As the limits."""
        self.notes.append(given)
        return self.charges

    def denied_alone(self, *given: object) -> bool:
        """As the limits."""
        self.notes.append(given)
        return self.alone

    def stood(self, _connection: str) -> float:
        """As the limits."""
        return self.stands

    async def punctual(self, *given: object) -> None:
        """As the limits."""
        self.notes.append(given)
        self.before()

    def heard(self, connection: str, headers: Mapping[str, str]) -> None:
        """As the limits."""
        self.headers.append({"connection": connection, **headers})


class FakeEnds:
    """Notes what is to be published."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.raises: Exception | None = None
        self.with_a_person = False

    async def publish(self, _plan: Plan, outcome: Done | Failed, state: State) -> Ended:
        """As the ends."""
        self.told.append(("publish", outcome, state))
        if self.raises is not None:
            raise self.raises
        return Ended(outcome, dead=isinstance(outcome, Failed))

    async def bury(self, _plan: Plan, failed: Failed, state: State) -> Ended:
        """As the ends."""
        self.told.append(("bury", failed, state))
        return Ended(failed, dead=True)

    async def failed(self, _plan: Plan, failed: Failed, state: State, *, free: bool, next_seconds: float) -> None:
        """As the ends."""
        self.told.append(("failed", failed, state, free, next_seconds))

    async def asked(self, _plan: Plan) -> bool:
        """Whether a person is asked already."""
        return self.with_a_person


class Stage:
    """Attempts between fakes, on made time, which begins at 1,000. `chance` is a half."""

    def __init__(self, says: Says | Callable[[Asked], Says]) -> None:
        self.simulation = Simulation()
        clock = self.simulation.world.now
        self.destination = Destination(says if callable(says) else lambda _: says)
        self.world = World(now=clock, wall=clock, chance=lambda: 0.5)
        self.limits, self.ends = FakeLimits(), FakeEnds()
        self.journal = Journal(self.simulation.effects, "me", lambda: None, world=self.world)
        self.tenure: Tenure = self.journal.enter(PLACE)
        self.attempts = Attempts(
            self.destination,
            self.journal,
            cast("Any", self.limits),
            cast("Any", self.ends),
            call_seconds=5.0,
            verify_seconds=30.0,
            world=self.world,
        )

    async def make(self, made: Plan, state: Waiting | Asking = Waiting()) -> Any:  # noqa: B008 - frozen
        """One attempt."""
        return await self.attempts.make(made, state, self.tenure)

    def row(self, made: Plan) -> Any:
        """Its effect, as the journal has it."""
        return self.simulation.effects.effects[made.effect].row


def play(says: Says | Callable[[Asked], Says], story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """A story with a stage of its own."""

    async def played() -> None:
        stage = Stage(says)
        await stage.tenure.epoch()
        await story(stage)
        await stage.journal.close()

    loop.run(played)


def counted(name: str, **labels: str) -> float:
    """The value of a metric."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def attempts_counted(outcome: str) -> float:
    """Attempts of `crm` that ended so."""
    return counted("flows_attempts_total", connection="crm", action="http.request", outcome=outcome)


def test_a_call_that_is_done() -> None:
    """The journal has its answer before its end is told; its seconds and its outcome are counted."""

    async def story(stage: Stage) -> None:
        made = plan()
        names = {"connection": "crm", "action": "http.request"}
        calls, seconds = (f"flows_attempt_seconds_{one}" for one in ("count", "sum"))
        before = attempts_counted("done"), counted(calls, **names), counted(seconds, **names)
        with capture_logs() as logs:
            came = await stage.make(made)
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Done)
        ((what, outcome, state),) = stage.ends.told
        assert (what, outcome) == ("publish", came.outcome)
        assert (state.attempts, state.maybe, state.free) == (1, False, 0)
        row = stage.row(made)
        assert (row.state, orjson.loads(row.answer)) == (EffectState.DONE, came.outcome.outputs)
        assert stage.limits.notes[-1] == (*TOLD, came.outcome)
        assert stage.limits.notes[0][0] == "crm"
        assert stage.limits.headers[0]["connection"] == "crm"
        after = attempts_counted("done"), counted(calls, **names), counted(seconds, **names)
        assert after == pytest.approx((before[0] + 1, before[1] + 1, before[2] + 2.0), abs=0.1)
        assert logs == []

    play(Says(seconds=2.0), story)


def test_a_failed_attempt_that_another_follows() -> None:
    """The journal lets it be made again; it is told to `history` and in one line of the log, with every id."""

    async def story(stage: Stage) -> None:
        made = plan()
        began, before = stage.world.now(), attempts_counted("destination_failed")
        with capture_logs() as logs:
            came = await stage.make(made)
        assert isinstance(came, Later)
        assert (came.seconds, came.here) == (0.25, False)
        state = came.state
        assert isinstance(state, Waiting)
        assert (state.attempts, state.free, state.still, state.stood, state.maybe) == (1, 0, None, 0.0, True)
        assert state.began == pytest.approx(began, abs=0.1)
        ((what, failed, told, free, wait),) = stage.ends.told
        assert (what, failed.code, told.attempts, free, wait) == (
            "failed",
            ErrorCode.DESTINATION_FAILED,
            1,
            False,
            0.25,
        )
        assert (stage.row(made).state, stage.row(made).attempts, stage.row(made).maybe) == (
            EffectState.CLAIMED,
            1,
            True,
        )
        assert attempts_counted("destination_failed") == before + 1
        line = {"event": "attempt.failed", "code": "destination_failed", "cause": failed.cause, "attempts": 1}
        assert made.request is not None
        assert logs == [IDS | line | {"effect_id": made.request.effect_id, "next_seconds": 0.25}]
        again = await stage.make(made, state)
        assert isinstance(again, Later)
        assert (again.state.attempts, again.state.began, again.seconds) == (2, state.began, 0.5)

    play(Says(500), story)


def test_a_moment_that_the_destination_names_is_waited_for_while_time_stands_still() -> None:
    """It is not told as a time of ours."""

    async def story(stage: Stage) -> None:
        came = await stage.make(plan())
        assert isinstance(came, Later)
        assert came.seconds == 90.25
        assert isinstance(came.state, Waiting)
        assert came.state.still == stage.world.now()

    play(Says(503, headers={"retry-after": "90"}), story)


def test_a_call_that_is_refused_for_good() -> None:
    """The journal says so, its end is told, and a line of the log."""

    async def story(stage: Stage) -> None:
        made = plan()
        with capture_logs() as logs:
            came = await stage.make(made)
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert stage.ends.told[0][:2] == ("publish", came.outcome)
        row = stage.row(made)
        assert (row.state, row.code, row.cause) == (EffectState.FAILED, ErrorCode.CALL_REJECTED, came.outcome.cause)
        assert [(line["event"], line["attempts"], line["code"]) for line in logs] == [
            ("call.failed", 1, "call_rejected")
        ]

    play(Says(422), story)


def test_attempts_end_with_their_number_and_with_their_time() -> None:
    """`within` counts from the first attempt, without what stood still."""

    async def story(stage: Stage) -> None:
        tried = plan(retry=Retry(attempts=2, within_seconds=30))
        now = stage.world.now()
        assert isinstance(await stage.make(tried, Waiting(1, now - 1.0)), Ended)
        stage.limits.stands = 12.0
        for state, again in (
            (Waiting(1, now - 31.0), False),
            (Waiting(1, now - 31.0, still=now - 10.0), True),
            (Waiting(1, now - 31.0, stood=2.0), True),
            (Waiting(1, now - 41.0, stood=2.0), False),
            (Waiting(1, now - 31.0, stood=12.0), False),
        ):
            made = plan(retry=Retry(attempts=9, within_seconds=30), effect_id=repr(state))
            came = await stage.make(made, state)
            assert isinstance(came, Later if again else Ended), state
            if isinstance(came, Later):
                assert isinstance(came.state, Waiting)
                assert came.state.stood == 12.0

    play(Says(500), story)


def test_an_attempt_that_was_the_connections_fault_does_not_count() -> None:
    """Nor its time: that stands still from its begin. `history` and the log say whose fault it was."""

    async def story(stage: Stage) -> None:
        made = plan()
        stage.limits.charges = False
        began = stage.world.now()
        with capture_logs() as logs:
            came = await stage.make(made, Waiting(0, 0.0, free=3))
        assert isinstance(came, Later)
        assert isinstance(came.state, Waiting)
        state = came.state
        assert (state.attempts, state.free, state.still, state.maybe) == (0, 4, began, True)
        assert (came.seconds, came.here) == (2.0, False)
        ((what, failed, told, free, wait),) = stage.ends.told
        assert (what, failed.code, told.attempts, free, wait) == ("failed", ErrorCode.DESTINATION_FAILED, 1, True, 2.0)
        row = stage.row(made)
        assert (row.state, row.attempts, row.maybe) == (EffectState.CLAIMED, 0, True)
        (line,) = logs
        assert (line["event"], line["fault"], line["next_seconds"]) == ("attempt.failed", "connection", 2.0)

    play(Says(500), story)


def test_what_ends_without_a_request_after_others_ends_in_the_journal_too() -> None:
    """Else whoever goes on with it after this worker makes the call of a dead letter."""

    async def story(stage: Stage) -> None:
        made = plan(retry=Retry(attempts=3, within_seconds=30))
        came = await stage.make(made)
        assert isinstance(came, Later)
        broken = replace(cast("Call", made.call), inputs=cast("Any", None))
        ended = await stage.make(replace(made, call=broken), came.state)
        assert isinstance(ended, Ended)
        assert stage.row(made).state is EffectState.FAILED

    play(Says(500), story)


def test_nothing_that_was_sent_is_no_evidence_unless_all_calls_have_its_cause() -> None:
    """An action that fails before its request says nothing about the connection."""

    async def story(stage: Stage) -> None:
        made = plan(inputs={"method": "POST", "url": "http://elsewhere.example/"})
        came = await stage.make(made)
        assert isinstance(came, Ended)
        assert stage.limits.notes == []
        assert stage.simulation.effects.effects == {}

    play(Says(), story)


@pytest.mark.parametrize(("attempts", "alone", "again"), [(0, True, True), (1, False, True), (1, True, False)])
def test_what_was_denied_twice_and_alone_is_final(attempts: int, *, alone: bool, again: bool) -> None:
    """Once says nothing: credentials end while calls are under way."""

    async def story(stage: Stage) -> None:
        stage.limits.alone = alone
        began = stage.world.now()
        came = await stage.make(plan(), Waiting(attempts, began))
        assert isinstance(came, Later if again else Ended)
        if attempts:
            assert stage.limits.notes[-1] == (*TOLD, began)

    play(Says(403), story)


def test_what_was_denied_without_a_connection_is_final() -> None:
    """There are no credentials that could be well again."""

    async def story(stage: Stage) -> None:
        made = plan(connection=None, inputs={"method": "POST", "url": "http://elsewhere.example/"})
        assert isinstance(await stage.make(made), Ended)

    play(Says(403), story)


def test_a_call_of_unknown_outcome_is_asked_about_after_a_moment() -> None:
    """Until then the journal has it as unknown, for whoever goes on with it."""

    async def story(stage: Stage) -> None:
        made = plan(inputs=ASKS)
        with capture_logs() as logs:
            came = await stage.make(made)
        assert isinstance(came, Later)
        asking = came.state
        assert isinstance(asking, Asking)
        assert (came.seconds, came.here) == (0.25, True)
        assert (asking.attempts, asking.quiet_seconds, asking.since) == (1, 30.0, stage.world.now())
        assert (asking.maybe, asking.charged, asking.failed.code) == (False, True, ErrorCode.CALL_INTERRUPTED)
        row = stage.row(made)
        assert (row.state, row.code, row.maybe) == (EffectState.UNKNOWN, ErrorCode.CALL_INTERRUPTED, False)
        assert [line["event"] for line in logs] == ["call.doubted"]
        assert stage.ends.told == []
        # Nobody holds it here any more, so whoever goes on may ask the journal.
        replay = await stage.make(made)
        assert isinstance(replay, Later)
        assert isinstance(replay.state, Asking)
        assert replay.state.charged
        # A replay of what is with a person ends as it did.
        stage.ends.with_a_person = True
        again = await stage.make(made)
        assert isinstance(again, Ended)
        assert isinstance(again.outcome, Failed)
        assert again.outcome.unknown

    play(Says(-1), story)


@pytest.mark.parametrize(
    ("status", "word"), [(200, "happened"), (404, "did_not"), (500, "cannot_tell")], ids=["there", "not", "open"]
)
def test_what_the_destination_says_of_it(status: int, word: str) -> None:
    """It is there: done. It is not, for good: made again. It cannot say: a person decides. Each is counted."""

    async def story(stage: Stage) -> None:
        made = plan(inputs=ASKS)
        came = await stage.make(made)
        labels = {"connection": "crm", "action": "http.request", "verdict": word}
        before = counted("flows_verifications_total", **labels)
        asking = replace(came.state, quiet_seconds=0.0, since=stage.world.now() - 10.0)
        stage.ends.told.clear()
        held = stage.simulation.effects.effects[made.effect]
        held.row = replace(held.row, maybe=True)  # so an earlier attempt has told
        after = await stage.make(made, asking)
        assert counted("flows_verifications_total", **labels) == before + 1
        assert [one.url for one in stage.destination.asked][-1] == CHECK
        told = [one for one in stage.limits.notes if one[:3] == TOLD][-1]
        assert isinstance(told[3], Failed if status == 500 else Done)
        row = stage.row(made)
        if status == 200:
            assert isinstance(after, Ended)
            assert isinstance(after.outcome, Done)
            assert (row.state, stage.ends.told[0][0]) == (EffectState.DONE, "publish")
        elif status == 404:
            assert isinstance(after, Later)
            assert isinstance(after.state, Waiting)
            assert (after.state.attempts, after.state.maybe) == (1, False)
            assert after.state.began == pytest.approx(asking.began + 10.0, abs=0.1)
            assert (row.state, row.maybe) == (EffectState.CLAIMED, False)
        else:
            assert isinstance(after, Ended)
            assert isinstance(after.outcome, Failed)
            assert after.outcome.unknown
            assert (row.state, row.maybe) == (EffectState.UNKNOWN, True)

    play(lambda asked: Says(status) if asked.url == CHECK else Says(-1), story)


def test_a_destination_that_names_a_moment_is_not_asked_before() -> None:
    """Also where it does so when it is asked what became of the call."""

    async def story(stage: Stage) -> None:
        made = plan(inputs=ASKS)
        asking = (await stage.make(made)).state
        again = await stage.make(made, asking)
        assert isinstance(again, Later)
        assert (again.seconds, again.here, again.state) == (90.0, True, replace(asking, asked=1))

    def says(asked: Asked) -> Says:
        return Says(503, headers={"retry-after": "90"}) if asked.url == CHECK else Says(-1)

    play(says, story)


def test_a_call_that_did_not_happen_in_an_outage_does_not_count() -> None:
    """As any other whose connection was ill."""

    async def story(stage: Stage) -> None:
        made = plan(inputs=ASKS)
        stage.limits.charges = False
        came = await stage.make(made)
        assert isinstance(came.state, Asking)
        assert not came.state.charged
        stage.ends.told.clear()
        asking = replace(came.state, quiet_seconds=0.0, since=stage.world.now() - 10.0)
        held = stage.simulation.effects.effects[made.effect]
        held.row = replace(held.row, maybe=True)  # so an earlier attempt has told
        after = await stage.make(made, asking)
        assert isinstance(after, Later)
        assert isinstance(after.state, Waiting)
        assert (after.state.attempts, after.state.free) == (0, 1)
        assert not stage.row(made).maybe
        assert after.state.still == pytest.approx(stage.world.now(), abs=0.1)
        assert (stage.row(made).state, stage.row(made).attempts) == (EffectState.CLAIMED, 0)
        assert [one[0] for one in stage.ends.told] == ["failed"]

    play(lambda asked: Says(404) if asked.url == CHECK else Says(-1, acts=False), story)


def test_what_was_done_before_is_answered_with_what_it_gave() -> None:
    """Nothing is sent; an answer that was not kept is needed only where something follows."""

    async def story(stage: Stage) -> None:
        made = plan()
        done = await stage.make(made)
        again = await stage.make(made)
        assert again == done
        assert len(stage.destination.asked) == 1
        assert stage.limits.notes[-1] == (*TOLD, done.outcome)
        for last, effect in ((True, "l"), (False, "n")):
            large = plan(last=last, effect_id=effect)
            assert isinstance(await stage.make(large), Ended)
            stage.simulation.effects.effects[large.effect].row = replace(stage.row(large), answer=None)
            found = await stage.make(large)
            assert isinstance(found, Ended)
            if last:
                assert found.outcome == Done({})
            else:
                cause = f"it was done before, but its answer was over {MAX_ANSWER_BYTES} bytes and was not kept"
                assert found.outcome == Failed(ErrorCode.ANSWER_INVALID, cause, again=False, maybe=True)

    play(Says(), story)


def test_what_failed_for_good_has_its_number_of_attempts_from_the_journal() -> None:
    """Whoever reads the same record again tells the same end."""

    async def story(stage: Stage) -> None:
        made = plan()
        now = stage.world.now()
        first = await stage.make(made, Waiting(2, now))
        effect = stage.simulation.effects.effects[made.effect]
        effect.row = replace(effect.row, attempts=3, maybe=True)
        again = await stage.make(made, Waiting(1, now, free=4))
        assert isinstance(again, Ended)
        assert isinstance(again.outcome, Failed)
        assert again.outcome == replace(cast("Any", first).outcome, maybe=True, status=None)
        assert (stage.ends.told[-1][2].attempts, stage.ends.told[-1][2].free) == (3, 4)

    play(Says(422), story)


def test_what_somebody_else_holds_is_asked_for_again_after_a_second() -> None:
    """With nothing counted."""

    async def story(stage: Stage) -> None:
        made = plan()
        elsewhere = stage.journal.enter("t.actions/1")
        await stage.journal.begin(elsewhere, made.effect, Guarantee.REPEATABLE, 0)
        state = Waiting(1, stage.world.now() - 20.0, free=2)
        assert await stage.make(made, state) == Later(HELD_SECONDS, state, here=True)
        assert stage.ends.told == stage.destination.asked == []

    play(Says(), story)


@pytest.mark.parametrize("status", [200, 422, 500, -1])
def test_whoever_lost_its_partition_meanwhile_tells_nothing(status: int) -> None:
    """Whatever came of the call: the next owner goes on with it."""

    async def story(stage: Stage) -> None:
        def lose() -> None:
            stage.journal.leave(stage.tenure)

        stage.limits.before = lose
        assert await stage.make(plan(inputs=ASKS)) is LOST
        assert stage.ends.told == []
        assert await stage.make(plan(effect_id="n")) is LOST
        assert len(stage.destination.asked) == 1

    play(Says(status), story)


@pytest.mark.parametrize("charges", [True, False])
@pytest.mark.parametrize("status", [200, 500, -1])
def test_an_effect_that_is_held_under_another_number_is_asked_for_again(status: int, *, charges: bool) -> None:
    """That can be this worker, which has the partition anew."""

    async def story(stage: Stage) -> None:
        made = plan(inputs=ASKS)

        def taken() -> None:
            effect = stage.simulation.effects.effects[made.effect]
            effect.row = replace(effect.row, epoch=99)

        stage.limits.before, stage.limits.charges = taken, charges
        came = await stage.make(made)
        assert isinstance(came, Later)
        assert (came.seconds, came.here, came.state.attempts) == (HELD_SECONDS, True, 1)
        assert not came.state.maybe
        assert stage.ends.told == []

    play(Says(status), story)


def test_what_cannot_be_planned_ends_at_once() -> None:
    """Nothing is asked of the journal."""

    async def story(stage: Stage) -> None:
        made = plan(action="no.such")
        with capture_logs() as logs:
            came = await stage.make(made)
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert came.outcome.code is ErrorCode.ACTION_UNKNOWN
        assert [line["event"] for line in logs] == ["call.failed"]
        assert stage.simulation.effects.effects == {}

    play(Says(), story)


def test_what_is_too_late_is_not_called() -> None:
    """The journal says that nothing left; where an earlier attempt may have acted, the end says so."""

    async def story(stage: Stage) -> None:
        now = stage.world.now()
        before = datetime.fromtimestamp(now - 1.0, UTC)
        with capture_logs() as logs:
            came = await stage.make(plan(deadline=before, effect_id="never"))
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert (came.outcome.code, came.outcome.maybe) == (ErrorCode.TOO_LATE, False)
        assert logs == []  # it is no failure
        tried = plan(deadline=before, effect_id="tried")
        with capture_logs() as logs:
            came = await stage.make(tried, Waiting(1, now - 5.0, maybe=True, free=1))
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert (came.outcome.code, came.outcome.maybe) == (ErrorCode.TOO_LATE, True)
        assert came.outcome.cause.endswith(". An earlier attempt may have had its effect")
        assert [line["event"] for line in logs] == ["call.failed"]
        state = stage.ends.told[-1][2]
        assert (state.attempts, state.began, state.maybe, state.free) == (1, now - 5.0, True, 1)
        assert (stage.row(tried).state, stage.row(tried).code) == (EffectState.FAILED, ErrorCode.TOO_LATE)
        assert stage.destination.asked == []

    play(Says(), story)


@pytest.mark.parametrize(("attempts", "maybe"), [(0, False), (1, False)])
def test_what_nobody_foresaw_is_a_dead_letter(attempts: int, *, maybe: bool) -> None:
    """One that was sent may have acted; a worker that lost its partition tells nothing."""

    async def story(stage: Stage) -> None:
        made = plan()
        stage.ends.raises = ZeroDivisionError("planted")
        with capture_logs() as logs:
            came = await stage.make(made, Waiting(attempts, stage.world.now(), maybe=maybe))
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert (came.outcome.code, came.outcome.cause) == (ErrorCode.BUG, "ZeroDivisionError: planted")
        assert came.outcome.maybe  # an attempt was made
        assert "record.broke" in [line["event"] for line in logs]
        assert stage.ends.told[-1][0] == "bury"
        direct = await stage.attempts.broke(made, Waiting(), stage.tenure, KeyError("x"))
        assert isinstance(direct, Ended)
        assert isinstance(direct.outcome, Failed)
        assert not direct.outcome.maybe
        direct = await stage.attempts.broke(made, Waiting(maybe=True), stage.tenure, KeyError("x"))
        assert isinstance(direct, Ended)
        assert isinstance(direct.outcome, Failed)
        assert direct.outcome.maybe
        stage.journal.leave(stage.tenure)
        assert await stage.attempts.broke(made, Waiting(), stage.tenure, KeyError("x")) is LOST

    play(Says(), story)


def test_what_broke_under_way_is_settled_and_held_no_more() -> None:
    """Its effect failed, as the journal knows, and whoever asks next is answered."""

    async def story(stage: Stage) -> None:
        made = plan()

        def breaks() -> None:
            raise OverflowError

        stage.limits.told = breaks  # type: ignore[method-assign, assignment]
        came = await stage.make(made)
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert came.outcome.code is ErrorCode.BUG
        assert (stage.row(made).state, stage.row(made).code) == (EffectState.FAILED, ErrorCode.BUG)
        assert stage.row(made).maybe

    play(Says(), story)


def test_a_call_has_its_own_time_or_the_settings() -> None:
    """Of a connection or a step."""

    async def story(stage: Stage) -> None:
        for own, seconds in ((None, 5.0), (2.0, 2.0)):
            began = stage.world.now()
            await stage.make(plan(effect_id=str(seconds), timeout_seconds=own))
            assert stage.world.now() - began == pytest.approx(seconds, abs=0.1)

    play(Says(seconds=9.0), story)


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    """To the byte."""

    async def story(stage: Stage) -> None:
        made = plan()
        assert isinstance(made.call, Call)
        for more, kept in ((0, True), (1, False)):
            await stage.journal.begin(stage.tenure, made.effect, Guarantee.REPEATABLE, 7)
            answer = {"a": "x" * (MAX_ANSWER_BYTES - len(orjson.dumps({"a": ""})) + more)}
            assert await settle(stage.journal, made, stage.tenure, Done(answer), again=False)
            assert (stage.row(made).answer is not None) is kept
            stage.simulation.effects.effects.clear()

    play(Says(), story)


def test_a_moment_that_an_ill_connection_names_is_waited_for_too() -> None:
    """However little the free attempts say."""

    async def story(stage: Stage) -> None:
        stage.limits.charges = False
        came = await stage.make(plan())
        assert isinstance(came, Later)
        assert came.seconds == 90.25

    play(Says(503, headers={"retry-after": "90"}), story)


def test_what_stood_still_is_asked_of_the_calls_own_connection() -> None:
    """And what it was told is for that one."""

    async def story(stage: Stage) -> None:
        asked: list[str] = []

        def stood(connection: str) -> float:
            asked.append(connection)
            return 0.0

        stage.limits.stood = stood  # type: ignore[method-assign, assignment]
        assert isinstance(await stage.make(plan(), Waiting(1, stage.world.now(), stood=0.0)), Later)
        assert set(asked) == {"crm"}

    play(Says(500), story)


def test_a_first_attempt_here_goes_on_with_what_the_journal_knows() -> None:
    """How many there were, since when, and whether one may have acted; a later one knows that itself."""

    async def story(stage: Stage) -> None:
        made = plan(retry=Retry(attempts=9, within_seconds=600))
        first = stage.journal.enter("t.actions/1")
        await stage.journal.begin(first, made.effect, Guarantee.REPEATABLE, 0)
        stage.journal.leave(first)
        stage.journal.abandon(made.effect)
        began = stage.world.now()
        stage.simulation.effects.places.pop("t.actions/1")
        await asyncio.sleep(20.0)
        came = await stage.make(made)
        assert isinstance(came, Later)
        assert isinstance(came.state, Waiting)
        assert (came.state.attempts, came.state.maybe) == (2, True)
        assert came.state.began == pytest.approx(began, abs=0.1)
        known = Waiting(4, stage.world.now() - 3.0)
        again = await stage.make(made, known)
        assert isinstance(again, Later)
        assert (again.state.attempts, again.state.began) == (5, known.began)
        free = await stage.make(made, Waiting(0, 0.0, free=1))
        assert isinstance(free, Later)
        assert free.state.attempts == 1
        assert free.state.began == pytest.approx(stage.world.now(), abs=0.1)

    play(Says(500), story)


def test_a_key_counts_as_long_as_the_connection_says() -> None:
    """What may have happened is not repeated later than that."""

    async def story(stage: Stage) -> None:
        keyed = {"crm": replace(CONNECTIONS["crm"], idempotency=IdempotencyKey(seconds=100.0))}
        inputs = {"method": "POST", "url": "/contacts", "repeat": "keyed"}
        one = request(1, inputs=inputs, retry=Retry(attempts=9, within_seconds=6_000))
        made = Planner(ACTIONS, keyed).plan(record(one.to_bytes()))
        came = await stage.make(made)
        assert isinstance(came, Later)
        await asyncio.sleep(45.0)  # one that leaves now may arrive when the key is forgotten
        late = await stage.make(made, came.state)
        assert isinstance(late, Ended)
        assert isinstance(late.outcome, Failed)
        assert late.outcome.unknown
        assert len(stage.destination.asked) == 1

    play(Says(500), story)


def test_a_call_whose_deadline_passes_while_limits_hold_it_is_not_made() -> None:
    """It is asked right before the request leaves."""

    async def story(stage: Stage) -> None:
        made = plan(deadline=datetime.fromtimestamp(stage.world.now() + 1.0, UTC))

        async def punctual(*_: object) -> None:
            await asyncio.sleep(2.0)

        stage.limits.punctual = punctual  # type: ignore[method-assign]
        came = await stage.make(made)
        assert isinstance(came, Ended)
        assert isinstance(came.outcome, Failed)
        assert came.outcome.code is ErrorCode.TOO_LATE
        assert stage.destination.asked == []

    play(Says(), story)


def test_what_was_done_before_is_told_with_its_own_number_of_attempts() -> None:
    """The journal counts what failed or is unknown; of what was done the worker's own count is told."""

    async def story(stage: Stage) -> None:
        made = plan()
        await stage.make(made)
        await stage.make(made, Waiting(3, stage.world.now()))
        assert stage.ends.told[-1][2].attempts == 3

    play(Says(), story)
