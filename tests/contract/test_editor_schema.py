"""contracts/schemas/flow.schema.json: an editor underlines what is surely wrong, and nothing that is right."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from services.flows.catalogue import Action
from services.flows.editor_schema import editor_schema
from services.flows.keys import Keys, names
from services.flows.parse import FLOW_KEYS
from services.flows.steps.parts import hours
from services.flows.steps.registry import kinds
from services.flows.steps.wait import CANCEL_KEYS, WAIT_KEYS
from services.project.catalogue import catalogue
from tests.support.flows import CATALOGUE, flow_text
from tests.unit.flows.test_check_right import HEADS, STEPS

ROOT = Path(__file__).parents[2]
SCHEMA = editor_schema(catalogue())
REAL = jsonschema_rs.Draft7Validator(SCHEMA)
SMALL = jsonschema_rs.Draft7Validator(editor_schema(CATALOGUE))
PAGES = {
    f"{file.name} {number}": text
    for file in sorted((ROOT / "docs").glob("*.md"))
    for number, text in enumerate(re.findall(r"```yaml\n(flow:.*?)```", file.read_text(), re.DOTALL))
    if "\nsteps:" in text  # others are test files
}
EXAMPLES = {
    file.name: file.read_text()
    for file in sorted((ROOT / "examples").rglob("*.yaml"))
    if not file.name.endswith((".test.yaml", ".vars.yaml", "sources.yaml")) and file.name != "flows.yaml"
}
HELLO = """
flow: hello
on: closum.lead.created
steps:
  - id: phone
    tool: phone.format
    with: { number: "${ trigger.mobile_number }", region: PT }
  - action: http.request
    connection: crm
    with: { method: POST, url: /contacts }
"""


def loaded(text: str) -> list[Any]:
    """The documents of a YAML text, keys as text: JSON has no others."""
    return [_keyed(document) for document in YAML(typ="safe", pure=True).load_all(text)]


def _keyed(value: Any) -> Any:
    if isinstance(value, datetime):  # an editor reads YAML 1.2, where it is a text
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _keyed(item) for key, item in value.items()}
    return [_keyed(item) for item in value] if isinstance(value, list) else value


def refused(text: str) -> bool:
    """Whether an editor underlines something."""
    return not all(REAL.is_valid(document) for document in loaded(text))


def test_it_is_a_schema() -> None:
    """Of the dialect that the YAML language servers read."""
    assert jsonschema_rs.meta.is_valid(SCHEMA)
    assert SCHEMA["$schema"].startswith("http://json-schema.org/draft-07")


@pytest.mark.parametrize("name", [*EXAMPLES, *PAGES])
def test_no_flow_of_ours_is_underlined(name: str) -> None:
    """Examples and the flows of the guides."""
    for document in loaded({**EXAMPLES, **PAGES}[name]):
        assert [str(error) for error in REAL.iter_errors(document)] == []


@pytest.mark.parametrize("name", STEPS)
def test_no_right_flow_is_underlined(name: str) -> None:
    """All that the checker takes, the editor takes too."""
    for document in loaded(flow_text(STEPS[name].lstrip("\n"), head=HEADS.get(name, ""))):
        assert [str(error) for error in SMALL.iter_errors(document)] == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("steps:", "stepss:"),
        ("closum.lead.created", "[]"),
        ("phone.format", "phone.fromat"),
        ("http.request", "http.requst"),
        ("region: PT", "regoin: PT"),
        ('number: "${ trigger.mobile_number }", ', ""),
        ("method: POST", "method: SEND"),
        ("connection:", "conection:"),
        ("id: phone", "id: my phone"),
        ("url: /contacts", "url: [a]"),
        ("    connection: crm", "    connection: crm\n    retry: { attempts: 1000 }"),
    ],
)
def test_a_wrong_word_is_underlined(right: str, wrong: str) -> None:
    """Keys, names and inputs."""
    assert not refused(HELLO)
    assert refused(HELLO.replace(right, wrong))


def test_every_key_has_its_help() -> None:
    """What the parser knows, the editor offers, with a description."""
    definitions = SCHEMA["definitions"]
    offered = {"flow": SCHEMA["properties"], **{kind: definitions[f"step.{kind}"]["properties"] for kind in kinds()}}
    offered |= {name: definitions[name]["properties"] for name in ("wait", "hours", "cancel_on")}
    wanted: dict[str, Keys] = {"flow": FLOW_KEYS, **{name: kind.keys for name, kind in kinds().items()}}
    wanted |= {"wait": WAIT_KEYS, "hours": hours.KEYS, "cancel_on": CANCEL_KEYS}
    assert {kind: tuple(keys) for kind, keys in offered.items()} == {kind: names(keys) for kind, keys in wanted.items()}
    assert [key for keys in offered.values() for key, part in keys.items() if not part.get("description")] == []


def test_tools_and_actions_are_offered_with_their_lines() -> None:
    """Completion shows what each is for, in the groups and by the names of Closum's own catalogue."""
    for kind, entries in (("tool", catalogue().tools), ("action", catalogue().actions)):
        options = SCHEMA["definitions"][f"step.{kind}"]["properties"][kind]["anyOf"]
        told = {option["const"]: option["description"] for option in options}
        assert told.keys() == entries.keys()
        for name, entry in entries.items():
            title = f"{entry.title}: " if isinstance(entry, Action) else ""
            known = f" ({entry.known})" if isinstance(entry, Action) and entry.known else ""
            assert told[name] == f"{entry.group}: {title}{entry.line}{known}"
    deleted = "Lead Management: Lead: Delete: Delete a lead. This cannot be undone. (assumed)"
    assert told["closum.lead.delete"] == deleted
    triggers = {each.get("const"): each.get("description") for each in SCHEMA["definitions"]["trigger"]["anyOf"]}
    assert triggers["closum.contact.updated"] == "Contact Updated: A contact was changed in Closum."
