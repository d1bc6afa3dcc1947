"""What must hold after all troubles: at the destinations, in the topics, and of the processes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts.runs import HistoryRecord, Outcome
from contracts.topics import ACTIONS, EVENTS, HISTORY, RUNS
from services.actions.consumer import GROUP as ACTIONS_GROUP
from services.ingest.event_ends import GROUP as ENDS_GROUP
from services.runtime.kafka.consumers import reader
from services.runtime.kafka.group_offsets import GroupOffsets
from services.tools.faust_app import GROUP as TOOLS_GROUP
from tests.chaos.destination import Effect
from tests.chaos.load import PROBES, Account, Sent
from tests.chaos.plan import KAFKA, POSTGRES, Illness, Kind
from tests.chaos.world import CALL_SECONDS, Past, World

READ = {TOOLS_GROUP: (EVENTS, RUNS), ACTIONS_GROUP: (ACTIONS,), ENDS_GROUP: (HISTORY,)}
FLOWS_OF = {
    "order": ("chaos-order", "chaos-ping"),
    "message": ("chaos-message",),
    "note": ("chaos-note",),
    "cart": ("chaos-cart",),
    "batch": ("chaos-batch",),
    "ping": ("chaos-ping",),
}
EFFECTS_OF: dict[str, tuple[tuple[str, str, tuple[int | None, ...]], ...]] = {
    "chaos-order": (("crm", "/orders", (None,)), ("books", "/orders", (None,))),
    "chaos-message": (("sms", "/messages", (None,)),),
    "chaos-note": (("mail", "/notes", (None,)),),
    "chaos-cart": (("books", "/carts", (None,)),),
    "chaos-batch": (("crm", "/batches", (0, 1, 2)),),
    "chaos-ping": (("steady", "/pings", (None,)),),
}
"""Of each flow: connection, path and items of its effects."""
AT_MOST_ONCE = {"chaos-message": "sms", "chaos-note": "mail"}
UNORDERED = ("/carts", "/batches")
"""What comes after a wait, and the rounds of two loops: their runs are on their way at the same time."""
SESSION_SECONDS = 12.0
GROWN_SECONDS = 60.0
"""So long after a topic has more partitions each producer knows it."""
MOST_SHOWN = 5

Key = tuple[str, str]
"""Event and flow."""


@dataclass
class Ends:
    """How runs ended."""

    found: dict[Key, HistoryRecord] = field(default_factory=dict)

    async def until(self, world: World, account: Account, seconds: float) -> list[str]:
        """Read `history` until every accepted event has an end for each of its flows; what is missing then."""
        missing = {(event, flow) for event, sent in account.accepted.items() for flow in FLOWS_OF[sent.kind]}
        consumer = reader(world.settings, HISTORY.under(world.settings.topic_prefix), auto_offset_reset="earliest")
        await consumer.start()
        end = time.monotonic() + seconds
        try:
            while missing and time.monotonic() < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        self._note(record.value, missing)
        finally:
            await consumer.stop()
        return [f"{flow} of {account.accepted[event]} has no end ({event})" for event, flow in sorted(missing)]

    def _note(self, value: bytes | None, missing: set[Key]) -> None:
        try:
            one = HistoryRecord.read(value)
        except ValidationError:  # an attempt, or poison
            return
        key = (one.event_id, one.flow or "")
        if one.flow and one.outcome is not Outcome.DUPLICATE:
            self.found.setdefault(key, one)
            missing.discard(key)


async def caught_up(world: World, seconds: float) -> list[str]:
    """Return when no consumer is behind; those that are after so many seconds."""
    offsets = {group: GroupOffsets(world.settings, group) for group in READ}
    end = time.monotonic() + seconds
    behind = dict.fromkeys(READ, -1)
    try:
        while behind and time.monotonic() < end:
            for group in list(behind):
                topics = [topic.under(world.settings.topic_prefix) for topic in READ[group]]
                try:
                    behind[group] = sum(one.lag for one in (await offsets[group].of(topics)).values())
                except (KafkaError, OSError, TimeoutError):
                    continue
                if not behind[group]:
                    del behind[group]
            await asyncio.sleep(0.2)
    finally:
        for one in offsets.values():
            await one.close()
    return [
        f"the group {group} is {lag} records behind {seconds:.0f} s after the last trouble"
        for group, lag in behind.items()
    ]


async def judged(world: World, account: Account, ends: Ends) -> Iterator[str]:
    """Every fault of effects, order and ends."""
    outcomes = Counter(one.outcome for one in ends.found.values())
    world.notes.append("ends: " + ", ".join(f"{count:,} {outcome.value}" for outcome, count in outcomes.most_common()))
    began = await _began(world)
    return _few(
        [*_senders(account)],
        [*_outcomes(account, ends)],
        [*_effects(world, account, ends)],
        [*_order(world, account, ends)],
        [*_causes(world, account, ends, began)],
    )


def _few(*kinds: list[str]) -> Iterator[str]:
    for faults in kinds:
        yield from faults[:MOST_SHOWN]
        if len(faults) > MOST_SHOWN:
            yield f"… and {len(faults) - MOST_SHOWN} more of that kind"


def _senders(account: Account) -> Iterator[str]:
    for unclear in account.unclear:
        yield f"a sender got no clear answer: {unclear}"


def _outcomes(account: Account, ends: Ends) -> Iterator[str]:
    for (event, flow), one in ends.found.items():
        allowed = {Outcome.DELIVERED, *([Outcome.UNKNOWN] if flow in AT_MOST_ONCE else [])}
        if event in account.accepted and one.outcome not in allowed:
            yield f"{flow} of {account.accepted[event]} ended {one.outcome}: {one.code} {one.reason}"


def _effects(world: World, account: Account, ends: Ends) -> Iterator[str]:
    for event, sent in account.accepted.items():
        for flow in FLOWS_OF[sent.kind]:
            end = ends.found.get((event, flow))
            for connection, effect in _wanted(flow, sent):
                seen = world.destinations[connection].seen.get(effect, [])
                acted = sum(one.acted for one in seen)
                if acted > 1:
                    yield f"{connection}{effect} was done {acted} times: {seen}"
                elif not acted and end is not None and end.outcome is Outcome.DELIVERED:
                    yield f"{connection}{effect} was not done, though {flow} is delivered: {seen}"


def _wanted(flow: str, sent: Sent) -> Iterator[tuple[str, Effect]]:
    for connection, path, items in EFFECTS_OF[flow]:
        for item in items:
            yield connection, (path, sent.contact, sent.n, item)


def _order(world: World, account: Account, ends: Ends) -> Iterator[str]:
    """Effects of a contact come in the order in which its events were accepted, but for those of unknown outcome.

    Those of one loop come in its order. While a topic grows nothing is promised (docs/production.md).
    """
    sent_at = {sent.n: sent.at for sent in account.accepted.values()}
    unknown = {
        account.accepted[event].n
        for (event, _), one in ends.found.items()
        if one.outcome is Outcome.UNKNOWN and event in account.accepted
    }
    grown = next((one.ended for one in world.past if one.trouble.kind is Kind.GROW), None)
    moved = 0
    for name, destination in world.destinations.items():
        latest: dict[tuple[str, str, int | None], int] = defaultdict(lambda: -1)
        for path, contact, number, item in destination.order:
            if number in unknown or number >= PROBES:
                continue
            whose = (path, contact, number) if path in UNORDERED else (path, contact, None)
            place = number if item is None else item
            if place < latest[whose]:
                if grown is not None and sent_at.get(number, 0.0) < grown + GROWN_SECONDS:
                    moved += 1
                else:
                    yield f"{name}{path} of {contact}: {place} after {latest[whose]}"
            latest[whose] = max(place, latest[whose])
    if moved:
        world.notes.append(f"{moved} effects out of their order when a topic had grown")


def _causes(world: World, account: Account, ends: Ends, began: dict[str, float]) -> Iterator[str]:
    """Each unknown outcome has a trouble at its call."""
    causes: Counter[str] = Counter()
    for (event, flow), one in ends.found.items():
        if one.outcome is not Outcome.UNKNOWN or event not in account.accepted:
            continue
        connection, effect = next(_wanted(flow, account.accepted[event]))
        moments = [seen.at for seen in world.destinations[connection].seen.get(effect, [])]
        if one.last_call is not None and one.last_call.effect_id in began:
            moments.append(began[one.last_call.effect_id])
        cause = next((past for past in world.past if _cuts(past, connection) and _during(past, moments)), None)
        stood_still = any(
            began - CALL_SECONDS - 1 <= moment <= ended + 1 for began, ended in world.stalls for moment in moments
        )
        if cause is None and stood_still:
            causes["a destination that stood still with this process"] += 1
        elif cause is None:
            yield f"{connection}{effect} is unknown, and nothing was ill then: {one.reason}, at {moments}"
        else:
            causes[f"{cause.trouble.kind} {cause.trouble.target} {cause.trouble.how}".strip()] += 1
    world.notes.append(
        "unknown: " + (", ".join(f"{count} by {what}" for what, count in causes.most_common()) or "none")
    )


def _during(past: Past, moments: list[float]) -> bool:
    return any(past.began - CALL_SECONDS - 1 <= moment <= past.ended + SESSION_SECONDS for moment in moments)


def _cuts(past: Past, connection: str) -> bool:
    """Whether a call at the connection may be cut by it."""
    kind, target, how = past.trouble.kind, past.trouble.target, past.trouble.how
    if kind is Kind.UNREADABLE:
        return False
    if kind is Kind.ILL:
        return target == connection and how in {Illness.HANGS, Illness.CUT_AFTER, Illness.CUT_BEFORE}
    at = target.removeprefix("net ")
    return at in {KAFKA, POSTGRES, ACTIONS.name, connection} or at.startswith("actions-")


async def _began(world: World) -> dict[str, float]:
    connection = await asyncpg.connect(world.url)
    try:
        rows = await connection.fetch("select effect_id, extract(epoch from began_at)::float8 as began from effects")
        return {row["effect_id"]: row["began"] for row in rows}
    finally:
        await connection.close()
