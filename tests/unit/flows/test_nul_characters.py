"""A text that holds NUL comes whole into an expression: the binding of CEL would end it there without a word."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.runs import Answer
from services.flows.advance import advance
from services.flows.nul_characters import without_nul
from services.flows.outcomes import Act, Next
from services.tools.event_reading import event_of
from tests.support.flows import compiled, event, first

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from("a\0"), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)
STEPS = """\
- id: call
  action: http.call
  with: { method: POST, url: /, json: { a: "${ trigger.id }" } }
- action: sms.send
  connection: gateway
  with: { to: "+351912345678", text: "${ string(call.status) + '!' }", consent: true }
"""


def act(result: Next) -> Act:
    """It asks for a call."""
    assert isinstance(result, Act), result
    return result


def test_what_an_answer_holds_after_a_nul_is_not_lost() -> None:
    """Calls give back what strangers wrote."""
    flow = compiled(STEPS)
    request = act(first(flow)).request
    answer = Answer(effect_id=request.effect_id, step=request.step, outputs={"status": "one\0two"})
    assert act(advance(flow, request.run, answer=answer)).request.inputs["text"] == "onetwo!"


def test_what_a_producer_sends_after_a_nul_is_not_lost() -> None:
    """Also for a trigger whose schema is not here."""
    sent = event(name="one\0two").model_copy(update={"type": "webhook.shop", "accepted": None})
    assert event_of(sent.to_bytes()).data["name"] == "onetwo"


@given(JSON)
def test_no_text_or_key_keeps_one_and_all_else_stays(value: Any) -> None:
    """At any depth; twice is once."""
    clean = without_nul(value)
    assert "\0" not in repr(clean).replace("\\x00", "\0")
    assert without_nul(clean) == clean
    if "\\x00" not in repr(value):
        assert clean == value
