"""What may be empty, and what is of a closed set: a text from outside goes there after it was asked or looked up."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from services.actions.registry import ACTIONS
from services.flows.check import check
from services.flows.load import load_text
from services.flows.shapes import Shapes
from services.project.catalogue import catalogue
from tests.support.flows import flow_text

REAL = catalogue()
ASKED = "- if: ${ !phone.valid }\n  then: [ { stop: no } ]\n"
PHONE = "- id: phone\n  tool: phone.format\n  with: { number: '${ trigger.mobile_number }' }\n"
MAIL = "- id: mail\n  tool: email.normalize\n  with: { email: '${ trigger.email }' }\n"
COUNTRY = "- id: country\n  tool: country\n  with: { country: '${ trigger.country }' }\n"
SEND = "- action: closum.whatsapp.send_template\n  connection: closum\n  with: { to: '${ %s }', template: a, language: pt_PT }\n"
TAG = "- action: closum.contact.add_tag\n  connection: closum\n  with: { contact_id: '${ %s }', tag: a }\n"
REGION = "- tool: phone.format\n  with: { number: '${ trigger.mobile_number }', region: '${ %s }' }\n"
TURN = "- id: turn\n  tool: round_robin\n  with: { list: a, values: [ana]%s }\n"
DAY = "- id: day\n  tool: date.parse\n  with: { text: '${ trigger.name }' }\n"
LATER = (
    "- action: closum.sms.send\n  connection: closum\n"
    "  with: { recipient: '351912345678', message: a, send_time: '${ day.date }' }"
)
ADD = "- action: closum.lead.add\n  connection: closum\n  with: { name: x, email: '${ %s }', consent_email: true, consent_sms: true }"


def told(steps: str) -> list[str]:
    """What is wrong, with the real catalogue."""
    sources, faults = load_text(flow_text(steps, on="closum.lead.created"))
    return [fault.text for fault in [*faults, *check(sources, REAL)]]


WRONG = {
    "a phone that was not asked": (PHONE + SEND % "phone.digits", "ask `phone.valid` first"),
    "another one was": (PHONE + MAIL + ASKED.replace("phone", "mail") + SEND % "phone.e164", "ask `phone.valid` first"),
    "on the way where it is none": (
        PHONE + "- if: ${ !phone.valid }\n  then:\n    - stop: ${ phone.digits }\n",
        "`phone.digits` is empty here: `phone.valid` is false, by the condition in line 7",
    ),
    "in the same expression": (
        PHONE + "- stop: '${ !phone.valid ? phone.digits : \"none\" }'", "`phone.digits` is empty here"
    ),
    "there, but perhaps empty": (PHONE + SEND % 'phone.?digits.orValue("351912345678")', "ask `phone.valid` first"),
    "kept by `set`": (PHONE + "- set: { to: '${ phone.digits }' }\n" + SEND % "to", "ask `phone.valid` first"),
    "a date": (DAY + LATER, "a timestamp"),
    "an id that may be empty": (TAG % "trigger.lead_id", "it can be empty"),
    "blank, but asked on another way": ("- if: ${ trigger.lead_id != '' }\n  then: [ { set: { a: 1 } } ]\n" + TAG % "trigger.lead_id", "it can be empty"),
    "set again since it was asked": (
        "- set: { a: '${ trigger.lead_id }' }\n- if: ${ a == '' }\n  then: [ { stop: no } ]\n- set: { a: '${ trigger.name }' }\n" + TAG % "a",
        "it can be empty",
    ),
    "a region that is any text": (REGION % "trigger.country", "`country` finds it"),
    "a country that was not found": (COUNTRY + REGION % "country.alpha2", "ask `country.found` first"),
    "a zone": ("- tool: date.format\n  with: { at: '${ event.time }', format: dd, time_zone: '${ trigger.name }' }", "`lookup`"),
    "whose turn it is, or nobody's": (TURN % ", all_absent: none" + TAG % "turn.value", "it can be empty"),
    "one of two is no region": (REGION % 'trigger.name == "a" ? "PT" : "Portugal"', "is a region"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_may_be_empty_or_none_of_a_set_is_a_mistake(case: str) -> None:
    steps, why = WRONG[case]
    found = told(steps)
    assert len(found) == 1, found
    assert why in found[0]


RIGHT = {
    "asked before": PHONE + ASKED + SEND % "phone.digits",
    "asked in the same expression": PHONE + SEND % 'phone.valid ? phone.digits : "351912345678"',
    "not empty says the same": PHONE + "- if: ${ phone.e164 == '' }\n  then: [ { stop: no } ]\n" + SEND % "phone.digits",
    "a kind of line says the same": PHONE + "- if: ${ phone.type == 'mobile' }\n  then:\n" + "".join(
        f"    {line}\n" for line in (SEND % "phone.e164").splitlines()
    ),
    "one of both is there": PHONE + MAIL + "- if: ${ !phone.valid && !mail.valid }\n  then: [ { stop: no } ]\n"
    "- tool: deduplicate\n  with: { key: '${ mail.valid ? mail.email : phone.e164 }', within: 1d }",
    "an optional input takes an empty one": MAIL
    + (ADD % "mail.email").replace("name: x", "name: x, mobile_number: '+351912345678'"),
    "a variable that was asked": PHONE + "- set: { to: '${ phone.digits }' }\n" + ASKED + SEND % "to",
    "a text in a text": PHONE + "- stop: 'no ${ phone.e164 }'",
    "an id that was asked": "- if: ${ trigger.lead_id == '' }\n  then: [ { stop: no } ]\n" + TAG % "trigger.lead_id",
    "asked by its size": "- if: ${ trigger.lead_id.size() > 0 }\n  then:\n" + "".join(
        f"    {line}\n" for line in (TAG % "trigger.lead_id").splitlines()
    ),
    "asked with another": "- if: ${ trigger.name != 'x' || trigger.lead_id.trim() == '' }\n  then: [ { stop: no } ]\n"
    + TAG % "trigger.lead_id",
    "a default in the expression": TAG % 'trigger.lead_id.trim() == "" ? "0" : trigger.lead_id.trim()',
    "a default by a tool": "- id: who\n  tool: text.default\n  with: { values: ['${ trigger.lead_id }'], default: '0' }\n"
    + TAG % "who.text",
    "whose turn it is": TURN % "" + TAG % "turn.value",
    "text around it": TAG.replace("'${ %s }'", "'lead ${ trigger.country }'"),
    "put together": TAG % '"lead " + trigger.country',
    "a region by its name": COUNTRY + REGION % 'country.found ? country.alpha2 : "PT"',
    "one of two regions": REGION % 'trigger.name == "a" ? "PT" : "ES"',
    "looked up, with a default": "- id: zone\n  tool: lookup\n  with: { key: '${ trigger.country }', table: { BR: America/Sao_Paulo }, default: Europe/Lisbon }\n"
    "- tool: date.format\n  with: { at: '${ event.time }', format: dd, time_zone: '${ zone.value }' }",
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_what_was_asked_or_has_a_default_is_right(case: str) -> None:
    assert told(RIGHT[case]) == []


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_input_for_which_an_empty_text_counts_as_absent_takes_one(name: str) -> None:
    """As the checker believes of the mark."""
    model, shapes = ACTIONS[name].signature.inputs, Shapes()
    for field, known in shapes.fields(shapes.of_model(model, "validation", name)).items():
        if known.empty:
            assert field not in refused(model, {field: ""})


def refused(model: type[BaseModel], given: dict[str, str]) -> set[str | int]:
    """The fields that are wrong."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return {each["loc"][0] for each in error.errors() if each["loc"]}
    return set()
