"""Flows that set each other off: which circles are found, and what breaks them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.declared_triggers import Places, declared
from services.flows.load import load_text
from services.project.catalogue import catalogue
from tests.support.flows import flow_text, texts_of

VISIT = "- action: shop.visit\n  with: { name: a }"
ORDER = "- action: shop.order\n  with: { name: a }"
UPDATED = "closum.contact.updated"
CREATED = "closum.lead.created"
LEAD = (
    "- action: closum.lead.add\n  connection: closum\n"
    "  with: { name: vip, email: a@example.com, consent_email: true, consent_sms: true, tags: [vip] }"
)
CRM = "- action: http.request\n  connection: crm\n  with: { method: POST, url: /contacts }"


class Told(BaseModel):
    """A source that says what changed."""

    id: str = Field(min_length=1, max_length=256)
    name: str = ""
    changed: list[str] = Field(default_factory=list)


class Silent(BaseModel):
    """A source that does not."""

    id: str = Field(min_length=1)
    raw: dict[str, Any] = Field(default_factory=dict)


CHANGES = {"type": "object", "properties": {"id": {"type": "string"}, "changes": {"type": "object"}}}
REAL = catalogue()
SOURCES = Catalogue(
    {
        **REAL.triggers,
        "webhook.crm": Told,
        "webhook.shop": Silent,
        "webhook.told": declared("webhook.told", {**CHANGES, "required": ["id"]}, Places(), {}),
    },
    REAL.tools,
    REAL.actions,
)


def named(name: str, steps: str, on: str, head: str = "") -> str:
    """One flow."""
    return flow_text(steps, on=on, head=head).replace("tried", name, 1)


def cycles(*flows: str) -> list[str]:
    """The circles among flows of the real catalogue; no other fault is there."""
    sources, faults = load_text("---\n".join(flows))
    found = [*faults, *check(sources, SOURCES)]
    assert [fault for fault in found if fault.code != "cycle"] == []
    return [f"{fault.line}:{fault.col} {fault.text.split(', which')[0]}" for fault in found]


def indented(steps: str) -> str:
    """Steps inside of `then`."""
    return "\n".join(f"    {line}" for line in steps.split("\n"))


def test_a_circle_of_two_is_told_with_both() -> None:
    """At the first flow's action, with the names, the lines and the triggers, once."""
    text = flow_text(VISIT) + "---\n" + named("other", ORDER, "shop.visited")
    (line,) = texts_of(text).split("\n")
    assert line.startswith("flow.yaml:4:11: error[cycle]: ")
    for word in (
        "tried (`shop.visit` in line 4) raises shop.visited",
        "other (`shop.order` in line 10)",
        "allow_cycle",
    ):
        assert word in line


def test_a_flow_that_starts_itself() -> None:
    """The smallest circle."""
    assert "which starts itself again" in texts_of(flow_text(ORDER))
    assert texts_of(flow_text(VISIT)) == ""


def test_who_only_leads_into_a_circle_is_not_on_it() -> None:
    """The flow that goes round is named, the one beside it is not."""
    flows = [named("a", CRM, "webhook.crm"), named("b", CRM, "closum.whatsapp.message_received")]
    assert cycles(*flows) == ["4:11 for ever: a (`http.request` in line 4) raises webhook.crm"]


def test_allow_cycle_needs_a_reason() -> None:
    """With one, the circle is no fault, whichever flow says it."""
    other = named("other", ORDER, "shop.visited")
    allowed = named("other", ORDER, "shop.visited", "allow_cycle: it orders once only\n")
    assert texts_of(flow_text(VISIT, head="allow_cycle: it visits once only\n") + "---\n" + other) == ""
    assert texts_of(flow_text(VISIT) + "---\n" + allowed) == ""
    assert "error[value_invalid]" in texts_of(flow_text(ORDER, head="allow_cycle: ''\n"))


def test_a_condition_that_is_false_for_what_was_written_breaks_it() -> None:
    """`when` or `if`, on the tag or the field that the action sets; another condition does not."""
    back = named("b", CRM, CREATED)
    guard = "- if: ${ !('%s' in trigger.tags) }\n  then:\n" + indented(CRM)

    def circle(of: str) -> list[str]:
        return cycles(named("a", LEAD, "webhook.crm"), of)

    assert circle(back)
    assert circle(named("b", guard % "vip", CREATED)) == []
    assert circle(named("b", guard % "other", CREATED))
    assert circle(named("b", CRM, CREATED, "when: ${ !('vip' in trigger.tags) }\n")) == []
    assert circle(named("b", CRM, CREATED, "when: ${ 'vip' in trigger.tags }\n"))
    assert circle(named("b", CRM, CREATED, "when: ${ trigger.name != 'vip' }\n")) == []
    assert circle(named("b", CRM, CREATED, "when: ${ trigger.name != 'another' }\n"))


def test_what_only_makes_and_is_told_of_does_not_go_round() -> None:
    """At run time it starts no flow that led to it, over however many flows: so that needs no reason."""
    assert cycles(named("a", LEAD, CREATED)) == []
    assert cycles(*(named(name, LEAD, CREATED) for name in "abc")) == []


def test_one_link_of_another_kind_is_enough_to_go_round() -> None:
    """What led to its event is forgotten: the flow that made the lead starts again. Who asks for `by_us` breaks it."""
    made, back = named("a", LEAD, "webhook.crm"), named("b", CRM, CREATED)
    (line,) = cycles(made, back)
    assert "b (`http.request` in line 11) raises webhook.crm, a (`closum.lead.add` in line 4) raises" in line
    assert len(cycles(made, back, named("c", LEAD, CREATED))) == 1
    assert cycles(made, named("b", CRM, CREATED, "when: ${ !trigger.by_us }\n")) == []
    assert cycles(made, named("b", CRM, CREATED, "when: ${ trigger.by_us }\n"))


def test_an_echo_that_is_suppressed_breaks_it() -> None:
    """What the action writes is known and the trigger says what changed: then its echo starts no flow."""
    update = "- action: closum.lead.update\n  connection: closum\n  with: { lead_id: '${ trigger.%s }', name: x }"
    call = "- action: http.request\n  connection: %s\n  with: { method: %s, url: /x, json: { name: x } }\n"
    writes = "  writes: { id: '${ trigger.contact_id }', fields: { name: x } }\n"
    tag = "- action: closum.contact.%s\n  connection: closum\n  with: { contact_id: '${ trigger.contact_id }', tag: x }"
    asked = 'when: ${ trigger.contact_id != "" }\n'
    assert cycles(named("a", update % "contact_id", UPDATED, asked)) == []
    assert cycles(named("a", tag % "add_tag", UPDATED, asked), named("b", tag % "remove_tag", UPDATED, asked)) == []
    back = named("b", update % "id", "webhook.crm", asked.replace("contact_id", "id"))
    assert cycles(named("a", call % ("crm", "PATCH") + writes, UPDATED), back) == []


def test_a_call_to_a_system_that_tells_us_its_changes() -> None:
    """`http.request` raises the trigger of the source with its connection's name, unless it only reads."""
    call = "- action: http.request\n  connection: %s\n  with: { method: %s, url: /x }\n"
    assert cycles(named("a", call % ("crm", "PATCH"), "webhook.crm"))
    assert cycles(named("a", call % ("other", "PATCH"), "webhook.crm")) == []
    assert cycles(named("a", call % ("crm", "GET"), "webhook.crm")) == []
    writes = "  writes: { id: '${ trigger.id }', fields: { name: x } }\n"
    assert cycles(named("a", call % ("crm", "PATCH") + writes, "webhook.crm")) == []
    assert cycles(named("a", call % ("shop", "PATCH") + writes, "webhook.shop"))
    assert cycles(named("a", call % ("told", "PATCH") + writes, "webhook.told")) == []
    assert cycles(named("a", call % ("told", "PATCH"), "webhook.told"))


def test_many_flows_are_searched_soon() -> None:
    """Two hundred flows that raise what none of them begins with, and two that do."""
    many = [named(f"f{number}", LEAD, "closum.whatsapp.message_received") for number in range(200)]
    assert len(cycles(*many, named("a", CRM, "webhook.crm"), named("b", CRM, "webhook.crm"))) == 2
