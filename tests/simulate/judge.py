"""What must hold, judged at the destination and by the records of ends. Each fault is one sentence that names a call.

Safety: nothing lost, nothing doubled that must not be, order in each lane, nothing unknown and nothing dead without a
cause, nothing asked too early. Liveness: whatever can go on does go on, also while others are in trouble.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from services.actions.attempt.retry import FIRST_SECONDS, LONGEST_SECONDS
from services.actions.journal.effects import State
from tests.simulate.api import CUT, NO_ANSWER, REFUSED, Ask
from tests.simulate.scenario import CALM, KAFKA, POSTGRESQL, WORKERS, Kind, Put, Trouble
from tests.simulate.story import End, Seen

CALM_SECONDS = 10.0
"""A call of the calm connection, that no trouble of our own parts touches, has ended after so long."""
WAITS_SECONDS = 150.0
"""A trial comes within a minute, then calls start slowly: so long after all that can hold it up, a call has ended."""
SLOW_START = 20
LATE_SECONDS = 10.0
"""So long after its deadline a call has ended, wherever it waits."""
SHORT_SECONDS = 0.01
FRESH_SECONDS = 10.0
ROOM = {"FLOWS_MAX_PENDING": 300, "FLOWS_MAX_PARKED": 300, "FLOWS_READ_AHEAD_BYTES": 1_000_000}
FINAL = frozenset({404, 422})
DENIED = frozenset({401, 403})
ENDED = {
    "delivered": {State.DONE},
    "answered": {State.DONE},
    "filtered": {State.FAILED},
    "unknown": {State.UNKNOWN},
    "dead": {State.FAILED},
}


class Fault(NamedTuple):
    """`rule`: its kind, one word or two."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def judge(seen: Seen) -> list[Fault]:
    """All that is wrong."""
    return list(_Judge(seen).faults())


class _Judge:
    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.scenario = seen.scenario
        self.puts = {one.number: one for one in seen.scenario.puts}
        self.asked: dict[int, list[Ask]] = defaultdict(list)
        for ask in seen.asked:
            if not ask.check:
                self.asked[ask.number].append(ask)
        self.ends: dict[int, list[End]] = defaultdict(list)
        for end in seen.ends:
            if end.what != "letter":
                self.ends[end.number].append(end)
        self.letters = {end.number: end for end in seen.ends if end.what == "letter"}
        settings = seen.scenario.settings
        # At a bound of memory partitions pause, for all: so it is meant.
        self.roomy = all(int(settings[name]) >= least for name, least in ROOM.items())
        self.stepped = any(one.what == "clock steps" for one in seen.scenario.troubles)

    def faults(self) -> Iterator[Fault]:
        """Rule by rule."""
        yield from self._live()
        for number, put in self.puts.items():
            if put.kind is not None:
                yield from self._one(number, put, put.kind)
        yield from self._poison()
        yield from self._order()
        yield from self._early()
        yield from self._calm()
        yield from self._waits()
        yield from self._slow_start()

    def _live(self) -> Iterator[Fault]:
        seen = self.seen
        for at, process, error in seen.broken:
            yield Fault("worker broke", f"{process} at {at - seen.begun:.1f} s: {error}")
        if not seen.done:
            missing = [number for number, put in self.puts.items() if put.kind is not None and number not in self.ends]
            yield Fault(
                "not ended",
                f"{seen.ended - seen.begun:.0f} s from the beginning, long after the last trouble: {missing[:20]} have"
                f" no end, {seen.left} records are not committed, {seen.parked} are parked",
            )

    def _one(self, number: int, put: Put, kind: Kind) -> Iterator[Fault]:
        ends, asked = self.ends.get(number, []), self.asked.get(number, [])
        if not ends:
            if self.seen.done:
                yield Fault("lost", f"{number} has no end")
            return
        what = {(end.what, end.code) for end in ends}
        if len(what) > 1:
            yield Fault("two ends", f"{number} ended as {sorted(map(str, what))}")
        if len(ends) > 1 and not self._upset(*KAFKA, *WORKERS):
            yield Fault("two ends", f"{number} ended {len(ends)} times, and nothing happened to its worker")
        acts = [ask for ask in asked if ask.acted_at is not None]
        end = ends[0]
        if len(acts) > 1 and self._once(kind):
            yield Fault("doubled", f"{number} had its effect {len(acts)} times ({kind.repeat})")
        yield from self._journal(number, end)
        done = end.what == "delivered" or (end.what == "answered" and end.code is None)
        if done and not acts:
            yield Fault("not made", f"{number} ended as {end.what}, and had no effect")
        if end.what == "filtered" and acts:
            yield Fault("made", f"{number} ended as filtered, and had its effect")
        letter = self.letters.get(number)
        if letter is not None and letter.effect_possible is False and acts:
            yield Fault("made", f"{number} is a dead letter that says it had no effect, and had it")
        if self.seen.effects.get(number) is State.UNKNOWN:
            yield from self._unknown(number, asked)
        yield from self._dead(number, put, kind, end)
        yield from self._deadline(number, kind, end, asked)

    def _once(self, kind: Kind) -> bool:
        """Whether its effect may be there once only."""
        if kind.repeat in ("never", "verify"):
            return True
        honoured = kind.connection in self.scenario.honours
        return kind.repeat == "by default" or (kind.repeat == "keyed" and honoured)

    def _journal(self, number: int, end: End) -> Iterator[Fault]:
        state = self.seen.effects.get(number)
        if state is None:
            return
        if state is State.SENT or state is State.CLAIMED:
            yield Fault("journal", f"{number} ended as {end.what}, and the journal says {state.value}")
        elif end.what == "answered" and end.code is not None:
            if state is State.DONE:
                yield Fault("journal", f"{number} was answered {end.code}, and the journal says {state.value}")
        elif state not in ENDED[end.what]:
            yield Fault("journal", f"{number} ended as {end.what}, and the journal says {state.value}")

    def _unknown(self, number: int, asked: list[Ask]) -> Iterator[Fault]:
        """A doubtful answer, or its worker was gone after the journal let it send."""
        if any(ask.doubtful for ask in asked):
            return
        gos = self.seen.gos.get(number, [])
        upset = [at for at, _ in self.seen.upset]
        place = {one.epoch: one.place for one in self.seen.owned}
        for at, epoch in gos:
            taken = [one.at for one in self.seen.owned if one.place == place[epoch] and one.epoch > epoch]
            if taken and any(at - 60.0 <= moment <= max(taken) for moment in upset):
                return
            # What our own parts did not let it finish in time, before it gave up its partition.
            if taken and any(self._during(trouble, at, min(taken)) for trouble in self._own()):
                return
        yield Fault("unknown", f"{number} is unknown, and nothing was in doubt")

    def _own(self) -> list[Trouble]:
        return [one for one in self.scenario.troubles if one.what in (*POSTGRESQL, *KAFKA)]

    def _during(self, trouble: Trouble, since: float, until: float) -> bool:
        begun = self.seen.begun
        return trouble.at + begun <= until and trouble.at + trouble.seconds + begun >= since

    def _upset(self, *by: str) -> bool:
        """Whether one of these troubles came."""
        return any(one.what in by for one in self.scenario.troubles)

    def _dead(self, number: int, put: Put, kind: Kind, end: End) -> Iterator[Fault]:
        """Nothing dies that waiting would cure."""
        if end.code in (None, "too_late") or end.what not in ("dead", "answered"):
            return
        if self.seen.effects.get(number) is State.UNKNOWN:
            return
        asked = self.asked.get(number, [])
        statuses = [ask.status for ask in asked]
        if put.wrong or any(status in FINAL for status in statuses):
            return
        if not asked:
            yield Fault("dead", f"{number} died ({end.code}) and was never asked for")
            return
        last = asked[-1]
        if last.status in DENIED:
            denied = [ask for ask in asked if ask.status in DENIED]
            if len(denied) > 1 and self._well_beside(last):
                return
        charged = [ask for ask in asked if self._own_fault(ask)]
        over = self._tried_seconds(asked) + _longest_wait(kind, len(charged)) > kind.within_seconds
        if len(charged) < kind.attempts and not (charged and over):
            yield Fault(
                "dead", f"{number} died ({end.code}) after {statuses}, of which {len(charged)} were its own fault"
            )

    def _tried_seconds(self, asked: list[Ask]) -> float:
        """How long it was tried at most, without what followed on failures that were not its own.

        A worker that takes it over knows only since when; one that waits for PostgreSQL counts that too.
        """
        end = asked[-1].answered_at or asked[-1].at
        if len({ask.process for ask in asked}) > 1 or self._touched(asked[0].at, end):
            return math.inf
        own = sum(later.at - ask.at for ask, later in pairwise(asked) if self._own_fault(ask))
        return own + end - asked[-1].at

    def _well_beside(self, last: Ask) -> bool:
        """Whether another lane succeeded in the step, while or shortly before this was asked."""
        until = last.answered_at if last.answered_at is not None else self.seen.ended
        return any(
            ask.answered_at is not None
            and last.at - SHORT_SECONDS <= ask.answered_at <= until
            and ask.path == last.path
            and ask.lane != last.lane
            and ask.status not in (REFUSED, CUT, NO_ANSWER, 401, 403, 429, 500, 503)
            for ask in self.seen.asked
        )

    def _own_fault(self, ask: Ask) -> bool:
        """Whether a failure can be its call's own: others of its worker were well, or there were too few to say."""
        if ask.answered_at is None:
            return True
        # What was said before a connection was found well again counts no more.
        since = max((at for at, name in self.seen.healed if name == ask.connection and at <= ask.at), default=0.0)
        others = [
            one
            for one in self.seen.asked
            if one is not ask
            and one.process is ask.process
            and one.connection == ask.connection
            and one.answered_at is not None
            and since <= one.answered_at <= ask.answered_at
            and one.lane != ask.lane
        ]
        bad = (REFUSED, CUT, NO_ANSWER, 401, 403, 429, 500, 503)
        recent = [
            one for one in others if one.answered_at is not None and one.answered_at > ask.answered_at - FRESH_SECONDS
        ]
        if any(one.status not in bad for one in recent):
            return True
        well = max((one.answered_at or 0.0 for one in others if one.status not in bad), default=0.0)
        failing = {one.lane for one in others if one.answered_at is not None and one.answered_at > well}
        return len(failing) < 3

    def _deadline(self, number: int, kind: Kind, end: End, asked: list[Ask]) -> Iterator[Fault]:
        if kind.deadline_seconds is None:
            if end.what == "filtered" or end.code == "too_late":
                yield Fault("deadline", f"{number} is too late, and has no deadline")
            return
        if self.stepped:
            return
        due = self.seen.begun + self.puts[number].at + kind.deadline_seconds
        if end.code == "too_late" and end.at < due - 1.0:
            yield Fault("deadline", f"{number} is too late {due - end.at:.1f} s before its deadline")
        for ask in asked:
            if ask.at > due + 1.0:
                yield Fault("deadline", f"{number} was asked for {ask.at - due:.1f} s after its deadline")
        if self.roomy and end.at > due + LATE_SECONDS and not self._touched(due - 30.0, end.at):
            last = asked[-1] if asked else None
            under_way = last is not None and last.doubtful  # the destination is asked what came of it
            if not under_way:
                yield Fault("deadline", f"{number} ended {end.at - due:.1f} s after its deadline")

    def _touched(self, since: float, until: float) -> bool:
        """Whether trouble of our own parts, or of workers, came then."""
        own = (*POSTGRESQL, *KAFKA, *WORKERS)
        return any(one.what in own and self._during(one, since - 40.0, until) for one in self.scenario.troubles)

    def _poison(self) -> Iterator[Fault]:
        if not self.seen.done:
            return
        for where, number in self.seen.poison.items():
            if where not in self.seen.letters:
                yield Fault("lost", f"{number}, which nobody can read, is no dead letter")

    def _order(self) -> Iterator[Fault]:
        lanes: dict[tuple[str, str], list[Ask]] = defaultdict(list)
        for ask in self.seen.asked:
            if not ask.check:
                lanes[ask.lane].append(ask)
        for lane, asked in lanes.items():
            newest = -1
            for ask in asked:
                if any(end.at < ask.at for end in self.ends.get(ask.number, ())):
                    if not self._stale(ask):
                        yield Fault("after its end", f"{ask.number} was asked for, and had ended")
                    continue
                if ask.number < newest and not self._stale(ask):
                    yield Fault("order", f"{ask.number} was asked for after {newest}, of lane {lane}")
                if not self._stale(ask):
                    newest = max(newest, ask.number)
            done = -1
            for ask in sorted((one for one in asked if one.acted_at is not None), key=lambda one: one.acted_at or 0.0):
                late = any(end.at < ask.at for end in self.ends.get(ask.number, ()))
                if ask.in_time and not late and not self._stale(ask):
                    if ask.number < done and not any(
                        one.number == ask.number and one.acted_at is not None and one.acted_at < (ask.acted_at or 0.0)
                        for one in asked
                    ):
                        yield Fault("order", f"{ask.number} had its effect after {done}, of lane {lane}")
                    done = max(done, ask.number)

    def _stale(self, ask: Ask) -> bool:
        """Whether who asked had lost its partition, or its life, by then: its request was on its way already."""
        place = f"/{self.scenario.partition(ask.lane[0])}"
        owned = [one for one in self.seen.owned if one.place.endswith(place)]
        mine = max((one.at for one in owned if one.owner == ask.process.name and one.at <= ask.at), default=0.0)
        until = ask.acted_at if ask.acted_at is not None else ask.at
        return any(mine < one.at <= until + SHORT_SECONDS and one.owner != ask.process.name for one in owned)

    def _early(self) -> Iterator[Fault]:
        told: dict[tuple[int, str], Ask] = {}
        for ask in self.seen.asked:
            before = told.get((ask.number, ask.process.name))
            if before is not None and before.answered_at is not None and before.retry_after is not None:
                wait = ask.at - before.answered_at
                if wait < before.retry_after - SHORT_SECONDS and not self._touched(before.at, ask.at):
                    yield Fault(
                        "early", f"{ask.number} was asked for after {wait:.1f} s, and told {before.retry_after:.0f} s"
                    )
            told[ask.number, ask.process.name] = ask

    def _calm(self) -> Iterator[Fault]:
        """Nobody waits for somebody else's trouble."""
        if any(one.what == "step 404" for one in self.scenario.troubles):
            return  # the whole flow can be held
        if not self.roomy or int(self.scenario.settings["FLOWS_MAX_CONCURRENCY"]) < 10:
            return
        for number, put in self.puts.items():
            if put.kind is None or put.kind.connection != CALM or number not in self.ends:
                continue
            came = self.seen.begun + put.at
            took = self.ends[number][0].at - came
            if took > CALM_SECONDS and not self._touched(came, came + took):
                yield Fault("calm", f"{number} ended after {took:.1f} s, though its destination was well")

    def _waits(self) -> Iterator[Fault]:
        """Once what can hold a call up is over, it ends, whatever others go through."""
        if not self.roomy:
            return
        begun = self.seen.begun
        over: dict[tuple[str, str], float] = defaultdict(float)
        for number, put in self.puts.items():
            if put.kind is None or number not in self.ends:
                continue
            ended = self.ends[number][0].at
            own = [
                one.at + one.seconds + begun
                for one in self.scenario.troubles
                if one.at + begun < ended and self._holds(one, put, put.kind)
            ]
            told = [(ask.answered_at or ask.at) + (ask.retry_after or 0.0) for ask in self.asked.get(number, [])]
            free = max([begun + put.at, over[put.lane], *own, *told])
            over[put.lane] = max(free, ended)
            if ended > free + WAITS_SECONDS + sum(put.kind.schedule or ()):
                yield Fault("waits", f"{number} ended {ended - free:.0f} s after all that can hold it up was over")

    def _holds(self, trouble: Trouble, put: Put, kind: Kind) -> bool:
        """Whether a trouble can hold up a call."""
        if trouble.what in (*POSTGRESQL, *KAFKA, *WORKERS):
            return True
        if trouble.what == "step 404" and int(self.scenario.settings["FLOWS_DEAD_LETTER_RUN"]) < 100:
            flow = trouble.only[0].split("/")[1]
            return flow == kind.flow or (trouble.where == kind.connection and not trouble.only)
        if trouble.where != kind.connection:
            return False
        if trouble.what.startswith("lanes"):
            return put.subject in trouble.only or len(trouble.only) > 2
        return True

    def _slow_start(self) -> Iterator[Fault]:
        """After an outage calls start slowly."""
        for at, connection in self.seen.healed:
            soon = Counter(
                ask.process.name
                for ask in self.seen.asked
                if ask.connection == connection and not ask.check and at < ask.at <= at + 1.0
            )
            for process, count in soon.items():
                if count > SLOW_START:
                    yield Fault(
                        "slow start", f"{process} made {count} calls in a second when {connection} was well again"
                    )


def _longest_wait(kind: Kind, attempts: int) -> float:
    """Before the attempt that follows on so many."""
    if kind.schedule is not None:
        return max(kind.schedule) + FIRST_SECONDS
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0**attempts)


def counted(faults: list[Fault]) -> str:
    """How many of each rule."""
    return ", ".join(f"{rule} {count}" for rule, count in Counter(fault.rule for fault in faults).most_common())
