"""Rules over several inputs, retries of what must not be repeated, and outputs that depend on inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import BaseModel, Field, model_validator
from typing_extensions import override

from services.flows.catalogue import Action, BaseInputs, Tool
from services.flows.check import check
from services.flows.input_rules import InputsBugError, broken_rules, changes
from services.flows.load import load_text
from services.flows.unknown import UNKNOWN
from services.project.catalogue import catalogue
from tests.support.flows import CATALOGUE, faults_of, flow_text, texts_of

RING = "- action: ring\n  with: { %s }"
SEND = "- action: sms.%s\n  connection: gateway\n  with: { to: '+351912345678', text: a, consent: true%s }\n  retry: { %s }"
REAL = catalogue()
SCHEMA = "{ type: object, required: [id], properties: { id: { type: integer }, note: { type: string } } }"
PARSE = f"- id: parsed\n  tool: json.parse\n  with:\n    text: ${{ trigger.text }}\n    json_schema: {SCHEMA}\n"
CALL = (
    "- id: crm\n  action: http.request\n  connection: crm\n"
    f"  with:\n    method: GET\n    url: /x\n    json_schema: {SCHEMA}\n"
)


def real(steps: str) -> list[str]:
    """The faults with the real catalogue."""
    sources, faults = load_text(flow_text(steps, on="closum.whatsapp.message_received"))
    return [f"{fault.line}:{fault.col} {fault.code}" for fault in sorted([*faults, *check(sources, REAL)])]


def test_a_rule_over_several_inputs() -> None:
    """Broken for sure: a fault at the action. Perhaps kept, by a value that comes with the event: none."""
    assert faults_of(flow_text("- action: ring")) == ["4:11 input_value"]
    assert "number or name is needed" in texts_of(flow_text("- action: ring"))
    assert faults_of(flow_text(RING % "name: null")) == ["4:11 input_value"]
    assert faults_of(flow_text(RING % "name: ana")) == []
    assert faults_of(flow_text(RING % "name: '${ trigger.id }'")) == []
    assert faults_of(flow_text(RING % "name: ''")) == ["4:11 input_value"]
    assert faults_of(flow_text(RING % "name: '', nmae: x")) == ["5:21 input_unexpected"]


def test_real_rules_of_real_actions() -> None:
    """A lead without address and number, a body that is two."""
    lead = "- action: closum.lead.add\n  connection: closum\n  with: { name: ana, consent_email: true, consent_sms: true%s }"
    assert real(lead % "") == ["4:11 input_value"]
    assert real(lead % ", email: ana@example.com") == []
    body = "- action: http.request\n  connection: crm\n  with: { method: POST, url: /x, %s }"
    assert real(body % "json: { a: 1 }, text: b") == ["4:11 input_value"]
    assert real(body % "json: '${ trigger.raw }', form: { a: '${ trigger.text }' }") == ["4:11 input_value"]
    assert real(body % "json: '${ trigger.raw }'") == []
    assert real(body % "headers: { authorization: abc }") == ["6:43 input_value"]


ADDRESSES = [
    ("crm", "/contacts", True),
    ("crm", "contacts?a=1", True),
    ("crm", "/a/${ trigger.from }", True),
    ("crm", "${ trigger.from }", True),
    ("crm", "https://files.example.com/x", True),
    ("crm", "http://files.example.com/x", False),
    ("crm", "//files.example.com/x", False),
    ("crm", "/../admin", False),
    ("crm", "/%2e%2e/admin", False),
    ("crm", "ftp://example.com/x", False),
    ("crm", r"/a\nb", False),
    ("", "https://crm.example.com/contacts", True),
    ("", "${ trigger.from }", True),
    ("", "/contacts", False),
    ("", "crm.example.com/contacts", False),
    ("", "https://", False),
    ("", "https://crm.example.com:port/", False),
    ("", "https://[::1/", False),
    ("", "https://ana@crm.example.com/", False),
]


@pytest.mark.parametrize(("connection", "url", "right"), ADDRESSES)
def test_an_address_that_stands_in_the_flow_has_its_form(connection: str, url: str, right: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """A path below the connection, or a whole address; the fault stands at the url."""
    there = f"  connection: {connection}\n" if connection else ""
    found = real(f'- action: http.request\n{there}  with:\n    method: GET\n    url: "{url}"\n')
    assert found == ([] if right else [f"{8 if connection else 7}:10 input_value"])


@pytest.mark.parametrize("name", ["My CRM", "crm.example.com", "https://crm", "7", "a" * 64])
def test_a_name_that_no_connection_can_have(name: str) -> None:
    """Said also where the connections are not known."""
    assert real(f"- action: http.request\n  connection: '{name}'\n  with: {{ method: GET, url: /x }}") == [
        "5:15 value_invalid"
    ]


class Odd(BaseInputs):
    """Rules that look at what is not known."""

    a: int = 0
    b: str = ""
    c: str = Field(default="", alias="see")

    @model_validator(mode="after")
    def _long(self) -> Odd:
        if len(self.b) > self.a and self.b.startswith("x"):
            raise ValueError("b is too long")
        return self

    @model_validator(mode="after")
    def _see(self) -> Odd:
        if self.c == "x" and self.a == 0:
            raise ValueError("c needs a")
        return self


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({}, []),
        ({"b": "xxx"}, ["b is too long"]),
        ({"b": "xxx", "a": UNKNOWN}, []),
        ({"b": UNKNOWN}, []),
        ({"see": "x"}, ["c needs a"]),
        ({"see": UNKNOWN, "b": "xx"}, ["b is too long"]),
        ({"see": "x", "a": UNKNOWN}, []),
    ],
)
def test_what_is_not_known_breaks_no_rule(given: dict[str, object], broken: list[str]) -> None:
    """A rule that looks at it says nothing, the others still do."""
    assert broken_rules(Odd, given) == broken


class Broken(BaseInputs):
    """Rules with a mistake of ours in them."""

    a: int = 0

    @override
    def hopeless(self) -> None:
        """Fails."""
        raise KeyError(self.a)

    @override
    def possible(self, output: str) -> list[object] | None:
        """Fails."""
        raise KeyError(output)

    @override
    def can_change(self) -> bool:
        """Fails."""
        raise TypeError


class Given(BaseModel):
    """An output."""

    value: str = ""


async def broken(inputs: Broken) -> Given:
    """Never run."""
    return Given(value=str(inputs.a))


@pytest.mark.parametrize("given", ["{ a: 1 }", "{ a: '${ trigger.lines.size() }' }"])
def test_a_rule_that_fails_by_a_mistake_of_ours_says_so(given: str) -> None:
    """At the flow, with the file that has it; never a stack trace, and never as if all were right."""
    known = replace(CATALOGUE, tools={**CATALOGUE.tools, "broken": Tool("broken", "Fails.", Broken, Given, broken)})
    sources, faults = load_text(flow_text(f"- tool: broken\n  with: {given}"))
    (fault,) = [*faults, *check(sources, known)]
    assert (fault.code, fault.line) == ("bug", 1)
    assert f"the inputs of {__name__} could not be asked: KeyError in hopeless, line " in fault.text
    assert "report it" in fault.text


def test_what_depends_on_the_unknown_is_no_bug() -> None:
    """Only that is passed over, also where a library would refuse the stand-in by its type."""
    given = {"a": UNKNOWN}
    with pytest.raises(InputsBugError, match=f"of {__name__}"):
        broken_rules(Broken, {"a": 1})
    with pytest.raises(InputsBugError, match="TypeError"):
        changes(Action("x.y", "Fails.", Broken, Given), given)
    assert broken_rules(Odd, {"a": "no number", "b": "xxx"}) == []


def test_retries_of_what_must_not_be_repeated() -> None:
    """By the action, or by the inputs that it gets. One attempt is no repetition."""
    ring = RING % "name: ana" + "\n  retry: { %s }"
    assert faults_of(flow_text(ring % "attempts: 3")) == ["6:10 retry_unsafe"]
    assert faults_of(flow_text(ring % "within: 1h")) == ["6:10 retry_unsafe"]
    assert faults_of(flow_text(ring % "attempts: 1")) == []
    assert faults_of(flow_text(SEND % ("send", "", "attempts: 3"))) == []
    assert faults_of(flow_text(SEND % ("send", ", parts: 2", "attempts: 3"))) == ["7:10 retry_unsafe"]
    assert faults_of(flow_text(SEND % ("send", ", parts: '${ trigger.lines.size() }'", "attempts: 3"))) == []
    call = "- action: http.request\n  connection: crm\n  with: { method: POST, url: /x, repeat: %s }\n  retry: { attempts: 5 }"
    assert real(call % "never") == ["7:10 retry_unsafe"]
    assert real(call % "keyed") == []
    assert real(call % "never, verify: { url: '/x/${ trigger.from }' }") == []
    assert real(call % "keyed, verify: { url: /x }") == ["4:11 input_value"]
    assert real(call % "never, verify: { url: ../x }") == ["6:57 input_value"]
    assert real(call % "never, verify: { url: /x, json_schema: { type: nonsense } }") == ["6:81 input_value"]


@pytest.mark.parametrize(("steps", "value"), [(PARSE, "parsed.value"), (CALL, "crm.json")], ids=["json.parse", "http"])
def test_a_schema_types_the_output(steps: str, value: str) -> None:
    """Its fields are checked as those of a trigger: misspelled, of the wrong type, perhaps absent."""
    guard = "- if: ${ !parsed.valid }\n  then: [ { stop: a } ]\n" if value == "parsed.value" else ""
    line = steps.count("\n") + guard.count("\n") + 4
    at = 12 + len(value)
    assert real(f"{steps}{guard}- set: {{ a: '${{ {value}.id + 1 }}' }}") == []
    assert real(f"{steps}{guard}- stop: ${{ {value}.idd }}") == [f"{line}:{at + 1} field_unknown"]
    assert real(f"{steps}{guard}- stop: ${{ {value}.id + 'a' }}") == [f"{line}:{at + 4} expression_type"]
    assert real(f"{steps}{guard}- stop: ${{ {value}.note }}") == [f"{line}:{at} field_may_be_absent"]


def test_a_schema_that_is_none() -> None:
    """It is found before it types anything."""
    assert real(PARSE.replace("integer", "inte")) == ["8:18 input_value"]
    assert real(PARSE.replace("[id]", "id")) == ["8:18 input_value"]
    wild = PARSE.replace(SCHEMA, "{ properties: 5, items: [[]], anyOf: a, $ref: '#/x' }")
    assert real(wild) == ["8:18 input_value"]
    assert real(PARSE.replace(SCHEMA, "{ $ref: '#' }") + "- stop: ${ string(parsed.?value) }") != []


def test_a_schema_of_a_flow_makes_no_phone() -> None:
    """Marks of ours count in our models only: what a flow says is not proved."""
    schema = "{ type: object, required: [to], properties: { to: { type: string, refined: phone } } }"
    steps = PARSE.replace(SCHEMA, schema) + "- if: ${ parsed.valid }\n  then:\n    - set: { a: '${ parsed.value.to }' }"
    assert real(steps) == []


def test_an_output_that_can_be_absent_is_asked_for() -> None:
    """A default makes it sure; `valid` says that the value is there."""
    pick = "- id: one\n  tool: json.pick\n  with: { value: '${ trigger.raw }', path: a.b%s }\n- set: { a: '${ one.value }' }"
    assert real(pick % "") == ["7:20 field_may_be_absent"]
    assert real(pick % ", default: x") == []
    assert real(pick % ", default: '${ trigger.text }'") == []
    assert real(pick % ", default: null") == ["7:20 field_may_be_absent"]
    plain = "- id: parsed\n  tool: json.parse\n  with: { text: '${ trigger.text }' }\n"
    assert real(plain + "- set: { a: '${ parsed.value.x }' }") == ["7:23 field_may_be_absent"]
    assert real(plain + "- if: ${ parsed.valid }\n  then: [ { set: { a: '${ parsed.value.x }' } } ]") == []
    assert real(plain + "- if: ${ !parsed.valid }\n  then: [ { set: { a: '${ parsed.value.x }' } } ]") == [
        "8:33 field_may_be_absent"
    ]


@pytest.mark.parametrize("zone", ["Europe/Lisboa", "+1", "Portugal/Lisbon"])
def test_a_time_zone_in_an_expression(zone: str) -> None:
    """Tried before the first event comes."""
    steps = f"- if: ${{ timestamp(event.time).getHours('{zone}') > 8 }}\n  then: [ {{ stop: a }} ]"
    assert faults_of(flow_text(steps)) == ["4:41 expression_invalid"]
    assert faults_of(flow_text(steps.replace(zone, "Europe/Lisbon"))) == []


@pytest.mark.parametrize(
    ("tool", "inputs", "location"),
    [
        ("phone.format", "number: a, region: XX", "5:30"),
        ("date.format", "at: '2026-05-31T14:30:00Z', time_zone: Europe/Lisboa", "5:50"),
        ("text.replace", "text: a, find: b, with: c, patern: true", ""),
        ("deduplicate", "key: a, within: 3 days", "5:27"),
    ],
)
def test_regions_zones_and_lengths_that_stand_in_the_flow(tool: str, inputs: str, location: str) -> None:
    """They are proved with the tool's own validation."""
    found = real(f"- tool: {tool}\n  with: {{ {inputs} }}")
    assert [f"{location} input_value"] == found if location else found


@pytest.mark.parametrize(
    ("tool", "inputs"),
    [
        ("text.replace", "text: a, find: '(?=a)', pattern: true"),
        ("text.extract", "text: '${ trigger.text }', what: pattern, pattern: '('"),
        ("list.filter", "items: '${ trigger.raw.a }', test: in_list, against: a"),
        ("filter", "all: [ { value: '${ trigger.text }', test: matches, against: '(' } ]"),
    ],
)
def test_what_a_tool_can_never_work_with(tool: str, inputs: str) -> None:
    """Found before the first run, also beside values that come with the event."""
    assert real(f"- tool: {tool}\n  with: {{ {inputs} }}") == ["4:9 input_value"]


def test_the_same_with_a_right_pattern_passes() -> None:
    """And so does one that comes with the event."""
    assert real("- tool: text.replace\n  with: { text: a, find: '(a)', pattern: true }") == []
    assert real("- tool: text.replace\n  with: { text: a, find: '(?=a)' }") == []
    assert real("- tool: text.extract\n  with: { text: a, what: pattern, pattern: '${ trigger.contact.name }' }") == []


@pytest.mark.parametrize(
    ("action", "inputs", "maker"),
    [
        ("closum.whatsapp.send_template", "to: '${ trigger.text }', template: a, language: pt_PT", "`phone.format`"),
        ("closum.sms.send", "recipient: '${ trigger.text }', message: a", "`phone.format`"),
        ("closum.email.send_template", "to: '${ trigger.text }', template: a", "`email.normalize`"),
        ("closum.contact.add_tag_by_email", "email: 'to ${ trigger.text }', tag: a", "`email.normalize`"),
    ],
)
def test_a_text_where_more_than_a_text_is_needed(action: str, inputs: str, maker: str) -> None:
    """The fault names the tool that makes one, and what that gives is right."""
    steps = f"- action: {action}\n  connection: closum\n  with: {{ {inputs} }}"
    sources, faults = load_text(flow_text(steps, on="closum.whatsapp.message_received"))
    (fault,) = [*faults, *check(sources, REAL)]
    assert (fault.code, fault.line) == ("input_type", 6)
    assert maker in fault.text
    made = "- id: phone\n  tool: phone.format\n  with: { number: a }\n- id: mail\n  tool: email.normalize\n  with: { email: a }\n"
    output = "phone.digits" if "phone" in maker else "mail.email"
    right = steps.replace("to ${", "${").replace("trigger.text", output)
    assert [found.partition(" ")[2] for found in real(made + right)] == ["input_type"]
    asked = f"- if: ${{ !{output.partition('.')[0]}.valid }}\n  then: [ {{ stop: no }} ]\n"
    assert real(made + asked + right) == []
