"""Putting dead letters back where they came from: in order, at a bounded rate, and none of them twice.

    choose → in the order of the originals → per second: decide (in a transaction), revive the runs, produce, wait for
    Kafka's acknowledgement, commit

A crash between acknowledgement and commit leaves letters undecided that are on their way already. Redriving them again
is harmless: they have the same effect ids, which the journal of effects and the claims of the tools recognise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from contracts.dead_letters import PREFIX, REDRIVEN, REDRIVEN_FLOW, REDRIVEN_OCCURRENCE, DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import EVENTS, MAX_MESSAGE_BYTES
from services.runtime import kafka
from services.runtime.dead_letters.decisions import DeadLetterDecision, decide
from services.runtime.dead_letters.edit import edited
from services.runtime.dead_letters.letters import BACK_TO, FoundDeadLetter
from services.runtime.tables import dead_runs

MAY_HAVE_HAPPENED = frozenset(code for code in ErrorCode if code.effect_possible) | {ErrorCode.DESTINATION_FAILED}
ACKNOWLEDGE_SECONDS = 30.0

Repeatable = Callable[[FoundDeadLetter], bool]
"""Whether a second call of the letter's action is harmless."""


@dataclass(frozen=True)
class RedrivePlan:
    """What will be redriven, in this order, and what will not, and why."""

    letters: Sequence[FoundDeadLetter]
    left_out: Mapping[str, str] = field(default_factory=dict)


def plan(
    letters: Sequence[FoundDeadLetter],
    decided: Mapping[str, DeadLetterDecision],
    repeatable: Repeatable,
    *,
    even_if_sent: bool = False,
) -> RedrivePlan:
    """Choose and order letters that have their originals (`letters.with_originals`).

    A subject's originals had one partition each, so their order there is theirs.
    """
    chosen, left_out = [], {}
    for letter in letters:
        known = letter.letter
        if letter.id in decided:
            one = decided[letter.id]
            left_out[letter.id] = f"was {one.decision} at {one.at:%Y-%m-%d %H:%M}: {one.reason}"
        elif known is None:
            left_out[letter.id] = "its headers are not those of a dead letter: nobody knows where it came from"
        elif known.first_offset is not None:
            left_out[letter.id] = (
                f"it does not hold its records, but tells of {known.topic}/{known.partition} from offset "
                f"{known.first_offset} to {known.offset}: nobody could read them. Have their sender send them again"
            )
        elif letter.missing:
            left_out[letter.id] = letter.missing
        elif too_large := _too_large(letter):
            left_out[letter.id] = too_large
        elif _effect_possible(known) and not even_if_sent and not repeatable(letter):
            left_out[letter.id] = (
                f"{known.code.value}: its effect may have happened, and a second call may be a second effect. "
                "Look at the destination; if it is not there, redrive it with even_if_sent"
            )
        else:
            chosen.append(letter)
    return RedrivePlan(sorted(chosen, key=_original), left_out)


def _too_large(letter: FoundDeadLetter) -> str:
    if len(letter.value) > MAX_MESSAGE_BYTES:
        return f"it has {len(letter.value)} bytes, and at most {MAX_MESSAGE_BYTES} are taken"
    try:
        kafka.check_size(BACK_TO[letter.topic], letter.key, letter.value, headers(letter))
    except kafka.MessageTooLargeError as error:
        return str(error)
    return ""


def _effect_possible(letter: DeadLetter) -> bool:
    """As it says itself, of all its attempts; one from before that was said: by its code."""
    return letter.code in MAY_HAVE_HAPPENED if letter.effect_possible is None else letter.effect_possible


def _original(letter: FoundDeadLetter) -> tuple[str, int, int]:
    known = letter.letter
    return ("", 0, 0) if known is None else (known.topic, known.partition, known.offset)


async def perform(
    letters: Sequence[FoundDeadLetter],
    producer: kafka.Producer,
    pool: asyncpg.Pool,
    *,
    rate: float,
    who: str,
    changes: Mapping[str, Any] | None = None,
    elsewhere: bool = False,
    reason: str = "",
    done: Callable[[Sequence[FoundDeadLetter]], object] = lambda _: None,
) -> list[FoundDeadLetter]:
    """Redrive these letters, at most `rate` a second; answer those that were. `done` hears of each second's.

    `elsewhere`: whether the changes may name another connection.

    Raises EditError before anything is sent, KafkaError or one of database.FAULTS in the middle: what was committed by
    then is told to `done`, and a second time goes on with the rest. `who` is for `audit`.
    """
    values = {letter.id: edited(letter, changes or {}, elsewhere=elsewhere) for letter in letters}
    size = max(1, int(rate))
    redriven: list[FoundDeadLetter] = []
    loop = asyncio.get_running_loop()
    for begin in range(0, len(letters), size):
        started = loop.time()
        batch = letters[begin : begin + size]
        async with pool.acquire() as connection, connection.transaction():
            mine = await decide(
                connection, batch, "redriven", reason or "by hand", who=who, changed=(changes or {}).keys()
            )
            await dead_runs.revive(pool, [run for one in mine if one.letter and (run := one.letter.run_id)])
            futures = [await producer.send(BACK_TO[one.topic], one.key, values[one.id], headers(one)) for one in mine]
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                for future in futures:
                    await future
        redriven += mine
        done(mine)
        if begin + size < len(letters):
            await asyncio.sleep(max(0.0, len(batch) / rate - (loop.time() - started)))
    return redriven


def headers(letter: FoundDeadLetter) -> kafka.Headers:
    """Those of the original, and which dead letter it was."""
    kept = [(name, value) for name, value in letter.headers if not name.startswith(PREFIX)]
    made: kafka.Headers = [*kept, (REDRIVEN, letter.id.encode())]
    if BACK_TO[letter.topic] is EVENTS and letter.letter is not None and letter.letter.flow:
        made.append((REDRIVEN_FLOW, letter.letter.flow.encode()))
        if letter.letter.occurrence:
            made.append((REDRIVEN_OCCURRENCE, letter.letter.occurrence.encode()))
    return made
