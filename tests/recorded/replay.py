"""A recorded release, played through the code of today: every difference, by its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.runs import RunMessage
from contracts.triggers.registry import TRIGGERS
from services.actions.registry import ACTIONS
from services.flows.advance import advance, begin
from services.flows.catalogue import Tool
from services.flows.compile import compile_flow
from services.flows.compiled import CompiledFlow
from services.flows.index import FlowIndex
from services.flows.load import load_text
from services.flows.outcomes import Act, Ask, End, Sleep
from services.flows.state.cells import Stateful
from services.flows.sync import Mark, OpenWrite, changed, judge
from services.flows.waiting import hashes_of
from tests.recorded import form, wire

ABSENT = "(absent)"


class Difference(NamedTuple):
    """What was recorded, and what is now. `place`: flow, case and step in words, then the path in the JSON."""

    place: str
    was: Any
    now: Any


def differences(name: str, recorded: form.Json, tools: Mapping[str, Tool]) -> Iterator[Difference]:
    """Of one recorded flow with all its cases. Each turn begins with the message that the release wrote."""
    flows: dict[str, CompiledFlow] = {}
    for flow, said in recorded["flows"].items():
        sources, faults = load_text(said["text"], f"{flow}.yaml")
        if faults or len(sources) != 1:
            yield Difference(f"{name}: {flow}: text", "a flow", [str(fault) for fault in faults])
            return
        try:
            compiled = compile_flow(sources[0], tools)
        except (ValueError, KeyError) as error:
            yield _not_taken(f"{name}: {flow}: text", error)
            return
        yield from _unlike(said["version"], compiled.version, f"{name}: {flow}: version")
        # A run ends on the version that it began on, whatever today's code makes of the text.
        flows[flow] = dataclasses.replace(compiled, version=said["version"])
    index = FlowIndex(flows.values())
    for case in recorded["cases"]:
        where = f"{name}: {case['case']}"
        for number, noted in enumerate(case["events"]):
            yield from _event(noted, index, f"{where}: event {number}")
        for played in case["runs"]:
            event = case["events"][played["event"]]["event"]
            flow = flows[played["flow"]]
            of_run = f"{where}: {played['flow']} of event {played['event']}"
            yield from _unlike(
                form.run_of(played, 0, event), _json(begin(flow, Event.model_validate(event))), f"{of_run}: begin"
            )
            for number in range(len(played["turns"])):
                of_turn = f"{of_run}: turn {number}"
                try:
                    yield from _turn(flow, played, number, event, of_turn)
                except (ValueError, KeyError) as error:
                    yield _not_taken(of_turn, error)


def readings(recorded: form.Json) -> Iterator[Difference]:
    """Of what people's systems send, and of the echoes of writes that PostgreSQL keeps."""
    for number, one in enumerate(recorded["triggers"]):
        payload = TRIGGERS[one["trigger"]].read(one["sent"])
        happened = payload.happened()
        now = {
            "data": orjson.loads(payload.to_json()),
            "subject": payload.subject(),
            "own_id": payload.own_id(),
            "happened": happened.isoformat() if happened else None,
        }
        yield from _unlike({name: one[name] for name in now}, now, f"trigger {number}: {one['trigger']}")
    for number, one in enumerate(recorded["echoes"]):
        change = changed(Event.model_validate(one["event"]))
        assert change is not None
        opened = OpenWrite("write-1", 0, {name: Mark(**mark) for name, mark in one["marks"].items()})
        judged = wire.plain(dataclasses.asdict(judge(change, [opened], "origin")))
        yield from _unlike(one["judged"], judged, f"echo {number}")


def _event(noted: form.Json, index: FlowIndex, where: str) -> Iterator[Difference]:
    event = Event.model_validate_json(orjson.dumps(noted["event"]))
    yield from _unlike(noted["event"], _json(event), f"{where}: read and written")
    change = changed(event)
    now = wire.plain(dataclasses.asdict(change)) if change else ABSENT
    yield from _unlike(noted.get("change", ABSENT), now, f"{where}: change")
    yield from _unlike(noted["ends"], hashes_of(event, index.matches(event.type)), f"{where}: waits that it ends")


def _turn(flow: CompiledFlow, played: form.Json, number: int, event: form.Json, where: str) -> Iterator[Difference]:
    turn = played["turns"][number]
    message = RunMessage.model_validate_json(orjson.dumps(form.message_of(played, number, event)))
    moment = datetime.fromisoformat(turn["now"])
    run, answer, wake = message.run, message.answer, message.wake
    answers: tuple[Any, ...] = ()
    for asked in [*turn["needs"], None]:
        after = advance(flow, run, answer=answer, answers=answers, wake=wake, now=moment)
        if asked is None:
            break
        if not isinstance(after, Ask):
            yield Difference(f"{where}: need", asked["need"], type(after).__name__)
            break
        need = {
            "at": after.run.at,
            "need": form.need_name(after.need),
            "of": wire.plain(dataclasses.asdict(after.need)),
        }
        yield from _unlike({name: asked[name] for name in need}, need, f"{where}: need")
        assert isinstance(after.need, Stateful)
        if after.run.at != run.at:
            wake = None  # it ended the wait of an earlier step
        run, answer, answers = after.run, None, (*after.answers, after.need.answer.model_validate(asked["answer"]))
    now, left = _left(after)
    yield from _unlike(turn["next"], now, f"{where}: next")
    yield from _unlike({**turn["run"], "event": event}, left, f"{where}: run")
    if "calls" in turn:
        yield from _calls(turn, event, where)


def _not_taken(where: str, error: Exception) -> Difference:
    """What the release wrote is no longer read, or names what is gone."""
    return Difference(where, "taken", f"{type(error).__name__}: {error}")


def _left(after: Act | Sleep | End | Ask) -> tuple[form.Json, form.Json]:
    """What comes next, and the run that goes along, as the recording has them."""
    if isinstance(after, Act):
        act = _json(after.request)
        write = {} if after.write is None else {"write": wire.plain(dataclasses.asdict(after.write))}
        return {"act": {name: value for name, value in act.items() if name != "run"}, **write}, act["run"]
    if isinstance(after, Sleep):
        sleep = {"timer": after.timer, "until": after.until.isoformat(), "cancel": after.cancel}
        return {"sleep": sleep}, _json(after.run)
    if isinstance(after, Ask):
        return {"asks": form.need_name(after.need)}, _json(after.run)
    said = {"outcome": after.outcome, "reason": after.reason, "code": after.code, "step": after.step}
    return {"end": wire.plain({name: value for name, value in said.items() if value is not None})}, _json(after.run)


def _calls(turn: form.Json, event: form.Json, where: str) -> Iterator[Difference]:
    """The call, as it stands on `actions`: read, made with the recorded replies, and what comes of it."""
    written = form.request_of(turn, event)
    request = ActionRequest.model_validate_json(orjson.dumps(written))
    yield from _unlike(written, _json(request), f"{where}: request read and written")
    made, result = wire.performed(ACTIONS[request.action], request, turn["calls"])
    yield from _unlike([one["asked"] for one in turn["calls"]], made, f"{where}: calls")
    if "result" in turn:
        yield from _unlike(turn["result"], ABSENT if result is None else wire.plain(result), f"{where}: result")


def _json(message: Any) -> form.Json:
    found: form.Json = orjson.loads(message.to_bytes())
    return found


def _unlike(was: Any, now: Any, place: str) -> Iterator[Difference]:
    """Where two JSON values differ, by the deepest place that says it."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted({*was, *now}):
            yield from _unlike(was.get(name, ABSENT), now.get(name, ABSENT), f"{place}.{name}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _unlike(one, other, f"{place}[{number}]")
    elif was != now or isinstance(was, bool) != isinstance(now, bool):
        yield Difference(place, was, now)
