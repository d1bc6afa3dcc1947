"""A step kind is one file: parser, suggestions, checks, pictures, editor, tests and runs follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from services.flows import steps
from services.flows.advance import advance, begin
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.editor_schema import editor_schema
from services.flows.explain.mermaid import as_mermaid
from services.flows.explain.outline import outline
from services.flows.explain.text import as_text
from services.flows.keys import Key
from services.flows.load import FlowSource, load_text
from services.flows.outcomes import Act, End
from services.flows.steps.kind import Step
from services.flows.steps.registry import kinds, known, step_kind
from services.flows.testing.coverage import Coverage, path_of
from services.project.catalogue import catalogue
from tests.extensions.steps import share
from tests.support.flows import event
from tests.support.flows_testing import stories

FLOW = """\
flow: a-few
on: closum.lead.created
steps:
  - share: 30
    of: ${ trigger.email }
    then:
      - id: sent
        action: http.request
        connection: crm
        with: { method: POST, url: "/try?who=${ trigger.email }" }
        on_error: continue
  - stop: done
"""
PLAYED = """\
cases:
  - name: one of the few
    given:
      data: { name: João, email: "joao@example.com" }
    answers:
      - { http: "POST */try*", status: 204 }
"""


@pytest.fixture(autouse=True)
def added() -> Iterator[None]:
    """The kind is there for these tests alone."""
    with known(share.KIND):
        yield
    assert "share" not in kinds()


def the_flow(text: str = FLOW) -> FlowSource:
    (source,), _ = load_text(text)
    return source


def mistakes(text: str) -> list[str]:
    """All that the checker says of a text."""
    sources, faults = load_text(text, "f.yaml")
    return [str(fault) for fault in [*faults, *check(sources, catalogue(), {"crm"})]]


def test_a_right_flow_has_no_mistake() -> None:
    assert mistakes(FLOW) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("  - share:", "  - shaer:", "did you mean 'share'?"),
        ("    then:", "    than:", "a step with `share` has no key 'than': did you mean 'then'?"),
        ("share: 30", "share: 300", "f.yaml:4:12: error[value_invalid]: `share` is a whole number from 1 to 99"),
        ("    of: ${ trigger.email }\n", "", "f.yaml:4:5: error[key_missing]: `share` needs `of`"),
        ("trigger.email }\n", "trigger.emial }\n", "f.yaml:5:20: error[field_unknown]"),
        ("trigger.email }\n", "trigger.tags }\n", "f.yaml:5:12: error[expression_type]: `of` is a text"),
        ("of: ${ trigger.email }", "of: Bearer 0123456789abcdef", "error[secret_in_flow]"),
        ("stop: done", "stop: done ${ sent.status }", "error[step_may_not_have_run]"),
        ("connection: crm", "connection: cmr", "error[connection_unknown]"),
    ],
)
def test_what_is_wrong_is_told(right: str, wrong: str, told: str) -> None:
    """Its own keys and values, secrets in it, the steps inside, and what is known after it."""
    assert right in FLOW
    assert told in "\n".join(mistakes(FLOW.replace(right, wrong)))


def test_it_is_told_among_all_kinds() -> None:
    """In order of its rank."""
    assert "`for_each`, `share`, `set`" in "\n".join(mistakes(FLOW.replace("stop: done", "nothing: like it")))


def test_people_see_it() -> None:
    """As text and in a picture."""
    drawn = outline(the_flow().flow)
    assert "  30 of 100 by trigger.email\n    in:\n      sent: http.request\n" in as_text(drawn)
    assert "30 of 100" in as_mermaid(drawn)


def test_editors_know_it() -> None:
    """With the help of each key; what is wrong is underlined."""
    schema = editor_schema(catalogue())
    assert {key: part["description"] for key, part in schema["definitions"]["step.share"]["properties"].items()} == {
        key.name: key.help for key in share.KIND.keys
    }
    validator = jsonschema_rs.Draft7Validator(schema)
    assert validator.is_valid(YAML(typ="safe", pure=True).load(FLOW))
    assert not validator.is_valid(YAML(typ="safe", pure=True).load(FLOW.replace("    of:", "    fo:")))


def test_cases_are_played_and_counted() -> None:
    """`flows test` takes its ways, and says which it has not taken."""
    source = the_flow()
    (told,) = stories(source, PLAYED)
    covered = Coverage(source.flow)
    covered.add(told.trace)
    assert path_of(source.flow, told.trace)[0] == "share 0: in"
    assert [str(part) for part in covered.missing] == ["line 4: share 0: out", "line 7: sent: on_error"]


def test_runs_go_through_it() -> None:
    """About as many as it says, each always the same way; what stands inside is done, and then what follows."""
    compiled = compile_flow(the_flow(), catalogue().tools)

    def way(number: int) -> type:
        came = event().model_copy(update={"data": {"email": f"{number}@example.com"}})
        return type(advance(compiled, begin(compiled, came)))

    ways = [way(number) for number in range(300)]
    assert set(ways) == {Act, End}
    assert 60 < ways.count(Act) < 120
    assert ways == [way(number) for number in range(300)]


def test_its_parts_are_in_the_version() -> None:
    """A flow that says something else has another version."""
    assert compile_flow(the_flow(), {}).version != compile_flow(the_flow(FLOW.replace("30", "31")), {}).version


def test_without_it_its_key_is_none() -> None:
    """The kinds of a release are those of its folder: each file that declares one."""
    files = [file.stem for file in Path(steps.__file__).parent.glob("*.py") if "\nKIND = " in file.read_text()]
    ours = [kind.__module__ for name, kind in kinds().items() if name != "share"]
    assert sorted(module.rpartition(".")[2] for module in ours) == sorted(files)


@dataclass(frozen=True, slots=True)
class _Misspelled(share.ShareStep):
    """With a method that nobody asks for, and keys that are told badly."""

    kind = "halt"
    keys = (Key("halt", "why"), Key("halt", ""), Key("of", "whose"))

    def trigers(self) -> tuple[()]:
        """Should be `triggers`."""
        return ()


@dataclass(frozen=True, slots=True)
class _Same(share.ShareStep):
    """With a key that another kind has."""


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (Step, "it has no `kind`, `rank`, `keys`, `all_values`, `check`, `compile`, `describe`, `parse`"),
        (_Misspelled, "two keys are named `halt`; the key `halt` has no help; no step has 'trigers': misspelled"),
    ],
)
def test_a_wrong_declaration_is_refused_at_import(declared: type[Step], told: str) -> None:
    """With all that is wrong with it."""
    with pytest.raises(TypeError, match="step kind") as caught:
        step_kind(declared)
    assert told in str(caught.value)


def test_a_key_belongs_to_one_kind() -> None:
    """A second one is refused, and the first stays."""
    before = dict(kinds())
    with pytest.raises(TypeError, match="two kinds of steps have the key `share`"), known(_Same):
        raise AssertionError("it was taken")
    assert dict(kinds()) == before
