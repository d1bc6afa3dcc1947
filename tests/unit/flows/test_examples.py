"""The examples that a newcomer starts from are right, with the real catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.events import Event
from contracts.runs import Answer, Outcome
from contracts.triggers.payload import Payload
from services.flows.advance import advance, begin
from services.flows.check import check
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.load import load_paths
from services.flows.outcomes import Act, End
from services.project.catalogue import catalogue

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGUE = catalogue([EXAMPLES])


def flow(name: str) -> CompiledFlow:
    """A compiled example."""
    (source,), faults = load_paths([EXAMPLES / f"{name}.yaml"])
    assert faults == []
    return compile_flow(source, CATALOGUE.tools)


def event(trigger: str, **data: Any) -> Event:
    """The trigger's own example, changed."""
    model = CATALOGUE.triggers[trigger]
    assert issubclass(model, Payload)
    payload = orjson.loads(model.read({**model.example, **data}).to_json())
    return Event(id="e", source="/hooks/a", type=trigger, subject="s", data=payload)


def test_every_example_passes_the_check() -> None:
    """With the connections that they name."""
    sources, faults = load_paths([EXAMPLES])
    assert len(sources) >= 2
    assert [
        str(fault) for fault in [*faults, *check(sources, CATALOGUE, {"closum", "crm", "slack", "companies"})]
    ] == []


def test_no_example_needs_a_reason_why_it_does_not_loop() -> None:
    """A newcomer copies them: what is suppressed, recognised or breaks off by a condition needs no promise."""
    assert [source.name for source in load_paths([EXAMPLES])[0] if source.flow.allow_cycle is not None] == []


def test_a_whatsapp_message_goes_to_the_crm() -> None:
    """With a number in E.164; a sender without a number is filtered."""
    example = flow("whatsapp-to-crm")
    act = advance(example, begin(example, event("closum.whatsapp.message_received")))
    assert isinstance(act, Act)
    assert (act.request.action, act.request.connection, act.request.last) == ("http.request", "crm", True)
    assert act.request.inputs == {
        "method": "POST",
        "url": "/contacts",
        "json": {"phone": "+351912345678", "name": "Inês Conceição", "text": "Olá! Quero saber mais 🙂"},
    }
    end = advance(example, begin(example, event("closum.whatsapp.message_received", **{"from": "unknown"})))
    assert isinstance(end, End)
    assert (end.outcome, end.reason) == (Outcome.FILTERED, "not a phone number")


@pytest.mark.parametrize(
    ("data", "fields", "says_hello"),
    [
        ({}, {"email": "joao.goncalves@example.com", "mobile_number": "351912345678"}, True),
        ({"phone": "12"}, {"email": "joao.goncalves@example.com", "mobile_number": ""}, False),
        ({"email": "no"}, {"email": "", "mobile_number": "351912345678"}, True),
    ],
)
def test_a_new_contact_becomes_a_lead(data: dict[str, Any], fields: dict[str, Any], says_hello: bool) -> None:  # noqa: FBT001 - a table's column
    """With what is valid of it; who has a phone gets a message."""
    example = flow("new-contact-to-closum")
    act = advance(example, begin(example, event("webhook.platform", **data)))
    assert isinstance(act, Act)
    inputs = act.request.inputs
    assert act.request.action == "closum.lead.add"
    assert {name: inputs[name] for name in fields} == fields
    assert (inputs["consent_email"], inputs["consent_sms"]) == (True, False)  # as sent, whatever is valid
    CATALOGUE.actions["closum.lead.add"].inputs.model_validate(inputs)
    answer = Answer(effect_id=act.request.effect_id, step=act.request.step, outputs={"lead_id": "1"})
    following = advance(example, act.request.run, answer=answer)
    if says_hello:
        assert isinstance(following, Act)
        assert following.request.action == "closum.whatsapp.send_template"
        CATALOGUE.actions["closum.whatsapp.send_template"].inputs.model_validate(following.request.inputs)
    else:
        assert isinstance(following, End)
        assert following.outcome is Outcome.DELIVERED


def test_a_contact_that_cannot_be_reached_is_filtered() -> None:
    """Neither phone nor e-mail."""
    example = flow("new-contact-to-closum")
    end = advance(example, begin(example, event("webhook.platform", email="no", phone="12")))
    assert isinstance(end, End)
    assert end.outcome is Outcome.FILTERED
