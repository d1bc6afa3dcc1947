"""All that comes of a batch, field by field: records, ends, letters, claims, and in which order it is done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import EndedBy, RunMessage, StepError, Wake
from contracts.topics import ACTIONS, EVENTS_DLQ, HISTORY, RUNS, RUNS_DLQ
from services.flows.catalogue import BaseInputs, Tool
from services.flows.compile import CompiledFlow
from services.flows.needs import Need, Pause
from services.flows.state.cells import Asked
from services.runtime.kafka import Headers
from services.runtime.kafka.offset_gaps import Gap
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools import run_jobs
from services.tools.batch_processor import BatchProcessor
from services.tools.claims import EventClaim, SubjectOrder
from services.tools.echoes.echo_verdict import OURS, EchoVerdict
from services.tools.event_reading import event_of
from services.tools.folder_flows import FolderFlows
from services.tools.timers import timer
from services.tools.timers.timer import Timer
from tests.support import batches

AT = datetime(2026, 5, 31, 12, tzinfo=UTC)
WAIT = batches.ONE_CALL.replace(
    "steps:",
    'steps:\n  - wait: 2h\n    cancel_on: { trigger: closum.whatsapp.message_received, key: "${ trigger.from }" }',
)
BROKEN = batches.ONE_CALL.replace("trigger.from", "trigger.nothing.at.all")


def come(number: int = 1, **changes: Any) -> Event:
    """An event that ingest took, of an account of its own."""
    return batches.event(number, account="acme", accepted=AT, **changes)


def letters(published: batches.Published) -> list[dict[str, Any]]:
    """All dead letters, without what is not known and when they were written."""
    found = [output for output in published.outputs if output.topic in (EVENTS_DLQ, RUNS_DLQ)]
    return [DeadLetter.from_headers(one.headers or []).model_dump(exclude_none=True, exclude={"at"}) for one in found]


def ends(published: batches.Published) -> list[dict[str, Any]]:
    """All ends, without when they were written."""
    return [{name: value for name, value in end.items() if name != "at"} for end in published.to(HISTORY)]


def metric(name: str, **labels: str) -> float:
    """The value of a metric; 0 while nobody has counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def end_of(event: Event, **more: Any) -> dict[str, Any]:
    """What every end says of its event."""
    known = {"event_id": event.id, "source": event.source, "account": event.account, "subject": event.subject}
    return {**known, "accepted": AT.isoformat().replace("+00:00", "Z"), **more}


async def test_an_event_without_a_flow_ends_with_its_reason(tmp_path: Path) -> None:
    """As one that came before does. The id is that of the record: each delivery is one more end."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    event = come(type="closum.lead.created", data={})
    counted = metric("flows_records_consumed_total", topic="events")
    await processor.events([batches.record(event.to_bytes(), offset) for offset in (3, 4)])
    assert ends(published) == [
        end_of(event, outcome="filtered", reason="no flow for it", run_id=stable_id("record", "test.events/0/3")),
        end_of(event, outcome="duplicate", reason="seen before", run_id=stable_id("record", "test.events/0/4")),
    ]
    assert {output.key for output in published.outputs} == {event.key}
    assert metric("flows_records_consumed_total", topic="events") == counted + 2


async def test_an_empty_batch_is_nothing(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events([])
    await processor.runs([])
    assert published.outputs == []


NEEDED = ["id: Field required", "source: Field required", "type: Field required", "subject: Field required"]
LEAST = "Input should be greater than or equal to 1"


@pytest.mark.parametrize(
    ("value", "causes"),
    [
        (b"{}", [*NEEDED, "data: Field required"]),
        (b'{"hops": 0}', [*NEEDED, f"hops: {LEAST}", "and 1 more"]),
        (b'{"hops": 0, "duplicateseconds": 0}', [*NEEDED, f"duplicateseconds: {LEAST}", "and 2 more"]),
        (b"[]", ["the record: Input should be a valid dictionary or instance of Event"]),
    ],
)
async def test_what_is_no_event_says_what_is_wrong(tmp_path: Path, value: bytes, causes: list[str]) -> None:
    """Five mistakes, and how many more there are."""
    cause = "; ".join(causes)
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events([batches.record(value, 7, partition=3)])
    (letter,) = letters(published)
    assert letter == {
        "topic": "test.events",
        "partition": 3,
        "offset": 7,
        "code": ErrorCode.EVENT_INVALID,
        "who_must_act": ErrorCode.EVENT_INVALID.who_must_act,
        "cause": cause,
        "attempts": 1,
        "service": "tools",
    }
    (end,) = ends(published)
    assert (end["outcome"], end["code"], end["reason"]) == ("dead", "event_invalid", cause)


async def test_a_run_whose_version_nobody_has_leaves_a_letter_and_an_end(tmp_path: Path) -> None:
    """Both say which run, why, and what to do; the death says how many calls were done, this answer's too."""
    told: list[DeadRunMark] = []

    async def died(deaths: Sequence[DeadRunMark]) -> None:
        told.extend(deaths)

    processor, published = batches.processor(batches.compiled(tmp_path, batches.TWO_CALLS), died=died)
    await processor.events(batches.records(come(1)))
    (request,) = published.to(ACTIONS)
    published.outputs.clear()
    request["run"] |= {"version": "v9", "done": 3}
    run = request["run"]
    await processor.runs([batches.reply(request, outputs={})])
    cause = (
        "version 'v9' of flow 'two-calls' is not in FLOWS_FLOWS_DIR. Put it back, or keep versions in the database with"
        " `flows deploy`; then redrive"
    )
    (letter,) = letters(published)
    assert letter == {
        "topic": "test.runs",
        "partition": 0,
        "offset": 0,
        "code": ErrorCode.FLOW_UNKNOWN,
        "who_must_act": ErrorCode.FLOW_UNKNOWN.who_must_act,
        "cause": cause,
        "attempts": 1,
        "service": "tools",
        "run_id": run["id"],
        "event_id": "1",
        "flow": "two-calls",
    }
    assert ends(published) == [
        end_of(come(1), outcome="dead", code="flow_unknown", reason=cause, flow="two-calls", run_id=run["id"])
    ]
    assert told == [DeadRunMark(run["id"], 4)]
    await processor.runs([batches.record(RunMessage.model_validate({"run": run}).to_bytes(), topic=RUNS)])
    assert told[1:] == [DeadRunMark(run["id"], 3)]


async def test_what_nobody_can_read_is_told_and_passed_over(tmp_path: Path) -> None:
    """Of both topics; it is one letter for all its offsets, and stops nobody."""
    for topic in ("events", "runs"):
        processor, published = batches.processor(batches.compiled(_made(tmp_path / topic), batches.ONE_CALL))
        good = batches.records(come(1))[0]
        gap = replace(batches.record(Gap(3, "no codec for it"), 9), key=None)
        if topic == "events":
            await processor.events([gap, good])
        else:
            await processor.events([good])
            (request,) = published.to(ACTIONS)
            published.outputs.clear()
            gap = replace(gap, topic=RUNS, name="test.runs")
            await processor.runs([gap, batches.reply(request, outputs={})])
        (letter,) = letters(published)
        assert (letter["code"], letter["cause"]) == (ErrorCode.RECORD_UNREADABLE, "no codec for it")
        assert (letter["topic"], letter["first_offset"], letter["offset"]) == (f"test.{topic}", 3, 9)
        end = ends(published)[0]
        assert (end["outcome"], end["code"], end["reason"]) == ("dead", "record_unreadable", "no codec for it")
        assert len(published.outputs) == 3


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class _Judge:
    """Verdicts as a test gives them, and the order in which a batch is ended."""

    def __init__(self, verdict: EchoVerdict, done: list[str] | None = None) -> None:
        self.verdict, self.done = verdict, [] if done is None else done

    async def judge(self, changes: Sequence[object]) -> Sequence[EchoVerdict]:
        """The same for all."""
        return [self.verdict for _ in changes]

    async def write(self, writes: Sequence[object]) -> None:
        """Noted, with how many."""
        self.done.append(f"{len(writes)} writes")


async def test_what_our_own_flow_made_starts_all_flows_but_that_one(tmp_path: Path) -> None:
    """It ends as suppressed in the one that led to it, and says why."""
    event = come(1, type="closum.contact.updated", data={"email": "a@b.pt", "name": "Ana", "changed": ["name"]})
    led = event.model_copy(update={"ledby": "one-call,two-calls"})
    texts = [text.replace(batches.TRIGGER, event.type) for text in (batches.ONE_CALL, batches.PHONE)]
    texts = [text.replace("trigger.from", "trigger.email") for text in texts]
    flows = batches.compiled(tmp_path, *texts)
    processor, published = batches.processor(flows, echoes=_Judge(EchoVerdict(OURS, "our own write", led)))
    await processor.events(batches.records(event))
    own, other = ends(published)
    assert own == end_of(event, outcome="suppressed", flow="one-call", reason="our own write", run_id=own["run_id"])
    assert (other["flow"], other["outcome"]) == ("phone", "filtered")
    (tmp_path / "none").mkdir()
    processor, published = batches.processor(
        batches.compiled(tmp_path / "none", batches.PHONE), echoes=_Judge(EchoVerdict(OURS, "our own write", led))
    )
    await processor.events(batches.records(event))
    assert ends(published) == [
        end_of(event, outcome="suppressed", reason="our own write", run_id=stable_id("record", "test.events/0/0"))
    ]


async def test_a_change_that_is_held_leaves_a_letter_and_holds_nobody_up(tmp_path: Path) -> None:
    """It says nothing of others."""
    event = come(1, type="closum.contact.updated", data={"email": "a@b.pt", "name": "Ana", "changed": ["name"]})
    flows = batches.compiled(tmp_path, batches.ONE_CALL)
    processor, published = batches.processor(flows, echoes=_Judge(EchoVerdict("held", "to and fro", event)))
    await processor.events(batches.records(event))
    (letter,) = letters(published)
    assert (letter["code"], letter["cause"], letter["offset"]) == (ErrorCode.SYNC_LOOP, "to and fro", 0)
    assert ends(published) == [
        end_of(
            event,
            outcome="dead",
            code="sync_loop",
            reason="to and fro",
            run_id=stable_id("record", "test.events/0/0"),
        )
    ]


class _Timers(batches.MemoryTimers):
    """Timers that note when they are asked, and for what."""

    def __init__(self, done: list[str]) -> None:
        super().__init__()
        self.done = done

    async def set(self, timers: Sequence[Timer]) -> None:
        self.done.append(f"{len(timers)} timers")
        await super().set(timers)

    async def delete(self, timers: Sequence[UUID]) -> None:
        self.done.append(f"{len(timers)} deleted")
        await super().delete(timers)


class _Noting(batches.Published):
    """A publisher that notes when it publishes."""

    def __init__(self, done: list[str]) -> None:
        super().__init__()
        self.done = done

    async def publish(self, outputs: Sequence[Any]) -> None:
        self.done.append(f"{len(outputs)} published")
        await super().publish(outputs)


async def test_the_end_of_a_batch_has_an_order(tmp_path: Path) -> None:
    """Deaths, writes and timers are kept before anything is published: a crash between does all of it again."""
    done: list[str] = []

    async def died(deaths: Sequence[DeadRunMark]) -> None:
        done.append(f"{len(deaths)} died")

    flows = batches.compiled(
        tmp_path, batches.ONE_CALL, BROKEN.replace("one-call", "broken"), WAIT.replace("one-call", "waiting")
    )
    publisher, timers = _Noting(done), _Timers(done)
    processor = BatchProcessor(
        FolderFlows(flows),
        batches.MemoryClaims().noted,
        publisher,
        timers,
        died=died,
        echoes=_Judge(EchoVerdict("passed", "", come(1)), done),
        on_batch=lambda: done.append("told"),
    )
    await processor.events([batches.record(come(1).to_bytes(), 1)])
    assert done == ["1 died", "0 writes", "1 timers", "3 published", "told", "0 deleted"]
    done.clear()
    later = AT + timedelta(seconds=1)
    again = batches.event(
        2, account="acme", accepted=later, type="closum.whatsapp.message_received", subject="351912345678"
    )
    await processor.events([batches.record(again.to_bytes(), 2)])
    assert done == ["1 died", "0 writes", "1 timers", "4 published", "told", "1 deleted"]
    (woken,) = [RunMessage.read(one.value) for one in publisher.outputs if one.topic is RUNS]
    assert woken.wake is not None
    assert (woken.wake.by, woken.wake.why) == (EndedBy.EVENT, "closum.whatsapp.message_received came: event '2'")
    assert woken.run.flow == "waiting"


async def test_why_a_wait_was_ended_fits_into_a_record(tmp_path: Path) -> None:
    """Whatever id its sender gave."""
    timers = batches.MemoryTimers()
    text = (
        WAIT.replace(f"on: {batches.TRIGGER}", "on: closum.lead.created")
        .replace('"${ trigger.from }"', '"${ trigger.mobile_number }"')
        .replace('phone: "${ trigger.from }"', "phone: a")
    )
    processor, published = batches.processor(batches.compiled(tmp_path, text), timers=timers)
    lead = come(1, type="closum.lead.created", data={"mobile_number": "+351912345678"})
    await processor.events([batches.record(lead.to_bytes(), 1)])
    (wait,) = timers.pending.values()
    message = come(2, subject="351912345678").model_copy(update={"id": "x" * 500})
    await processor.events([batches.record(message.to_bytes(), 2)])
    (woken,) = [RunMessage.read(one.value) for one in published.outputs if one.topic is RUNS]
    assert woken.wake == Wake(
        timer=wait.id,
        due=wait.due,
        by=EndedBy.EVENT,
        why=f"closum.whatsapp.message_received came: event '{'x' * 500}"[:300],
    )
    (end,) = ends(published)
    assert end["reason"] == "it ended a wait"


async def test_how_waits_end_is_counted(tmp_path: Path) -> None:
    """By what ended them, and those that had ended already."""
    timers = batches.MemoryTimers()
    processor, _ = batches.processor(batches.compiled(tmp_path, WAIT), timers=timers)
    await processor.events(batches.records(come(1)))
    (wait,) = timers.pending.values()
    before = [metric("flows_waits_ended_total", by=by) for by in ("time", "hand", "again")]
    woken = [
        timer.record(wait.key, wait.body, Wake(timer=wait.id, due=wait.due, by=by)).value
        for by in (EndedBy.TIME, EndedBy.HAND)
    ]
    await processor.runs([batches.record(value, at, topic=RUNS) for at, value in enumerate(woken)])
    after = [metric("flows_waits_ended_total", by=by) for by in ("time", "hand", "again")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 0, 1]


async def test_a_claim_says_all_that_decides_who_was_first(tmp_path: Path) -> None:
    """Its key is of source, id and letter; where an event stands among those of its subject is not told of a letter."""
    asked: list[EventClaim] = []

    async def noted(wishes: Sequence[EventClaim]) -> list[str | None]:
        asked.extend(wishes)
        return [None for _ in wishes]

    flows = _Deployed(batches.compiled(tmp_path, batches.ONE_CALL))
    processor = BatchProcessor(flows, noted, batches.Published(), batches.MemoryTimers())
    plain = come(1, duplicateseconds=60, contentid="c", time=AT - timedelta(days=1))
    late = batches.event(2, time=AT)
    marks: Headers = [("flows-redriven", b"events.dlq/0/7")]
    await processor.events(
        [
            batches.record(plain.to_bytes(), 5, partition=2),
            batches.record(late.to_bytes(), 6, partition=2),
            replace(batches.record(plain.to_bytes(), 7, partition=2), headers=marks),
        ]
    )
    subject = stable_id("/hooks/test", "contact-1")
    minute = timedelta(minutes=1)
    assert asked == [
        EventClaim(
            "acme",
            stable_id("/hooks/test", "1"),
            "test.events/2/5",
            "set-9",
            minute,
            SubjectOrder(subject, "test.events/2", 5, AT, stable_id("c")),
        ),
        EventClaim(
            "default",
            stable_id("/hooks/test", "2"),
            "test.events/2/6",
            "set-9",
            None,
            SubjectOrder(stable_id("/hooks/test", "contact-2"), "test.events/2", 6, AT, None),
            stable_id(orjson.dumps(event_of(late.to_bytes()).data, option=orjson.OPT_SORT_KEYS)),
        ),
        EventClaim("acme", stable_id("/hooks/test", "1", b"events.dlq/0/7"), "test.events/2/7", "set-9", minute, None),
    ]


class _Deployed(FolderFlows):
    """Sets of flows as the database has them: which are recalled and fetched."""

    deployment = "set-9"

    def __init__(self, flows: Sequence[CompiledFlow]) -> None:
        super().__init__(flows)
        self.recalled: list[Collection[str]] = []
        self.fetched: list[Collection[tuple[str, str]]] = []
        self.begun: list[str] = []

    async def recall(self, deployments: Collection[str]) -> None:
        self.recalled.append(deployments)

    async def fetch(self, wanted: Collection[tuple[str, str]]) -> None:
        self.fetched.append(wanted)

    def for_trigger(self, type_: str, deployment: str = "") -> tuple[CompiledFlow, ...]:
        self.begun.append(deployment)
        return super().for_trigger(type_)


async def test_what_a_batch_needs_of_the_flows_is_asked_once(tmp_path: Path) -> None:
    """The sets that its events begin, without those of duplicates; the versions of its runs."""
    flows = _Deployed(batches.compiled(tmp_path, batches.ONE_CALL))
    published = batches.Published()
    claims = batches.MemoryClaims()
    processor = BatchProcessor(flows, claims.noted, published, batches.MemoryTimers())
    claims.notes["default", stable_id("/hooks/test", "2")] = "set-8"
    await processor.events(batches.records(batches.event(1), batches.event(2), batches.event(1)))
    assert flows.recalled == [{"set-9", "set-8"}]
    assert flows.begun == ["set-9", "set-8"]
    requests = published.to(ACTIONS)
    await processor.runs([batches.reply(each, outputs={}) for each in requests])
    assert flows.fetched == [{("one-call", requests[0]["run"]["version"])}]


async def test_the_flow_that_a_letter_died_in_may_have_any_name(tmp_path: Path) -> None:
    """Also one that is no text: then no flow is meant, and the letter ends as one without a flow."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    marks: Headers = [
        ("flows-redriven", b"\xff"),
        ("flows-redriven-flow", b"\xff"),
        ("flows-redriven-occurrence", b"\xff"),
    ]
    await processor.events([replace(batches.record(come(1, contentid="c").to_bytes(), 1), headers=marks)])
    assert [end["reason"] for end in ends(published)] == ["no flow for it"]


class _Inputs(BaseInputs):
    """A tool's inputs and outputs that are none."""


async def test_who_asks_says_all_that_the_answer_may_depend_on(tmp_path: Path) -> None:
    """Account, flow, run, step, which of its questions, and how many calls were done."""
    asked: list[Asked] = []

    class Ticket(Need[str]):
        """What is asked for."""

    async def twice(_inputs: _Inputs) -> _Inputs:
        await Ticket()
        await Ticket()
        return _Inputs()

    async def answer(asks: Sequence[Asked]) -> Sequence[object]:
        asked.extend(asks)
        return ["t" for _ in asks]

    text = batches.ONE_CALL + "  - tool: twice\n"
    tool = Tool("twice", "Asks twice.", _Inputs, _Inputs, twice)
    flows = batches.compiled(tmp_path, text, tools={"twice": tool})
    processor, published = batches.processor(flows, answer={Ticket: answer})
    await processor.events(batches.records(come(1)))
    (request,) = published.to(ACTIONS)
    await processor.runs([batches.reply(request, outputs={})])
    run = request["run"]["id"]
    assert [(one.account, one.flow, one.run_id, one.step, one.ordinal, one.done) for one in asked] == [
        ("acme", "one-call", run, "1", 0, 1),
        ("acme", "one-call", run, "1", 1, 1),
    ]
    assert published.ends() == [("delivered", None)]


def letter_of(event: Event, code: ErrorCode, cause: str, **more: Any) -> dict[str, Any]:
    """What every letter of a first record of `events` says."""
    return {
        "topic": "test.events",
        "partition": 0,
        "offset": 0,
        "code": code,
        "who_must_act": code.who_must_act,
        "cause": cause,
        "attempts": 1,
        "service": "tools",
        "event_id": event.id,
        **more,
    }


async def test_a_run_that_dies_leaves_a_letter_and_an_end(tmp_path: Path) -> None:
    """Both with the run, the step, the code and the same cause."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.TWO_CALLS))
    event = come(1, contentid="c")
    await processor.events(batches.records(event))
    (request,) = published.to(ACTIONS)
    published.outputs.clear()
    run = request["run"]["id"]
    await processor.runs([batches.reply(request, error=StepError(code=ErrorCode.CALL_REJECTED, cause="HTTP 404"))])
    (letter,) = letters(published)
    assert letter == {
        **letter_of(event, ErrorCode.CALL_REJECTED, "HTTP 404", flow="two-calls", run_id=run, step="0"),
        "topic": "test.runs",
        "occurrence": "test.events/0/0",
    }
    assert ends(published) == [
        end_of(event, outcome="dead", code="call_rejected", reason="HTTP 404", flow="two-calls", run_id=run, step="0")
    ]


async def test_a_run_that_ends_leaves_its_end(tmp_path: Path) -> None:
    """With the reason and the step of a `stop`, and none where it was delivered."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.PHONE))
    event = come(1, data={"from": "12"})
    await processor.events(batches.records(event))
    (end,) = ends(published)
    assert end == end_of(
        event, outcome="filtered", reason="not a phone number", flow="phone", run_id=end["run_id"], step="1.then.0"
    )
    (output,) = published.outputs
    assert output.key == event.key


async def test_a_run_with_a_key_of_its_own_goes_to_it_as_it_began(tmp_path: Path) -> None:
    """As a message of `runs` without answer and wake; one whose key is its subject does not."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.OWN_KEY))
    started = metric("flows_runs_started_total", flow="own-key")
    await processor.events(batches.records(come(1), come(2, subject="+351 912 345 678")))
    hop, request = published.outputs
    assert (hop.topic, hop.key, hop.headers) == (RUNS, b"acme/+351 912 345 678", None)
    message = RunMessage.read(hop.value)
    assert (message.run.at, message.run.key, message.answer, message.wake) == ("", "+351 912 345 678", None, None)
    assert request.topic is ACTIONS
    assert metric("flows_runs_started_total", flow="own-key") == started + 2


@pytest.mark.parametrize("hops", [False, True])
async def test_a_message_that_is_too_large_says_so(tmp_path: Path, hops: bool) -> None:  # noqa: FBT001 - a parameter
    """With how large it is, and at which step: a run that goes to its key is at none. No write is remembered."""
    done: list[str] = []
    text = (batches.OWN_KEY if hops else batches.ONE_CALL).replace(
        'phone: "${ trigger.from }"', 'phone: "${ trigger.text }"'
    )
    flows = batches.compiled(tmp_path, text)
    judge = _Judge(EchoVerdict("passed", "", come(1)), done)
    processor, published = batches.processor(flows, echoes=judge)
    size = 899_900 if hops else 600_000
    event = come(1, data={"from": "+351912345678", "text": "x" * size})
    await processor.events(batches.records(event))
    (letter,) = letters(published)
    assert letter["cause"].startswith(f"a message is too large: {9 if hops else 12}")
    assert letter["cause"].endswith(f" bytes for {'runs' if hops else 'actions'}, at most 900000")
    assert letter == letter_of(
        event,
        ErrorCode.MESSAGE_TOO_LARGE,
        letter["cause"],
        flow="own-key" if hops else "one-call",
        run_id=letter["run_id"],
        **({} if hops else {"step": "0"}),
    )
    (end,) = ends(published)
    assert (end["reason"], end["code"], end.get("step")) == (letter["cause"], "message_too_large", letter.get("step"))
    assert done == ["0 writes"]


async def test_a_run_that_is_too_large_to_wait_says_so(tmp_path: Path) -> None:
    """To the byte; at its wait."""
    for more, dead in ((0, False), (1, True)):
        timers = batches.MemoryTimers()
        processor, published = batches.processor(batches.compiled(_made(tmp_path / str(more)), WAIT), timers=timers)
        event = come(1, data={"from": "+351912345678", "text": ""})
        await processor.events(batches.records(event))
        (wait,) = timers.pending.values()
        timers.pending.clear()
        text = "x" * (timer.MOST_RUN_BYTES - len(wait.body) + more)
        event = come(1, data={"from": "+351912345678", "text": text})
        await processor.events(batches.records(event))
        assert len(timers.pending) == (not dead)
        if dead:
            (letter,) = letters(published)
            size = timer.MOST_RUN_BYTES + 1
            cause = f"the run that waits has {size} bytes, at most {timer.MOST_RUN_BYTES} are allowed"
            assert letter == letter_of(
                event,
                ErrorCode.MESSAGE_TOO_LARGE,
                cause,
                flow="one-call",
                run_id=letter["run_id"],
                step="0",
            )


@pytest.mark.parametrize(("where", "step"), [("advance", True), ("begin", False)])
async def test_what_nobody_foresaw_is_a_letter_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, *, step: bool
) -> None:
    """Its cause is cut; at the step where the run stood, and without a run where none began."""

    def raises(*_given: object, **_more: object) -> None:
        raise ValueError("x" * 900)

    processor, published = batches.processor(batches.compiled(tmp_path, batches.TWO_CALLS))
    event = come(1)
    if step:
        await processor.events(batches.records(event))
        (request,) = published.to(ACTIONS)
        published.outputs.clear()
    monkeypatch.setattr(run_jobs, where, raises)
    with capture_logs() as logs:
        record = batches.reply(request, outputs={}) if step else batches.records(event)[0]
        await (processor.runs if step else processor.events)([record])
    cause = "ValueError: " + "x" * 488
    (letter,) = letters(published)
    (end,) = ends(published)
    if step:
        run = {"flow": "two-calls", "run_id": request["run"]["id"], "step": "0"}
        assert letter == {**letter_of(event, ErrorCode.BUG, cause, **run), "topic": "test.runs"}
        assert end == end_of(event, outcome="dead", code="bug", reason=cause, **run)
    else:
        known = letter_of(event, ErrorCode.BUG, cause)
        del known["event_id"]
        assert letter == known
        own = stable_id("record", "test.events/0/0")
        assert end == end_of(event, outcome="dead", code="bug", reason=cause, run_id=own)
    assert [one["event"] for one in logs] == ["run.broke"]


async def test_a_need_behind_a_wait_is_not_told_of_its_wake(tmp_path: Path) -> None:
    """A wake ends the wait that it is of; a tool that pauses behind it sleeps for itself, whatever it asked."""

    class Ticket(Need[str]):
        """What is asked for."""

    async def asks_and_pauses(_inputs: _Inputs) -> _Inputs:
        await Ticket()
        await Pause(AT.timestamp())
        return _Inputs()

    async def answer(asks: Sequence[Asked]) -> Sequence[object]:
        return ["t" for _ in asks]

    text = f"flow: waits\non: {batches.TRIGGER}\nsteps:\n  - wait: 1s\n  - tool: both\n"
    tool = Tool("both", "Asks and pauses.", _Inputs, _Inputs, asks_and_pauses)
    timers = batches.MemoryTimers()
    flows = batches.compiled(tmp_path, text, tools={"both": tool})
    processor, published = batches.processor(flows, timers=timers, answer={Ticket: answer})
    await processor.events(batches.records(come(1)))
    for _ in range(2):
        (wait,) = timers.pending.values()
        timers.pending.clear()
        woken = timer.record(wait.key, wait.body, Wake(timer=wait.id, due=wait.due)).value
        assert published.outputs == []
        await processor.runs([batches.record(woken, topic=RUNS)])
    assert published.ends() == [("delivered", None)]
    assert timers.pending == {}
