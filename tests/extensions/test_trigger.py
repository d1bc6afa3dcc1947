"""A trigger is one file: reading, checks, schema, editor and reference follow from its declaration."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from contracts.published_schemas import PublishedSchema
from contracts.triggers.registry import collect
from services.cli.generate.files import schema
from services.cli.generate.reference_pages import triggers_page
from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.editor_schema import editor_schema
from services.flows.load import load_text
from tests.extensions import triggers

TRIGGERS = collect(triggers)
ADDED = TRIGGERS["closum.call.missed"]
FLOW = "flow: missed\non: closum.call.missed\nsteps:\n  - stop: ${{ trigger.{field} }}\n"


def test_its_example_is_read_as_flows_see_it() -> None:
    """Under the names of flows, whatever the sender's spelling; with who it is about, its own id and its moment."""
    read = ADDED.read(ADDED.example)
    assert (read.subject(), read.own_id()) == ("912345678", "c-17")
    assert read.happened() is not None
    assert read.model_dump()["caller"] == "912 345 678"


def test_what_senders_really_send() -> None:
    """A number for a text, another spelling, fields nobody knows; and what is refused."""
    read = ADDED.read({"phone": 912345678, "line": "sales"})
    assert (read.subject(), read.own_id(), read.raw) == ("912345678", None, {"line": "sales"})
    with pytest.raises(ValidationError):
        ADDED.read({"id": "c-17"})


def test_flows_that_begin_with_it_are_checked() -> None:
    """A misspelled field is told with the right one."""
    known = Catalogue(dict(TRIGGERS))
    right, wrong = (load_text(FLOW.format(field=field), "missed.yaml") for field in ("caller", "calle"))
    assert check(right[0], known) == []
    assert any("did you mean 'caller'" in mistake.text for mistake in check(wrong[0], known))


def test_it_is_shown_to_people() -> None:
    """In the reference, in editors by Closum's name, and as the schema that senders are given."""
    page = triggers_page(TRIGGERS.values())
    assert "## closum.call.missed\n\nSomebody called, and nobody took the call. Closum calls it “Call: Missed”." in page
    assert "| `caller` | string |" in page
    (named, _) = editor_schema(Catalogue(dict(TRIGGERS)))["definitions"]["trigger"]["anyOf"]
    assert named["description"] == "Call: Missed: Somebody called, and nobody took the call."
    published = schema(PublishedSchema("triggers/closum.call.missed", ADDED, ADDED.example))
    assert published["$id"] == "urn:closum-flows:triggers:closum.call.missed"
