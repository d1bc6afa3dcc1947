"""A text goes where only so many characters fit if it surely has no more."""

from __future__ import annotations

from typing import Any

import pytest

from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.declared_triggers import Places, declared
from services.flows.load import load_text
from services.project.catalogue import catalogue
from tests.support.flows import flow_text

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "note", "tags", "words", "total"],
    "properties": {
        "id": {"type": "string", "maxLength": 250, "minLength": 1},
        "name": {"type": "string", "maxLength": 250, "minLength": 1},
        "note": {"type": "string"},
        "kind": {"enum": ["a", "b"]},
        "total": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 100}},
        "words": {"type": "array", "items": {"type": "string"}},
    },
}
REAL = catalogue()
KNOWN = Catalogue(
    {**REAL.triggers, "webhook.form": declared("webhook.form", SCHEMA, Places(), {})}, REAL.tools, REAL.actions
)
NAME = "- action: closum.contact.add_tag\n  connection: closum\n  with: { contact_id: x, tag: %s }\n"
TAGS = "- action: closum.lead.update\n  connection: closum\n  with: { lead_id: x, tags: %s }\n"
TOOL = "- id: made\n  tool: %s\n  with: { %s }\n"
TEXT = "text: '${ trigger.name }'"


def told(steps: str, on: str = "webhook.form") -> list[str]:
    """What is wrong, with the real catalogue."""
    sources, faults = load_text(flow_text(steps, on=on))
    return [fault.text for fault in [*faults, *check(sources, KNOWN)]]


def made(tool: str, inputs: str, output: str) -> str:
    """A tool, of which an output goes where 250 characters fit, and at least one."""
    return TOOL % (tool, inputs) + NAME % f"""'${{ made.{output} == "" ? "x" : made.{output} }}'"""


RIGHT = {
    "as long as fits": NAME % "'${ trigger.name }'",
    "each of a list": TAGS % "'${ trigger.tags }'",
    "some of a list": TAGS % """'${ trigger.tags.filter(each, each != "x").map(each, each.trim() + "!") }'""",
    "lists put together": TAGS % "'${ trigger.tags + [trigger.name] }'",
    "in a list": TAGS % "[a, '${ trigger.name }']",
    "one of a list": NAME % """'${ trigger.words.size() > 9 ? "a" : "b" + trigger.tags[?0].orValue("") }'""",
    "put together": NAME % """'${ "n " + trigger.tags[?0].orValue("none") + string(trigger.total) }'""",
    "text around it": NAME % "'n ${ trigger.total }'",
    "one of some": NAME % """'${ trigger.?kind.orValue("c") }'""",
    "kept by set": "- set: { a: '${ trigger.name }' }\n" + NAME % "'${ a }'",
    "trimmed": NAME % """'${ trigger.name.trim() == "" ? "x" : trigger.name.trim() }'""",
    "cut": made("text.truncate", "text: '${ trigger.note }', length: 250", "text"),
    "titled": made("text.title", TEXT, "text"),
    "trimmed by a tool": made("text.trim", TEXT, "text"),
    "a default": made("text.default", "values: ['${ trigger.name }'], default: x", "text"),
    "a slug": made("text.slug", "text: '${ trigger.note }', length: 200", "slug"),
    "a part of a name": made("name.split", "name: '${ trigger.name }'", "first"),
    "a part of a text": made("text.split", TEXT, "first"),
    "all parts": TOOL % ("text.split", TEXT) + TAGS % "'${ made.items }'",
    "nobody knows": "- id: call\n  action: http.request\n  connection: crm\n  with: { method: GET, url: /a }\n"
    + NAME % """'${ "a" + string(call.json.name) + call.json.a }'""",
    "a key of any length": "- tool: deduplicate\n  with: { key: 'a ${ trigger.note }', within: 1h }\n",
    "read by a tool": "- tool: phone.format\n  with: { number: '${ trigger.note }' }\n- tool: country\n"
    "  with: { country: '${ trigger.note }' }\n",
    "a body": "- action: http.request\n  connection: crm\n"
    "  with: { method: POST, url: /a, json: { a: '${ trigger.note }' }, query: { b: '${ trigger.note }' } }\n",
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_fits_is_right(case: str) -> None:
    """Wherever a text is made of others, it is known how long it can be."""
    assert told(RIGHT[case]) == []


CUT = "cut it with `text.truncate`, `length: 250`"
ANY = f"it is of any length, and at most 250 characters fit: give its field a `maxLength` in the schema that it comes by, or {CUT}"
WRONG = {
    "of any length": (NAME % "'${ \"a\" + trigger.note }'", ANY),
    "text around it": (NAME % "'a ${ trigger.name }'", f"it is of up to 252 characters, and at most 250 fit: {CUT}"),
    "put together": (NAME % "'${ trigger.name + trigger.id }'", "it is of up to 500 characters"),
    "each of a list": (TAGS % "'${ trigger.words }'", f"each of it is a text; {ANY}"),
    "in a list": (TAGS % "['${ trigger.note }']", ANY),
    "some of a list": (TAGS % "'${ trigger.words.filter(each, each != \"\") }'", ANY),
    "one of two": (NAME % "'${ trigger.total > 1.0 ? trigger.name : \"a\" + trigger.note }'", ANY),
    "cut at more": (made("text.truncate", "text: '${ trigger.note }', length: 251", "text"), "of up to 251"),
    "a default": (made("text.default", "values: ['${ trigger.name }', '${ trigger.note }'], default: x", "text"), ANY),
    "titled": (made("text.title", "text: '${ trigger.note }'", "text"), ANY),
    "replaced": (NAME % "'${ \"a\" + trigger.name.replace(\"a\", \"bb\") }'", ANY),
    "another type": (TAGS % "'${ trigger.total > 1.0 ? [1] : [2] }'", "is a list of which each is a text"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_may_be_longer_is_a_mistake_that_says_what_to_do(case: str) -> None:
    """The bound, what it can have, and the ways out of it."""
    steps, text = WRONG[case]
    (found,) = told(steps)
    assert text in found


def test_what_closum_sends_goes_into_its_own_fields() -> None:
    """One declaration of each field: nothing has to be cut between a trigger and an action."""
    whole = (
        "- if: ${ trigger.contact_id == '' || trigger.name == '' }\n  then: [ { stop: no } ]\n"
        "- id: seen\n  action: closum.lead.view\n  connection: closum\n  with: { lead_id: '${ trigger.contact_id }' }\n"
        "- action: closum.lead.update\n  connection: closum\n"
        "  with: { lead_id: '${ trigger.contact_id }', name: '${ trigger.name }', tags: '${ trigger.tags + seen.tags }' }\n"
        "- if: ${ seen.lead_id != '' }\n  then:\n    - action: closum.lead.update\n      connection: closum\n"
        "      with: { lead_id: '${ seen.lead_id }', name: '${ seen.name }', tags: '${ seen.tags }' }\n"
    )
    assert told(whole, "closum.contact.updated") == []
