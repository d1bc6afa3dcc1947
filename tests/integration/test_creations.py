"""What our calls made, on a real PostgreSQL with the real journal: each race of Closum's webhook with our call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import asyncpg
import orjson
import pytest

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.topics import ACTIONS, HISTORY
from services.actions.attempt import sending
from services.actions.attempt.plan import Plan
from services.actions.journal.effects import Begin, Key, Record, Settle, State
from services.actions.journal.effects_table import EffectsTable as Journal
from services.actions.outcome import Done
from services.flows import creations
from services.flows.catalogue import Guarantee
from services.flows.creations import made
from services.runtime import database
from services.runtime.kafka import ConsumedRecord as KafkaRecord
from services.tools.claims import ClaimAnswer, EventClaim, noted
from services.tools.echoes.echoes import DatabaseEchoes
from services.tools.echoes.loop_limits import LoopLimits
from tests.support import batches
from tests.support.flows_command import flows

CREATED = "closum.lead.created"
NEW_CONTACT = """
flow: new-contact
on: webhook.crm
steps:
  - id: lead
    action: closum.lead.add
    connection: closum
    with: { name: "${ trigger.name }", email: "${ trigger.email }", mobile_number: "${ trigger.phone }",
            consent_email: false, consent_sms: false }
  - action: closum.whatsapp.send_template
    connection: closum
    with: { to: "${ trigger.phone }", template: welcome, language: pt_PT }
"""
WELCOME = """
flow: welcome-all
on: closum.lead.created
steps:
  - action: http.request
    connection: slack
    with: { method: POST, url: /messages, json: { ours: "${ trigger.by_us }" } }
"""
SECOND_LEAD = """
flow: second-lead
on: closum.lead.created
steps:
  - id: company
    action: closum.lead.add
    connection: closum
    with: { name: Company, email: "${ 'company-' + trigger.email }", mobile_number: "", consent_email: false,
            consent_sms: false }
"""
THREE = [SECOND_LEAD.replace("second-lead", name).replace("company-", f"{name}-") for name in ("one", "two", "three")]
KEEP_SECONDS = 86_400.0
SOME_FLOWS = (NEW_CONTACT, WELCOME)


class World:
    """A processor, a journal and Closum. Each event is a record of its own; `lag` changes what a worker sees."""

    def __init__(self, pool: asyncpg.Pool, folder: Path, flows_: Sequence[str], limits: LoopLimits) -> None:
        self.pool = pool
        self.journal = Journal(pool, KEEP_SECONDS)
        self.compiled = batches.compiled(folder, *flows_)
        self.limits = limits
        self.offsets = count()
        self.epoch = 0
        self.worker()

    def worker(self) -> None:
        """Another worker of services/tools, which knows nothing but what PostgreSQL holds."""
        claims = InClaims(self.pool)
        echoes = DatabaseEchoes(self.pool, self.limits)
        self.processor, self.published = batches.processor(self.compiled, claims, echoes=echoes)

    async def comes(self, event: Event) -> list[dict[str, Any]]:
        """The ends of what a worker makes of an event; a request it makes is in `requests`."""
        record = batches.record(event.to_bytes(), next(self.offsets), key=event.key)
        return await self.plays(record)

    async def plays(self, record: KafkaRecord) -> list[dict[str, Any]]:
        """The ends of what a worker makes of a record; again after a crash, too."""
        before = len(self.published.to(HISTORY))
        await self.processor.events([record])
        return self.published.to(HISTORY)[before:]

    @property
    def requests(self) -> list[ActionRequest]:
        """All that were made since the worker started."""
        return [ActionRequest.model_validate(request) for request in self.published.to(ACTIONS)]

    async def sends(self, request: ActionRequest) -> Key:
        """services/actions: the journal has the call, and it leaves."""
        if not self.epoch:
            self.epoch = (await self.journal.enter(["p"], "worker"))["p"]
        key = Key(request.run.event.account, request.effect_id)
        await self.journal.write([Begin(key, Guarantee.REPEATABLE, self.epoch, Record("p", 0))], [])
        return key

    async def answers(self, request: ActionRequest, lead: str) -> None:
        """services/actions: Closum has answered with the lead's id."""
        key, outputs = Key(request.run.event.account, request.effect_id), {"lead_id": lead}
        done = Settle(key, self.epoch, State.DONE, orjson.dumps(outputs), made=made(request, outputs))
        await self.journal.write([], [done])

    async def refused(self, request: ActionRequest) -> None:
        """services/actions: Closum has refused it."""
        key = Key(request.run.event.account, request.effect_id)
        await self.journal.write([], [Settle(key, self.epoch, State.FAILED)])

    async def later(self, seconds: float) -> None:
        """Time passes: all that the tables know is so much older."""
        earlier = f"- {seconds} * interval '1 second'"
        await self.pool.execute(f"update effects set began_at = began_at {earlier}")  # noqa: S608 - our own number
        for table in ("echoes", "echo_aliases"):
            await self.pool.execute(f"update {table} set expires_at = expires_at {earlier}")  # noqa: S608 - our own number

    async def adds(self, number: int = 1, **more: Any) -> ActionRequest:
        """The CRM tells of a contact; the request that its lead be made."""
        await self.comes(contact(number, **more))
        return self.requests[-1]


class InClaims(batches.MemoryClaims):
    """Claims in PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__()
        self._pool = pool

    async def noted(self, wishes: Sequence[EventClaim]) -> list[ClaimAnswer]:
        """As in production."""
        return await noted(self._pool, "events", wishes, timedelta(days=1))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool, and nothing known."""
    await database.migrate(database_url)
    opened = await database.connect(database_url, size=8)
    await opened.execute("truncate echoes, echo_aliases, sync_ledger, effects, claims, delivery_places")
    yield opened
    opened.terminate()


@pytest.fixture
def world(pool: asyncpg.Pool, tmp_path: Path) -> World:
    """One flow for a contact of the CRM, one that welcomes every lead."""
    return World(pool, tmp_path, SOME_FLOWS, LoopLimits())


def contact(number: int = 1, *, email: str = "ana@x.pt", phone: str = "351912345678") -> Event:
    """A contact in the CRM."""
    data = {"id": str(number), "name": "Ana", "email": email, "phone": phone}
    return Event(id=f"c{number}", source="/hooks/crm", type="webhook.crm", subject=email, data=data)


def lead(number: int = 5, *, email: str = "ana@x.pt", phone: str = "+351 912 345 678", **more: Any) -> Event:
    """Closum tells of a lead."""
    data = {"lead_id": str(number), "email": email, "mobile_number": phone} | more
    return Event(id=f"l{number}", source="/hooks/leads", type=CREATED, subject=str(number), data=data)


def told(ends: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    """Which flow ended how."""
    return [(end.get("flow"), end["outcome"]) for end in ends]


def welcomed(world: World) -> list[object]:
    """What the flow that welcomes every lead saw of each."""
    return [request.inputs["json"]["ours"] for request in world.requests if request.action == "http.request"]


async def test_the_webhook_before_the_answer_after_it_and_an_hour_later(world: World) -> None:
    """Every lead is welcomed once, and known as ours."""
    before = await world.adds(1)
    await world.sends(before)
    assert told(await world.comes(lead(1))) == []
    await world.answers(before, "1")

    after = await world.adds(2, email="rui@x.pt", phone="351912345679")
    await world.sends(after)
    await world.answers(after, "2")
    await world.comes(lead(2, email="rui@x.pt", phone="351912345679"))

    hour = await world.adds(3, email="eva@x.pt", phone="351912345670")
    await world.sends(hour)
    await world.answers(hour, "3")
    await world.later(3600)
    world.worker()
    await world.comes(lead(3, email="eva@elsewhere.pt", phone="912345670"))
    assert welcomed(world) == [True]


async def test_neither_the_flow_that_made_it_nor_one_that_led_to_it_starts(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """Over three hops: each lead starts the flows that did not lead to it, until none is left."""
    world = World(pool, tmp_path, THREE, LoopLimits())
    await world.comes(lead(0, email="ana@x.pt"))
    waiting, ends, leads = world.requests, [], 0
    while waiting and leads < 50:
        request, *waiting = waiting
        leads += 1
        await world.sends(request)
        email, phone = request.inputs["email"], request.inputs.get("mobile_number") or ""
        known_before = len(world.requests)
        ends += await world.comes(lead(leads, email=email, phone=phone))
        waiting += world.requests[known_before:]
        await world.answers(request, str(leads))
    # Three flows, each beginning with the first lead, in every order: 3 + 3·2 + 3·2·1 leads.
    assert leads == 15
    assert {end["outcome"] for end in ends} == {"suppressed"}


async def test_an_event_that_starts_nobody_else_is_suppressed(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """With no other flow for it, and where its own flow listens, by the name of that flow."""
    (tmp_path / "one").mkdir()
    alone = World(pool, tmp_path / "one", (NEW_CONTACT,), LoopLimits())
    await alone.sends(await alone.adds(1))
    (end,) = await alone.comes(lead(1))
    assert told([end]) == [(None, "suppressed")]
    assert "new-contact" in end["reason"]
    (tmp_path / "two").mkdir()
    both = NEW_CONTACT.replace("on: webhook.crm", f"on: [webhook.crm, {CREATED}]").replace(
        "trigger.phone", "trigger.email"
    )
    listens = World(pool, tmp_path / "two", (both.replace("trigger.name", "event.id"),), LoopLimits())
    await listens.sends(await listens.adds(2, email="rui@x.pt", phone="351912345679"))
    (end,) = await listens.comes(lead(2, email="rui@x.pt", phone="351912345679"))
    assert told([end]) == [("new-contact", "suppressed")]


async def test_it_comes_twice(world: World) -> None:
    """The same event is a duplicate; by another hook, under another source, it is still ours."""
    request = await world.adds()
    await world.sends(request)
    await world.answers(request, "5")
    await world.comes(lead(5))
    assert told(await world.comes(lead(5))) == [(None, "duplicate")]
    await world.comes(lead(5).model_copy(update={"source": "/hooks/other"}))
    assert welcomed(world) == [True, True]


async def test_a_batch_that_is_done_again_decides_as_before(world: World) -> None:
    """The worker died before it committed; meanwhile the answer came, and the time is over."""
    request = await world.adds()
    await world.sends(request)
    record = batches.record(lead(5).to_bytes(), 77)
    assert await world.plays(record) == []
    await world.answers(request, "9")
    await world.later(100_000)
    world.worker()
    await world.plays(record)
    assert welcomed(world) == [True]
    assert world.requests[-1].run.event.led_by == ("new-contact",)


async def test_a_call_that_is_made_again_after_a_crash(world: World) -> None:
    """The worker of services/actions died between the call and the journal; the webhook comes hours later."""
    request = await world.adds()
    await world.sends(request)
    await world.later(36_000)
    await world.comes(lead(5))
    await world.answers(request, "5")
    assert welcomed(world) == [True]


@pytest.mark.parametrize(
    "what",
    ["another id", "never left", "refused", "too late", "another account", "another person's phone", "used already"],
)
async def test_what_is_not_ours_starts_every_flow(world: World, what: str) -> None:
    """Nobody is passed over for having something in common with a lead of ours."""
    request = await world.adds()
    event = lead(9)
    if what != "never left":
        await world.sends(request)
    if what == "another id":
        await world.answers(request, "5")
    elif what == "refused":
        await world.refused(request)
    elif what == "too late":
        await world.answers(request, "5")
        await world.later(3600)
        event = lead(9, lead_id="")
    elif what == "another account":
        event = event.model_copy(update={"account": "porto"})
    elif what == "another person's phone":
        event = lead(9, email="bea@x.pt")
    elif what == "used already":
        await world.comes(lead(8))
    await world.comes(event)
    assert welcomed(world)[-1] is False
    assert world.requests[-1].run.event.led_by == ()


async def test_workers_that_judge_at_the_same_time_take_a_call_once(world: World) -> None:
    """Five people's events at five workers, and five strangers with the same e-mail."""
    for number in range(5):
        await world.sends(await world.adds(number, email="info@x.pt", phone=""))
    echoes = DatabaseEchoes(world.pool, LoopLimits())
    events = [lead(number, email="info@x.pt", phone="") for number in range(10)]
    asked = [(event, creation) for event in events if (creation := creations.told(event)) is not None]
    verdicts = await asyncio.gather(*(echoes.judge([one]) for one in asked))
    assert sorted(verdict.decision for (verdict,) in verdicts) == ["ours"] * 5 + ["passed"] * 5


async def test_no_sender_can_say_that_we_made_it(world: World) -> None:
    """Neither through ingest nor beside it."""
    for accepted in (None, datetime.now(UTC)):
        said = lead(1 if accepted else 2, by_us=True)
        event = said.model_copy(update={"accepted": accepted, "ledby": "welcome-all"})
        await world.comes(event)
    assert welcomed(world) == [False, False]


async def test_services_actions_says_what_it_made() -> None:
    """Where a call makes something, its id goes to the journal with its end."""
    world = ActionRequest.model_validate(
        {
            "effect_id": "e" * 32,
            "action": "closum.lead.add",
            "inputs": {},
            "step": "0",
            "run": {"id": "r", "flow": "f", "version": "v", "event": contact().model_dump(), "key": "k"},
            "requested": datetime.now(UTC),
        }
    )
    entries: list[Settle] = []

    class Told:
        async def settle(self, _tenure: object, _effect: object, entry: Any) -> bool:
            entries.append(entry(1))
            return True

    told, tenure = cast("Any", Told()), cast("Any", None)
    plan = Plan(cast("Any", None), world, cast("Any", None))
    await sending.settle(told, plan, tenure, Done({"lead_id": "5"}), again=False)
    assert [entry.made for entry in entries] == [made(world, {"lead_id": "5"})]


async def test_a_person_sees_what_we_made_what_came_and_why(world: World, database_url: str, tmp_path: Path) -> None:
    request = await world.adds()
    await world.sends(request)
    await world.comes(lead(5))
    await world.comes(lead(6))

    def explain(*arguments: str) -> str:
        done = flows("sync", "explain", *arguments, cwd=tmp_path, env={"DATABASE_URL": database_url})
        assert done.returncode == 0, done.stderr
        return done.stdout

    lines = json.loads(await asyncio.to_thread(explain, "351912345678", "--json"))
    assert [(line["what"], line["decision"]) for line in lines] == [
        ("write", "new-contact"),
        ("new", "new-contact"),
        ("change", "ours"),
        ("change", "passed"),
    ]
    assert lines[1]["fields"] == CREATED
    assert "it does not start new-contact" in lines[2]["why"]
    assert "ours" in await asyncio.to_thread(explain, "ANA@x.pt")
