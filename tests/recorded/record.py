"""Plays made people through flows by the code that is installed, and writes down all that it does.

    python -m tests.recorded.record FOLDER --commit ID                # by the code of this tree
    OTHER/bin/python -P tests/recorded/record.py FOLDER --commit ID   # by the code that is installed in OTHER

A release is recorded once, by its own code, when it is made (`make release`): see tests/data/recorded/README.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import string
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
from pydantic import BaseModel
from ruamel.yaml import YAML

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # at the end: the code that is installed comes first

from contracts.actions import ActionRequest  # noqa: E402
from contracts.events import Event  # noqa: E402
from contracts.runs import Outcome, Run, RunMessage  # noqa: E402
from contracts.triggers.registry import TRIGGERS  # noqa: E402
from services.actions.action import Implementation  # noqa: E402
from services.actions.action_call import ActionCall, CallFailedError, DestinationReply  # noqa: E402
from services.actions.attempt.http import HttpCall  # noqa: E402
from services.actions.attempt.perform import attempt  # noqa: E402
from services.actions.outcome import Done, Failed  # noqa: E402
from services.actions.registry import ACTIONS, signatures  # noqa: E402
from services.flows.advance import advance  # noqa: E402
from services.flows.catalogue import BaseInputs, Catalogue, Tool  # noqa: E402
from services.flows.check import check  # noqa: E402
from services.flows.compile import compile_flow  # noqa: E402
from services.flows.compiled import CompiledFlow  # noqa: E402
from services.flows.index import FlowIndex  # noqa: E402
from services.flows.outcomes import Act, Ask, End, Next, Sleep  # noqa: E402
from services.flows.steps.action import ActionStep  # noqa: E402
from services.flows.steps.kind import Step, walk  # noqa: E402
from services.flows.steps.registry import kinds  # noqa: E402
from services.flows.steps.tool import ToolStep  # noqa: E402
from services.flows.sync import OpenWrite, Write, changed, judge, marked  # noqa: E402
from services.flows.testing import simulation  # noqa: E402
from services.flows.testing.events import events_of  # noqa: E402
from services.flows.testing.names_used import names_used  # noqa: E402
from services.flows.testing.suite import GivenEvent, SuiteCase  # noqa: E402
from services.flows.traces import Trace, untraced  # noqa: E402
from services.flows.waiting import hashes_of  # noqa: E402
from services.project import sources_files  # noqa: E402
from services.project.catalogue import catalogue  # noqa: E402
from services.project.testing import performer, suite_files  # noqa: E402
from services.runtime.version import version  # noqa: E402
from tests.recorded import form, wire  # noqa: E402

PEOPLE_A_CASE = 4
DONE = {"action": "http.request", "connection": "crm", "with": {"method": "POST", "url": "/done"}}
PEOPLE_A_TOOL = 4
NOTE = {
    "action": "http.request",
    "connection": "crm",
    "with": {"method": "POST", "url": "/notes", "json": {"of": "${ trigger.id }", "gave": "${ gave }"}},
}


class _Recorder:
    """What one case does. It stands between the simulation and `advance`, the actions and their destinations."""

    def __init__(self, flows: Sequence[CompiledFlow], answers: Sequence[Any], used: frozenset[str]) -> None:
        self.runs: dict[str, form.Json] = {}
        self.events: list[Event] = []
        self._flows = flows
        self._performer = performer.Performer(ACTIONS, answers, used)
        self._exchanges: list[wire.Exchange] = []
        self._result: Done | Failed | None = None

    def events_of(self, *arguments: Any) -> list[tuple[datetime, Event]]:
        """The events of a case, noted."""
        found = events_of(*arguments)
        self.events = [event for _, event in found]
        return found

    def advance(self, flow: CompiledFlow, run: Run, *, now: datetime, trace: Trace = untraced, **given: Any) -> Next:
        """As `services.flows.advance.advance`, noted."""
        played = self.runs.get(run.id) or self._begun(run)
        if answers := given.get("answers"):
            played["turns"][-1]["needs"][-1]["answer"] = _json(answers[-1])
        else:
            read = _message(RunMessage(run=run, answer=given.get("answer"), wake=given.get("wake")))
            event, own = read["run"].pop("event"), read.pop("run")
            assert event == _message(self.events[played["event"]]), "a run carries its event as it came"
            assert own == (played["turns"][-1]["run"] if played["turns"] else played["begin"]), (
                "a run goes on as it was"
            )
            played["turns"].append({"now": now.isoformat(), "with": read, "needs": []})

        def told(path: str, way: str) -> None:
            played["trace"].append(f"{path} {way}".rstrip())
            trace(path, way)

        after = advance(flow, run, now=now, trace=told, **given)
        turn = played["turns"][-1]
        if isinstance(after, Ask):
            turn["needs"].append({"at": after.run.at, "need": form.need_name(after.need), "of": _json(after.need)})
        else:
            run_after = after.request.run if isinstance(after, Act) else after.run
            turn["next"] = _next(after)
            turn["run"] = _message(run_after)
            del turn["run"]["event"]
        return after

    def _begun(self, run: Run) -> form.Json:
        begin = _message(run)
        number = next(
            place
            for place, event in enumerate(self.events)
            if (event.account, event.source, event.id) == (run.event.account, run.event.source, run.event.id)
        )
        del begin["event"]
        self.runs[run.id] = {"flow": run.flow, "event": number, "begin": begin, "trace": [], "turns": []}
        return self.runs[run.id]

    def perform(self, request: ActionRequest) -> simulation.Performed:
        """A call, answered as the case says; with what the action's own code asks for."""
        self._exchanges, self._result = [], None
        answer = self._performer(request)
        exchanges, result = self._exchanges, None if self._result is None else wire.result_of(self._result)
        if not exchanges:  # the case stands for the whole action: its first request all the same
            action = ACTIONS[request.action]
            made, _ = wire.performed(action, request, ())
            exchanges = [{"asked": one} for one in made]
        turn = self.runs[request.run.id]["turns"][-1]
        turn["calls"] = exchanges
        if result is not None:
            turn["result"] = wire.plain(result)
        if answer.error is not None and answer.ends is not None:
            turn["ends"] = {"outcome": answer.ends.value, "code": answer.error.code.value}
        return answer

    async def attempt(self, action: Implementation, inputs: BaseInputs, call: ActionCall) -> Done | Failed:
        """As `services.actions.attempt.perform.attempt`, noted."""
        self._exchanges = []  # those of the last attempt count
        self._result = await attempt(action, inputs, call)
        return self._result

    def call(self, *arguments: Any, **more: Any) -> Any:
        """A call of `flows test`, noted."""
        real, recorder = HttpCall(*arguments, **more), self

        class _Noted:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            async def __call__(self, method: str, url: str, **more: Any) -> DestinationReply:
                said = wire.asked(method, url, more)
                try:
                    reply: DestinationReply = await real(method, url, **more)
                except CallFailedError as error:
                    recorder._exchanges.append(wire.plain({"asked": said, "failed": wire.failed(error)}))
                    raise
                recorder._exchanges.append(wire.plain({"asked": said, "reply": wire.replied(reply)}))
                return reply

        return _Noted()

    def play(self, case: SuiteCase, known: Catalogue) -> form.Json:
        """Play it: the events, the runs with their turns, and the ends."""
        with (
            mock.patch.multiple(simulation, advance=self.advance, events_of=self.events_of),
            mock.patch.multiple(performer, attempt=self.attempt, HttpCall=self.call),
        ):
            told = simulation.play(case, self._flows, known.triggers, self.perform)
        index = FlowIndex(self._flows)
        events = []
        for event in self.events:
            change = changed(event)
            events.append(
                {
                    "event": _message(event),
                    **({"change": wire.plain(dataclasses.asdict(change))} if change else {}),
                    "ends": hashes_of(event, index.matches(event.type)),
                }
            )
        ends = [
            {"flow": story.flow, "outcome": story.outcome, "code": story.code, "step": story.step} for story in told
        ]
        return {"case": case.name, "events": events, "runs": list(self.runs.values()), "ends": wire.plain(ends)}


def record(folder: Path, commit: str) -> None:
    """Write the recording of the installed release. Raises SystemExit where one is, or where a flow is wrong."""
    if folder.exists():
        sys.exit(f"{folder} is there. A release is recorded once, by its own code, and never again.")
    with tempfile.TemporaryDirectory() as made:
        flows = Path(made) / "flows"
        _lay_out(flows, catalogue().tools)
        paths = [flows, ROOT / "examples"]
        known = catalogue(paths)
        tested, faults = suite_files.find(paths)
        faults += check([each.source for each in tested], known)
        if faults:
            sys.exit("\n".join(map(str, faults)))
        whole = Path(made) / "recorded"
        whole.mkdir()
        for each in tested:
            form.write(whole / f"{each.source.name}.json", _flow(each, known))
        form.write(whole / form.READINGS, {"triggers": list(_triggers()), "echoes": list(_echoes())})
        sources = [file.read_text() for file in sources_files.files(paths)]
        form.write(
            whole / form.MANIFEST, {"release": version(), "commit": commit, **_declared(known), "sources": sources}
        )
        if missing := form.unplayed(whole):
            sys.exit(f"{HERE.relative_to(ROOT)} has no line that plays these: {', '.join(missing)}")
        shutil.copytree(whole, folder)


def _flow(tested: suite_files.Tested, known: Catalogue) -> form.Json:
    flows: dict[str, form.Json] = {}
    cases = []
    for bound in tested.suites:
        compiled = [compile_flow(source, known.tools) for source in bound.flows]
        used = frozenset(name for source in bound.flows for name in names_used(source.flow))
        for source, one in zip(bound.flows, compiled, strict=True):
            steps = {step.path: _what(step) for step in walk(source.flow.steps)}
            flows[source.name] = {"version": one.version, "text": source.text, "steps": steps}
        suite = bound.suite.suite
        cases += [_Recorder(compiled, (*case.answers, *suite.answers), used).play(case, known) for case in suite.cases]
    return {"flows": flows, "cases": cases}


def _what(step: Step) -> str:
    """The kind of a step, and the name of its tool or action."""
    named = step.tool if isinstance(step, ToolStep) else step.action if isinstance(step, ActionStep) else None
    return step.kind + (f" {named.text}" if named else "")


def _declared(known: Catalogue) -> form.Json:
    """What this release can do: a test looks for each of it in the recording."""
    return {
        "kinds": sorted(kinds()),
        "triggers": sorted({*TRIGGERS, *known.triggers}),
        "tools": sorted(known.tools),
        "actions": sorted(known.actions),
        "outcomes": sorted(one.value for one in Outcome),
    }


def _triggers() -> Iterator[form.Json]:
    """What people's systems send, and how the shipped triggers read it: data, subject, own id, time."""
    for person in _people():
        suite = YAML(typ="safe").load(_filled((HERE / "flows" / "closum-triggers.test.yaml").read_text(), person))
        for case in suite["cases"]:
            given = GivenEvent.model_validate(case["given"])
            payload = TRIGGERS[str(given.trigger)].read(given.data)
            happened = payload.happened()
            yield {
                "trigger": given.trigger,
                "sent": given.data,
                "data": orjson.loads(payload.to_json()),
                "subject": payload.subject(),
                "own_id": payload.own_id(),
                "happened": happened.isoformat() if happened else None,
            }


def _echoes() -> Iterator[form.Json]:
    """Writes of ours as PostgreSQL keeps them, what Closum then tells, and what is an echo of it."""
    for person in _people():
        write = Write("closum", {"id": person["lead"]}, {"name": person["name"], "tags": ["a", person["tag"]]})
        changes = {
            "name": {"before": "X", "after": f" {person['name'].upper()}"},
            "tags": {"after": [person["tag"], "a"]},
        }
        marks = {name: dataclasses.asdict(mark) for name, mark in marked(write).items()}
        for more in ({}, {"country": {"before": "", "after": "PT"}}):
            event = Event(
                id="evt-1",
                source="/hooks/closum",
                type="closum.contact.updated",
                subject=person["phone"],
                time=datetime(2026, 1, 5, 9, tzinfo=UTC),
                data={"contact_id": person["lead"], "changes": changes | more},
            )
            change = changed(event)
            assert change is not None
            judged = judge(change, [OpenWrite("write-1", 0, marked(write))], "origin")
            yield {"event": _message(event), "marks": marks, "judged": wire.plain(dataclasses.asdict(judged))}


def _people() -> list[dict[str, str]]:
    people: list[dict[str, str]] = YAML(typ="safe").load((HERE / "people.yaml").read_text())
    return people


def _lay_out(folder: Path, tools: dict[str, Tool]) -> None:
    """All flows as files with their cases: those of flows/, with some people in turn; those of tools and actions."""
    shutil.copytree(HERE / "flows", folder)
    for file in sorted(folder.glob("*.test.yaml")):
        text = file.read_text()
        suites = [YAML(typ="safe").load(_filled(text, person)) for person in _people()]
        one = suites[0]
        if "$" in text:
            people = _people()
            one["cases"] = [
                {**own[place], "name": f"{people[place]['id']}: {own[place]['name']}"}
                for number, own in enumerate(zip(*(suite["cases"] for suite in suites), strict=True))
                for place in ((number + more) % len(people) for more in range(PEOPLE_A_CASE))
            ]
        _dump(file, one)
    inputs = YAML(typ="safe").load((HERE / "tools.yaml").read_text())
    people = _people()
    for number, (name, tool) in enumerate(sorted(tools.items())):
        if name in inputs:
            chosen = [people[(number + more) % len(people)] for more in range(PEOPLE_A_TOOL)]
            _lay(folder, f"tool-{_label(name)}", [{"id": "gave", "tool": name, "with": inputs[name]}, NOTE], chosen)
        steps = [
            {"id": f"e{place}", "tool": name, "with": _plain(example.inputs), "on_error": "continue"}
            for place, example in enumerate(tool.examples)
        ]
        if steps:
            _lay(folder, f"examples-{_label(name)}", [*steps, DONE], people[:1])
    for name, action in sorted(signatures().items()):
        connection = {"connection": "closum" if name.startswith("closum.") else "crm"}
        _lay(
            folder,
            f"examples-{_label(name)}",
            [{"action": name, "with": _plain(example.inputs)} | connection for example in action.examples],
            people[:1],
        )


def _lay(folder: Path, flow: str, steps: Sequence[Any], people: Sequence[dict[str, str]]) -> None:
    """A flow of these steps, to which the people come a minute after each other."""
    _dump(folder / f"{flow}.yaml", {"flow": flow, "on": "webhook.person", "steps": steps})
    given = [{"data": _person(person), "after": "1m"} for person in people]
    _dump(folder / f"{flow}.test.yaml", {"flow": flow, "cases": [{"name": "people", "given": given}]})


def _label(name: str) -> str:
    return name.replace(".", "-").replace("_", "-")


def _person(person: dict[str, str]) -> dict[str, Any]:
    return {
        **{name: value for name, value in person.items() if name != "lead"},
        "tags": [person["tag"], "Café", "café", "azul"],
        "count": 2,
        "total": 1234.565,
        "vip": True,
        "when": "2026-03-28T18:30:00+00:00",
    }


def _plain(value: Any) -> Any:
    """Example values as a flow says them: `$` in a text is no expression."""
    return orjson.loads(orjson.dumps(value, default=str))


def _filled(text: str, person: dict[str, str]) -> str:
    """The text with a person's values as YAML texts: whole, or inside a quoted one."""
    inside = {name: orjson.dumps(value).decode()[1:-1] for name, value in person.items()}
    lines = []
    for line in text.splitlines():
        parts = line.split('"')
        for place, part in enumerate(parts):
            values = inside if place % 2 else {name: f'"{value}"' for name, value in inside.items()}
            parts[place] = string.Template(part).safe_substitute(values)
        lines.append('"'.join(parts))
    return "\n".join(lines)


def _dump(file: Path, value: object) -> None:
    file.write_text(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())  # JSON is YAML


def _message(message: Any) -> form.Json:
    found: form.Json = orjson.loads(message.to_bytes())
    return found


def _json(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return wire.plain(dataclasses.asdict(value))
    return wire.plain(value)


def _next(after: Act | Sleep | End) -> form.Json:
    if isinstance(after, Act):
        act = _message(after.request)
        del act["run"]
        write = None if after.write is None else wire.plain(dataclasses.asdict(after.write))
        return {"act": act, **({"write": write} if write else {})}
    if isinstance(after, Sleep):
        return {"sleep": {"timer": after.timer, "until": after.until.isoformat(), "cancel": after.cancel}}
    said = {"outcome": after.outcome, "reason": after.reason, "code": after.code, "step": after.step}
    return {"end": wire.plain({name: value for name, value in said.items() if value is not None})}


def main() -> None:
    """Record."""
    parser = argparse.ArgumentParser(prog="python -m tests.recorded.record", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the recording is written, such as tests/data/recorded/0.2.0")
    parser.add_argument("--commit", required=True, help="the commit that is recorded")
    given = parser.parse_args()
    folder = given.folder.resolve()
    os.chdir(tempfile.gettempdir())  # sources files and .flows of the folder where it is called do not count
    os.environ.pop("FLOWS_SOURCES_FILE", None)
    record(folder, given.commit)


if __name__ == "__main__":
    main()
