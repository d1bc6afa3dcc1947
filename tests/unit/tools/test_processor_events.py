"""What becomes of a batch of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import orjson
import pytest
from prometheus_client import REGISTRY

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode, WhoMustAct
from contracts.topics import ACTIONS, EVENTS_DLQ, HISTORY, RUNS
from services.flows.advance import advance
from services.flows.catalogue import BaseInputs, Tool
from services.flows.compile import CompiledFlow
from services.runtime.dead_letters.letters import FoundDeadLetter
from services.runtime.dead_letters.redrive import headers as redriven
from services.runtime.kafka import Headers
from services.tools import metrics as tools_metrics
from services.tools import run_jobs
from services.tools.batch_processor import BatchProcessor
from services.tools.claims import ClaimAnswer, EventClaim
from services.tools.folder_flows import FolderFlows
from tests.support import batches

NOW = datetime.now(UTC)  # taken by ingest: it bounds what it takes


class Nothing(BaseInputs):
    """A tool's inputs and outputs that are none."""


def metric(name: str, **labels: str) -> float:
    """The value of a metric; 0 while nobody has counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_an_event_asks_for_its_flows_action(tmp_path: Path) -> None:
    """The request carries the run, under the subject's key, and says that nothing follows."""
    taken = batches.event(1)
    processor, published = batches.processor(batches.compiled(tmp_path, batches.PHONE))
    await processor.events(batches.records(taken))
    (output,) = published.outputs
    (request,) = published.to(ACTIONS)
    assert output.key == b"default/contact-1"
    assert request["inputs"]["json"] == {"phone": "+351912345678"}
    assert request["run"]["event"]["id"] == "1"
    assert request["last"] is True


async def test_a_stop_is_filtered_and_says_why(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.PHONE))
    await processor.events(batches.records(batches.event(1, data={"from": "12"})))
    (end,) = published.to(HISTORY)
    assert (end["outcome"], end["reason"], end["flow"]) == ("filtered", "not a phone number", "phone")
    assert published.to(ACTIONS) == []


async def test_an_event_that_no_flow_wants_is_filtered(tmp_path: Path) -> None:
    before = metric("flows_events_ended_total", outcome="filtered")
    processor, published = batches.processor(batches.compiled(tmp_path, batches.PHONE))
    await processor.events(batches.records(batches.event(1, type="something.else")))
    (end,) = published.to(HISTORY)
    assert (end["outcome"], end["reason"]) == ("filtered", "no flow for it")
    assert metric("flows_events_ended_total", outcome="filtered") == before + 1


async def test_the_same_event_again_is_a_duplicate_and_starts_nothing(tmp_path: Path) -> None:
    """Within a batch and over batches; each delivery that is turned away has an id of its own in the accounting."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    first, second, third = (batches.record(batches.event(1).to_bytes(), offset) for offset in range(3))
    await processor.events([first, second])
    await processor.events([third])
    assert len(published.to(ACTIONS)) == 1
    assert published.ends() == [("duplicate", None)] * 2
    assert len({end["run_id"] for end in published.to(HISTORY)}) == 2


async def test_an_id_that_comes_again_with_other_content_is_told_and_counted(tmp_path: Path) -> None:
    """It may name a deal and not its change. The order of fields is no content; strangers' words are no labels."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    before = {name: tools_metrics.SAME_ID.labels(name)._value.get() for name in ("deals", "events")}
    data = {"message_id": "1", "from": "+351 912 345 678", "text": "Sim"}
    sent = (data, dict(reversed(data.items())), data | {"text": "Não"})
    for source in ("/hooks/deals", "urn:anything"):
        await processor.events(batches.records(*(batches.event(1, data=one, source=source) for one in sent)))
    reasons = [end["reason"] for end in published.to(HISTORY)]
    other = "its id came before, with other content: see `id` and `same_id` of its source"
    assert reasons == ["seen before", other] * 2
    assert len(published.to(ACTIONS)) == 2
    counted = {name: tools_metrics.SAME_ID.labels(name)._value.get() - before[name] for name in before}
    assert counted == {"deals": 1, "events": 1}


async def test_a_replay_of_the_same_record_passes_with_the_same_ids(tmp_path: Path) -> None:
    """A crash after the claim loses nothing: whoever takes the record again does all of it again, same ids."""
    claims = batches.MemoryClaims()
    effects, runs, duplicates = [], [], []
    for _ in range(2):
        processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL), claims)
        await processor.events([batches.record(batches.event(1).to_bytes(), offset) for offset in (5, 6)])
        effects += [request["effect_id"] for request in published.to(ACTIONS)]
        runs += [request["run"]["id"] for request in published.to(ACTIONS)]
        duplicates += [end["run_id"] for end in published.to(HISTORY)]
    assert len(effects) == len(runs) == len(duplicates) == 2
    assert len(set(effects)) == len(set(runs)) == len(set(duplicates)) == 1


async def test_the_same_id_of_another_source_or_account_is_another_event(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    events = (batches.event(1), batches.event(1, source="/hooks/other"), batches.event(1, account="other"))
    await processor.events(batches.records(*events))
    assert len(published.to(ACTIONS)) == 3


async def test_every_flow_of_the_trigger_runs(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL, batches.PHONE))
    await processor.events(batches.records(batches.event(1)))
    assert {request["run"]["flow"] for request in published.to(ACTIONS)} == {"one-call", "phone"}


async def test_outputs_keep_the_order_of_their_records(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events(batches.records(*(batches.event(number) for number in range(50))))
    assert [request["run"]["event"]["id"] for request in published.to(ACTIONS)] == [str(n) for n in range(50)]


async def test_a_flow_with_its_own_key_hops_to_that_keys_partition_first(tmp_path: Path) -> None:
    """Nothing of the flow is done on the way: from `runs` on the order by its key holds."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.OWN_KEY))
    await processor.events(batches.records(batches.event(1)))
    (hop,) = published.outputs
    assert hop.topic is RUNS
    assert hop.key == b"default/+351 912 345 678"
    await processor.runs([batches.record(hop.value, topic=RUNS)])
    (request,) = published.to(ACTIONS)
    assert published.outputs[-1].key == hop.key
    assert request["run"]["event"]["subject"] == "contact-1"


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff\x00", b"[]", b'{"specversion": "1.0"}', batches.event().to_bytes()[:-1]]
)
async def test_what_is_no_event_is_dead_with_untouched_bytes_and_coordinates(
    tmp_path: Path, value: bytes | None
) -> None:
    before = metric("flows_dead_letters_total", topic="events.dlq", code="event_invalid")
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events([batches.record(value, 7, partition=3), batches.record(batches.event(2).to_bytes(), 8)])
    dead = published.outputs[0]
    letter = DeadLetter.from_headers(dead.headers or [])
    assert (dead.topic, dead.key, dead.value) == (EVENTS_DLQ, b"default/contact-1", value)
    assert (letter.topic, letter.partition, letter.offset) == ("test.events", 3, 7)
    assert (letter.code, letter.who_must_act, letter.service) == (ErrorCode.EVENT_INVALID, WhoMustAct.SENDER, "tools")
    assert ("origin", b"elsewhere") in (dead.headers or [])
    assert published.ends() == [("dead", "event_invalid")]
    assert len(published.to(ACTIONS)) == 1, "the records behind it go on"
    assert metric("flows_dead_letters_total", topic="events.dlq", code="event_invalid") == before + 1


async def test_the_accounting_keeps_what_can_be_read_of_a_dead_event(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    value = orjson.dumps({"id": "x9", "source": "/s", "account": "acme", "subject": 12, "data": 1})
    await processor.events([batches.record(value)])
    (end,) = published.to(HISTORY)
    assert (end["event_id"], end["source"], end["account"], end["subject"]) == ("x9", "/s", "acme", "")


async def test_a_cause_never_repeats_what_was_sent(tmp_path: Path) -> None:
    """Names of fields and what is wrong with them; the values may be secret."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events([batches.record(b'{"id": {"password": "hunter2"}, "data": "hunter2"}')])
    shown = repr(published.outputs[0].headers) + repr(published.to(HISTORY))
    assert "hunter2" not in shown
    assert "id: Input should be a valid string" in shown


async def test_a_redriven_record_has_one_set_of_headers(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events([batches.record(b"?", 1)])
    dead = published.outputs[0]
    await processor.events([replace(batches.record(dead.value, 2), headers=dead.headers or [])])
    headers = published.outputs[2].headers or []
    assert len({name for name, _ in headers}) == len(headers)
    assert DeadLetter.from_headers(headers).offset == 2


async def test_a_dead_run_leaves_the_other_flows_of_its_event_alone(tmp_path: Path) -> None:
    """The letter holds the original event; the end names flow, step and code."""
    broken = batches.ONE_CALL.replace("one-call", "broken").replace("trigger.from", "trigger.nothing.at.all")
    processor, published = batches.processor(batches.compiled(tmp_path, broken, batches.PHONE))
    taken = batches.event(1)
    await processor.events(batches.records(taken))
    (dead,) = [output for output in published.outputs if output.topic is EVENTS_DLQ]
    letter = DeadLetter.from_headers(dead.headers or [])
    assert dead.value == taken.to_bytes()
    assert (letter.code, letter.flow, letter.event_id) == (ErrorCode.EXPRESSION_FAILED, "broken", "1")
    assert published.ends() == [("dead", "expression_failed")]
    assert [request["run"]["flow"] for request in published.to(ACTIONS)] == ["phone"]


async def test_a_message_over_900_kb_is_dead_before_it_is_sent(tmp_path: Path) -> None:
    """An event that fits can make a request that does not: it carries the event and what steps made of it."""
    doubled = batches.ONE_CALL.replace("trigger.from", "trigger.text")
    processor, published = batches.processor(batches.compiled(tmp_path, doubled))
    data = {"from": "+351912345678", "text": "x" * 600_000}
    await processor.events(batches.records(batches.event(1, data=data, accepted=NOW), batches.event(2)))
    letter = DeadLetter.from_headers(published.outputs[0].headers or [])
    assert letter.code is ErrorCode.MESSAGE_TOO_LARGE
    assert letter.step
    assert published.ends() == [("dead", "message_too_large")]
    assert [request["run"]["event"]["id"] for request in published.to(ACTIONS)] == ["2"]


async def test_an_error_that_nobody_foresaw_is_a_visible_dead_letter(tmp_path: Path) -> None:
    """Code `bug`, its stack in the log, and the batch goes on."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    real = advance

    def sometimes(flow: object, run: object, **more: object) -> object:
        if run.event.id == "1":  # type: ignore[attr-defined]
            raise ZeroDivisionError("planted")
        return real(flow, run, **more)  # type: ignore[arg-type]

    with patch.object(run_jobs, "advance", sometimes), patch.object(run_jobs, "log") as log:
        await processor.events(batches.records(batches.event(1), batches.event(2)))
    letter = DeadLetter.from_headers(published.outputs[0].headers or [])
    assert (letter.code, letter.cause) == (ErrorCode.BUG, "ZeroDivisionError: planted")
    assert published.ends() == [("dead", "bug")]
    assert len(published.to(ACTIONS)) == 1
    (told,) = log.error.call_args_list
    assert told.args == ("run.broke",)
    assert isinstance(told.kwargs["exc_info"], ZeroDivisionError)


async def test_a_run_that_cannot_even_begin_is_a_visible_dead_letter(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    with (
        patch.object(run_jobs, "begin", side_effect=ZeroDivisionError("planted")),
        patch.object(run_jobs, "log") as log,
    ):
        await processor.events(batches.records(batches.event(1)))
    assert DeadLetter.from_headers(published.outputs[0].headers or []).code is ErrorCode.BUG
    assert published.ends() == [("dead", "bug")]
    assert log.exception.called


async def test_a_tool_that_breaks_is_told_with_its_stack(tmp_path: Path) -> None:
    """`advance` makes an end of it; the stack is in the log all the same."""

    async def broken(_inputs: object) -> Nothing:
        raise ZeroDivisionError("planted")

    text = f"""
flow: broken
description: Its tool has a bug.
on: {batches.TRIGGER}
steps:
  - tool: broken
"""
    tool = Tool("broken", "Breaks.", Nothing, Nothing, broken)
    processor, published = batches.processor(batches.compiled(tmp_path, text, tools={"broken": tool}))
    with patch.object(run_jobs, "log") as log:
        await processor.events(batches.records(batches.event(1)))
    assert published.ends() == [("dead", "bug")]
    (told,) = log.error.call_args_list
    assert isinstance(told.kwargs["exc_info"], ZeroDivisionError)
    assert told.kwargs["exc_info"].__traceback__ is not None


async def test_a_reason_of_any_length_fits_into_a_record(tmp_path: Path) -> None:
    long = f"""
flow: long
description: Stops with a reason that the event gives.
on: {batches.TRIGGER}
steps:
  - stop: "${{ trigger.text }}"
"""
    processor, published = batches.processor(batches.compiled(tmp_path, long))
    await processor.events(batches.records(batches.event(1, data={"from": "1", "text": "x" * 700_000}, accepted=NOW)))
    (end,) = published.to(HISTORY)
    assert end["reason"] == "x" * 2000


async def test_the_batch_is_told_when_everything_is_acknowledged(tmp_path: Path) -> None:
    turns: list[int] = []
    processor, published = batches.processor(
        batches.compiled(tmp_path, batches.ONE_CALL), on_batch=lambda: turns.append(len(published.outputs))
    )
    await processor.events(batches.records(batches.event(1)))
    assert turns == [1]


async def test_a_dead_letter_that_comes_back_is_no_duplicate_but_for_itself(tmp_path: Path) -> None:
    """It runs in the flow that it died in and no other, and twice the same letter is once."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL, batches.TWO_CALLS))
    plain = batches.record(batches.event(1).to_bytes(), 0)
    await processor.events([plain])
    assert len(published.to(ACTIONS)) == 2
    marks: Headers = [("flows-redriven", b"events.dlq/0/7"), ("flows-redriven-flow", b"one-call")]
    await processor.events([replace(plain, offset=offset, headers=marks) for offset in (1, 2)])
    requests = published.to(ACTIONS)
    assert [request["run"]["flow"] for request in requests[2:]] == ["one-call"]
    assert requests[2]["effect_id"] in {request["effect_id"] for request in requests[:2]}
    assert published.ends() == [("duplicate", None)]


async def test_an_event_without_an_id_of_its_own_keeps_its_effects_when_it_comes_back(tmp_path: Path) -> None:
    """Alike to one before it has effects of its own; redriven, those that it had: what was done is not done twice."""
    broken = batches.ONE_CALL.replace("one-call", "broken").replace("${ trigger.from }", "${ trigger.raw.no.where }")
    flows = batches.compiled(tmp_path, batches.ONE_CALL, broken)
    value = batches.event(1, contentid="c").to_bytes()
    effects = []
    for offset in (0, 7):  # each in a world of its own, where it is new
        processor, published = batches.processor(flows)
        await processor.events([batches.record(value, offset)])
        effects += [request["effect_id"] for request in published.to(ACTIONS)]
    assert len(set(effects)) == 2
    [output] = [output for output in published.outputs if output.topic is EVENTS_DLQ]
    letter = DeadLetter.from_headers(output.headers or [])
    assert letter.occurrence == "test.events/0/7"
    for offset, flow in ((9, "broken"), (11, "one-call")):
        dead = letter.model_copy(update={"flow": flow})
        marks = redriven(FoundDeadLetter(f"events.dlq/0/{offset}", dead, value, headers=tuple(output.headers or ())))
        await processor.events([replace(batches.record(value, offset), headers=marks)])
    letters = [DeadLetter.from_headers(out.headers or []) for out in published.outputs if out.topic is EVENTS_DLQ]
    assert [one.occurrence for one in letters] == [letter.occurrence] * 2
    assert [request["effect_id"] for request in published.to(ACTIONS)] == [effects[1]] * 2


async def test_a_replayed_event_begins_the_flows_of_the_deployment_that_it_began_with(tmp_path: Path) -> None:
    """Whatever was deployed between the crash and the replay: else it would run on both versions."""
    published = batches.Published()
    claims = batches.MemoryClaims()
    sets = {
        "1": FolderFlows(batches.compiled(tmp_path, batches.ONE_CALL)),
        "2": FolderFlows(batches.compiled(tmp_path, batches.ONE_CALL.replace("/contacts", "/people"))),
    }
    for runs in sets:
        flows = _Deployments(sets)
        flows.deployment = runs
        made = BatchProcessor(flows, claims.noted, published, batches.MemoryTimers())
        await made.events(batches.records(batches.event(1)))

    urls = [request["inputs"]["url"] for request in published.to(ACTIONS)]
    assert urls == ["/contacts", "/contacts"]


async def test_a_claim_holds_as_long_as_the_event_says(tmp_path: Path) -> None:
    """Absent: as long as the installation is set to."""
    asked: list[EventClaim] = []
    claims = batches.MemoryClaims()

    async def noted(wishes: Sequence[EventClaim]) -> list[ClaimAnswer]:
        asked.extend(wishes)
        return await claims.noted(wishes)

    flows = FolderFlows(batches.compiled(tmp_path, batches.ONE_CALL))
    processor = BatchProcessor(flows, noted, batches.Published(), batches.MemoryTimers())
    await processor.events(batches.records(batches.event(1, duplicateseconds=60), batches.event(2)))
    assert [wish.keep for wish in asked] == [timedelta(minutes=1), None]


class _Deployments(FolderFlows):
    """Several sets of flows, as the database has them."""

    def __init__(self, sets: dict[str, FolderFlows]) -> None:
        super().__init__([])
        self._sets = sets

    def for_trigger(self, type_: str, deployment: str = "") -> tuple[CompiledFlow, ...]:
        return self._sets[deployment].for_trigger(type_)
