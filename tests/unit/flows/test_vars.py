"""`vars`: typed, declared once, given by each deployment, part of a version; mistakes are told before the first run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.events import Event
from services.cli.commands import check as check_command
from services.flows.advance import advance, begin
from services.flows.check import check
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.load import FlowSource, load_paths, load_text
from services.flows.outcomes import Act
from services.flows.vars import PREFIX
from services.runtime import settings
from services.runtime.settings import SettingsError
from services.tools import folder_flows
from services.tools.settings import ToolsSettings
from tests.support.flows import CATALOGUE, ORDER, TOOLS

PROJECT = """
vars:
  zone: { type: time_zone, default: Europe/Lisbon, description: whose clock counts }
  least: { type: number, default: 20 }
  live: { type: bool, default: false }
  team: { type: phone, default: "+351912345678" }
  name: { type: text, default: us }
"""
FLOW = """
flow: tried
on: shop.ordered
steps:
  - if: ${ trigger.total < vars.least }
    then: [ { stop: too little } ]
  - action: http.call
    with: { method: POST, url: "/${ vars.name }", json: { live: "${ vars.live }" } }
"""


def folder(path: Path, project: str = PROJECT, flow: str = FLOW) -> Path:
    """A project with one flow in a folder of its own."""
    (path / "flows").mkdir(exist_ok=True)
    (path / "flows.yaml").write_text(project)
    (path / "flows" / "a.yaml").write_text(flow)
    return path / "flows"


def loaded(path: Path, vars_file: Path | None = None) -> FlowSource:
    """The one flow, that has no fault."""
    (source,), faults = load_paths([path], vars_file)
    assert [str(fault) for fault in [*faults, *check([source], CATALOGUE, None)]] == []
    return source


def called(flow: CompiledFlow) -> object:
    """What an order of 60 is sent as."""
    act = advance(
        flow, begin(flow, Event(id="e", source="/shop", type="shop.ordered", subject="a", data={**ORDER, "total": 60}))
    )
    assert isinstance(act, Act)
    return act.request.inputs["url"], act.request.inputs["json"]


def test_defaults_then_file_then_environment_then_what_the_command_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gives what the one before does not; a text of the environment is brought to its type."""
    flows, found = folder(tmp_path), []
    (tmp_path / "staging.yaml").write_text("name: staging\nlive: false\n")
    (tmp_path / "named.yaml").write_text("name: named\n")
    found.append(called(compile_flow(loaded(flows), TOOLS)))
    monkeypatch.setenv("FLOWS_VARS_FILE", str(tmp_path / "staging.yaml"))
    found.append(called(compile_flow(loaded(flows), TOOLS)))
    monkeypatch.setenv("FLOWS_VAR_NAME", "env")
    monkeypatch.setenv("FLOWS_VAR_LIVE", "true")
    monkeypatch.setenv("FLOWS_VAR_LEAST", "59.5")
    found.append(called(compile_flow(loaded(flows), TOOLS)))
    found.append(called(compile_flow(loaded(flows, tmp_path / "named.yaml"), TOOLS)))
    assert found == [
        ("/us", {"live": False}),
        ("/staging", {"live": False}),
        ("/env", {"live": True}),
        ("/named", {"live": True}),
    ]


def test_values_are_part_of_the_version_where_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends with the values that it began with; a value that a flow does not read changes nothing of it."""
    flows = folder(tmp_path)
    before = compile_flow(loaded(flows), TOOLS)
    monkeypatch.setenv("FLOWS_VAR_ZONE", "UTC")
    assert compile_flow(loaded(flows), TOOLS).version == before.version
    monkeypatch.setenv("FLOWS_VAR_NAME", "other")
    assert compile_flow(loaded(flows), TOOLS).version != before.version


def test_a_flow_without_vars_is_the_version_that_it_was(tmp_path: Path) -> None:
    """Wherever it stands."""
    plain = FLOW.replace("vars.least", "20").replace("${ vars.name }", "x").replace("${ vars.live }", "y")
    (alone,), _ = load_text(plain)
    inside = loaded(folder(tmp_path, flow=plain))
    assert compile_flow(inside, TOOLS).version == compile_flow(alone, TOOLS).version


def test_what_is_deployed_holds_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text needs no file and no environment, and is checked again with the types."""
    monkeypatch.setenv("FLOWS_VAR_NAME", "staging")
    source = loaded(folder(tmp_path))
    monkeypatch.delenv("FLOWS_VAR_NAME")
    (again,), faults = load_text(source.text, "deployed")
    assert [str(fault) for fault in [*faults, *check([again], CATALOGUE, None)]] == []
    assert again.text == source.text
    made = compile_flow(again, TOOLS)
    assert made.version == compile_flow(source, TOOLS).version
    assert called(made) == ("/staging", {"live": False})


WRONG = {
    "a value of another type": ("", {"LEAST": "much"}, "'least' is a number, and FLOWS_VAR_LEAST gives 'much'"),
    "a value that is no zone": ("", {"ZONE": "Lisboa"}, "'zone' is a time zone, and FLOWS_VAR_ZONE gives 'Lisboa'"),
    "a name that is not declared": ("", {"ZNE": "UTC"}, "did you mean 'zone'?"),
    "no value": ("  id: { type: text }\n", {}, "'id' has no value: who deploys gives it, by FLOWS_VAR_ID"),
    "a default of another type": ("  id: { type: whole, default: 1.5 }\n", {}, "'id' is a whole number"),
    "an empty text": ("  id: { type: text, default: '' }\n", {}, "'id' is a text that is not empty"),
    "no type": ("  id: { default: 1 }\n", {}, "'id' needs `type`"),
    "an unknown type": ("  id: { type: nunber, default: 1 }\n", {}, "did you mean 'number'?"),
    "an unknown key": ("  id: { type: text, default: a, defualt: b }\n", {}, "a var has no key 'defualt'"),
    "a name that is none": ("  1d: { type: text, default: a }\n", {}, "'1d' is no name"),
    "a list": ("  id: { type: text, default: [a] }\n", {}, "'id' is a text"),
    "a var that is a word": ("  id: text\n", {}, "'id' needs `type`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_who_must_act(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At `flows check`, and at the start of a process that reads a folder."""
    more, given, expected = WRONG[name]
    flows = folder(tmp_path, PROJECT + more)
    for variable, value in given.items():
        monkeypatch.setenv(PREFIX + variable, value)
    _, faults = load_paths([flows])
    assert expected in "\n".join(map(str, faults))
    with pytest.raises(SettingsError, match="flows are wrong"):
        folder_flows.load(flows)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("vars.least", "vars.lest", "`vars` has no field 'lest': did you mean 'least'?"),
        ("vars.least", "vars.zone", "`<` does not go with (number, text)"),
        ('url: "/${ vars.name }"', 'url: "/", query: { a: "${ vars }" }', "error["),
        ("  - if:", "  - set: { vars: 1 }\n  - if:", "'vars' is taken"),
    ],
)
def test_vars_have_types(old: str, new: str, expected: str, tmp_path: Path) -> None:
    """A misspelled name, a zone where a number belongs, the name taken: mistakes before the first run."""
    (source,), faults = load_paths([folder(tmp_path, flow=FLOW.replace(old, new))])
    assert expected in "\n".join(str(fault) for fault in [*faults, *check([source], CATALOGUE, None)])


def test_where_none_are_declared_the_name_is_free(tmp_path: Path) -> None:
    """A flow of today with a step of that name stays as it is."""
    own = '  - set: { vars: { least: 20, name: us, live: "no" } }\n  - if: ${ trigger.total < 20 }'
    flow = FLOW.replace("  - if: ${ trigger.total < vars.least }", own)
    source = loaded(folder(tmp_path, "flows: flows\n", flow))
    assert called(compile_flow(source, TOOLS)) == ("/us", {"live": "no"})


def test_their_variables_stop_no_process() -> None:
    """They are no settings, and not unknown ones either."""
    settings.load(ToolsSettings, {"FLOWS_VAR_NAME": "x", "DATABASE_URL": "postgresql://x/y"})
    with pytest.raises(SettingsError):
        settings.load(ToolsSettings, {"FLOWS_VARNAME": "x", "DATABASE_URL": "postgresql://x/y"})


def test_a_file_of_values_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """Not silence, and not a stack."""
    flows = folder(tmp_path)
    for content in (None, b"\xff", b"- a\n", b"a: b: c\n"):
        file = tmp_path / "values.yaml"
        if content is not None:
            file.write_bytes(content)
        assert load_paths([flows], file)[1] != []


def test_flows_check_takes_a_file_of_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--vars`: with a value missing there is a mistake at its declaration; with the file there is none."""
    flows = folder(tmp_path, PROJECT + "  id: { type: text }\n")
    (tmp_path / "flows" / "a.yaml").write_text(FLOW.replace("http.call", "http.request"))
    (tmp_path / "production.vars.yaml").write_text("id: x-1\n")
    assert check_command.check_paths([flows]) == 1
    assert "'id' has no value" in capsys.readouterr().out
    assert check_command.check_paths([flows], vars_=tmp_path / "production.vars.yaml") in (0, 1)
    assert "'id' has no value" not in capsys.readouterr().out


def test_a_case_of_a_test_gives_values_of_its_own(tmp_path: Path) -> None:
    """And a name that is not declared, or another type, is a mistake of the case."""
    source = loaded(folder(tmp_path))
    other = source.vars.changed({"name": "case"}, "the case")
    assert called(compile_flow(replace(source, flow=other.bound(source.flow, other.read_by(source.text))), TOOLS)) == (
        "/case",
        {"live": False},
    )
    for values, expected in (({"nam": "x"}, "did you mean 'name'"), ({"least": "x"}, "'least' is a number")):
        with pytest.raises(ValueError, match=expected):
            source.vars.changed(values, "the case")
