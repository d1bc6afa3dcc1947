"""Old faults, put back on purpose, one at a time: the simulation must find each in under a minute.

Each changes a line or two of the real code, by its text: so a fault that cannot be planted any more is told, too. What
is not found shows a hole in the simulation.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.simulate.batch import fix_hashes
from tests.simulate.judge import judge
from tests.simulate.scenario import scenario
from tests.simulate.story import play

MOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Planted:
    """`where`: module:function. `changes`: texts of it, and what stands there instead.

    `needs`: with which troubles, by how they begin, it can be seen at all.
    """

    name: str
    where: str
    changes: tuple[tuple[str, str], ...]
    needs: tuple[str, ...] = ()


BEGIN = "Begin(key, guarantee, epoch, Record(tenure.place, position), keyed_seconds, leaves)"
FAULTS = (
    Planted(
        "the journal is told of a call after it",
        "services.actions.journal.journal:Journal.begin",
        (
            (
                f"answer = await self._batcher.ask( {BEGIN} )",
                f"answer = Go(1, 0.0); asyncio.ensure_future(self._batcher.ask({BEGIN}))",
            ),
        ),
    ),
    Planted(
        "what a lost worker sent is sent again",
        "services.actions.journal.judge:_judged",
        (
            (
                "return _unknown(row, ErrorCode.CALL_LOST, LOST)",
                "return Go(1, 0.0), Taken(begin.guarantee, row.attempts + 1)",
            ),
        ),
    ),
    Planted(
        "a key counts after its destination has forgotten it",
        "services.actions.journal.judge:_recognised",
        (("return row.age_seconds < begin.keyed_seconds", "return True"),),
    ),
    Planted(
        "attempts that do not count renew a key",
        "services.actions.journal.judge:_judged",
        (("not row.attempts and not row.maybe", "not row.attempts"),),
        needs=("cut",),
    ),
    Planted(
        "the end is published before the journal is told",
        "services.actions.attempt.attempts:Attempts._follow",
        (
            (
                "if asked or isinstance(way.state, Sending):",
                (
                    "early = None if wait is not None else await self._ends.publish(plan, outcome, way.state)\n"
                    "    if asked or isinstance(way.state, Sending):"
                ),
            ),
            ("ended = await self._ends.publish(plan, outcome, waiting)", "assert early is not None; ended = early"),
        ),
    ),
    Planted(
        "offsets are committed when a record is taken",
        "services.actions.queue.intake:Intake.take",
        (
            (
                "assignment.offsets.take(record.offset)",
                "assignment.offsets.take(record.offset); assignment.offsets.finish(record.offset)",
            ),
        ),
    ),
    Planted(
        "what is to be parked counts as finished before it is written",
        "services.actions.queue.parking:Parking._append",
        (
            (
                "where = self._where[lane.assignment]",
                "where = self._where[lane.assignment]; [job.finish() for job in jobs]",
            ),
        ),
        needs=("pg away parked", "crash"),
    ),
    Planted(
        "what comes for a parked lane does not wait behind it",
        "services.actions.queue.parking:Parking.takes",
        (
            (
                "if lanes and (lane := lanes.get(_name(job))) is not None:",
                "if False and (lane := lanes.get(_name(job))):",
            ),
        ),
    ),
    Planted(
        "waiting for an ill connection uses up attempts",
        "services.actions.attempt.attempts:Attempts._send",
        (("if outcome.again and not charged:", "if False:"),),
    ),
    Planted(
        "`within` goes on while a connection is ill",
        "services.actions.attempt.attempts:Attempts._since",
        (("return waiting.began + now - waiting.still", "return waiting.began"),),
        needs=("flaky",),
    ),
    Planted(
        "while the destination is asked, `within` goes on",
        "services.actions.attempt.attempts:Attempts._ask",
        (("way.state = replace(asking, began=asking.began + now - asking.since)", "pass"),),
        needs=("hangs",),
    ),
    Planted(
        "an ill connection is tried with any lane, also one that fails always",
        "services.actions.limits.limits:Limits.doubts",
        (("return gate.failed_last if gate.probing else None", "return None"),),
        needs=("lanes",),
    ),
    Planted(
        "Retry-After is not read",
        "services.actions.attempt.http:refusal",
        (("retry_after_seconds=retry_after_seconds(reply.headers)", "retry_after_seconds=None"),),
    ),
    Planted(
        "no slow start",
        "services.actions.limits.gate:Gate.breaker",
        (("self._pace.start_slowly()", "pass"),),
        needs=("refused",),
    ),
    Planted(
        "a token endpoint that fails makes dead letters",
        "services.actions.connections.token_credentials:fetch_token",
        (("retry_after_seconds=retry_after_seconds(answer.headers), retriable=True, away=True,", "retriable=False,"),),
        needs=("token",),
    ),
    Planted(
        "parked lanes of a partition that is taken over are not resumed",
        "services.actions.queue.parking:Parking.enter",
        (("self._schedule(lane, head.wait_seconds)", "pass"),),
        needs=("crash",),
    ),
    Planted(
        "the shelves of a partition that is taken over are not known",
        "services.actions.queue.parking:Parking.enter",
        (("{connection: Shelf() for connection in shelved}", "{}"),),
        needs=("crash",),
    ),
    Planted(
        "a held flow is never let go",
        "services.runtime.flow_hold:FlowHold.passed",
        (('self._let_go(flow, known, "one came past the step")', "pass"),),
        needs=("step 404",),
    ),
    Planted(
        "a breaker never closes",
        "services.actions.limits.limits:Limits.told",
        (("self._start(self._close(connection))", "pass"),),
    ),
    Planted(
        "partitions are given up without waiting for what is under way",
        "services.actions.consumer:Consumer.on_partitions_revoked",
        (("finished = await self._queue.settled(self._queue.longest_seconds)", "finished = True"),),
        needs=("rebalance",),
    ),
    Planted(
        "a deadline counts only when a call's turn comes",
        "services.actions.queue.queue:Queue._keep_in_step",
        (("await self._end_late()", "pass"),),
    ),
    Planted(
        "an effect that was given up under way is held for ever",
        "services.actions.journal.journal:Journal.settle",
        (("self._open.discard(key)", "tenure.over or self._open.discard(key)"),),
    ),
    Planted(
        "what is late is taken twice out of PostgreSQL",
        "services.actions.queue.parking:Parking.load",
        (("if self._has(lane):", "if False:"),),
        needs=("pg slow parked",),
    ),
    Planted(
        "the destination is believed at once that a call did not happen",
        "services.actions.attempt.verification:judged",
        (
            (
                "if wait is not None and wait > 0:",
                "if wait is not None and wait > 0 and not isinstance(verdict, EffectAbsent):",
            ),
        ),
        needs=("acts late",),
    ),
    Planted(
        "what a destination says when it is asked is no evidence",
        "services.actions.attempt.verification:ask",
        (("Failed.of(error, None)", "Failed(error.code, error.cause, again=False, away=error.away)"),),
        needs=("403",),
    ),
    Planted(
        "PostgreSQL that is away makes dead letters",
        "services.runtime.database:patiently",
        (("if not curable(error):", "if True:"),),
        needs=("pg",),
    ),
)


@contextmanager
def planted(fault: Planted) -> Iterator[None]:
    """While it is there. Raises LookupError when the code has no such text any more."""
    module_name, _, path = fault.where.partition(":")
    module = importlib.import_module(module_name)
    holder: Any = module
    *above, name = path.split(".")
    for part in above:
        holder = getattr(holder, part)
    real = inspect.getattr_static(holder, name)
    text = textwrap.dedent(inspect.getsource(real))
    for old, new in fault.changes:
        # However the lines are broken.
        found = re.findall(r"\s+".join(map(re.escape, old.split())), text)
        if len(found) != 1:
            raise LookupError(f"{fault.name}: {fault.where} has {old!r} {len(found)} times")
        text = text.replace(found[0], new)
    made: dict[str, Any] = {}
    exec(compile(text, fault.where, "exec", annotations.compiler_flag), module.__dict__, made)  # noqa: S102 - our own text
    users = [one for one in list(sys.modules.values()) if not above and getattr(one, name, None) is real]
    for one in users or [holder]:
        setattr(one, name, made[name])
    try:
        yield
    finally:
        for one in users or [holder]:
            setattr(one, name, real)


@dataclass(frozen=True, slots=True)
class Found:
    """The first seed that shows a planted fault, by what, after how many seconds of CPU. None: none did in time."""

    seed: int | None
    by: str
    seconds: float


def find(fault: Planted, most_seconds: float = MOST_SECONDS) -> Found:
    """Play seed after seed with it."""
    began = time.process_time()
    seed = 0
    with planted(fault):
        while (passed := time.process_time() - began) < most_seconds:
            made = scenario(seed)
            there = [f"{trouble.what} {trouble.where}" for trouble in made.troubles]
            if all(any(what.startswith(need) for what in there) for need in fault.needs) and (
                faults := judge(play(made))
            ):
                return Found(seed, str(faults[0]), time.process_time() - began)
            seed += 1
    return Found(None, f"{seed} seeds", passed)


def main() -> int:
    """0: all are found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.planted", description=__doc__)
    parser.add_argument("only", nargs="*", help="numbers of the faults; absent: all")
    arguments = parser.parse_args()
    missed = 0
    for number, fault in enumerate(FAULTS):
        if not arguments.only or str(number) in arguments.only:
            found = find(fault)
            missed += found.seed is None
            seed = "NOT FOUND" if found.seed is None else f"seed {found.seed}"
            print(f"{number:2} {found.seconds:5.1f} s  {seed}  {fault.name}: {found.by}", flush=True)
    print(f"{missed} not found")
    return 1 if missed else 0


if __name__ == "__main__":
    fix_hashes()
    sys.exit(main())
