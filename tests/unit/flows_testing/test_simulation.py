"""A case is played as production would: same language, state, calls; time without waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.errors import ErrorCode
from contracts.runs import Outcome
from services.flows.testing.coverage import path_of
from services.flows.testing.events import CaseError
from tests.support.flows_testing import flow, stories

CRM = """
flow: to-crm
on: closum.whatsapp.message_received
steps:
  - id: crm
    action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { text: "${ trigger.text }" } }
    on_error: continue
  - if: ${ has(crm.status) && crm.status == 201 }
    then:
      - action: http.request
        connection: crm
        with: { method: PUT, url: "/contacts/${ crm.json.id }", json: { new: true } }
    else:
      - stop: not made
"""
ONE = """
cases:
  - name: one
    given: { data: { from: "351912345678", text: olá } }
"""


def test_the_answer_to_a_request_is_read_by_the_actions_own_code() -> None:
    (story,) = stories(flow(CRM), ONE + "    answers: [{ http: POST */contacts, status: 201, json: { id: 7 } }]")

    assert story.outcome is Outcome.DELIVERED
    assert [call.inputs["url"] for call in story.calls] == ["/contacts", "/contacts/7"]


def test_a_status_that_is_no_success_is_the_error_that_production_has() -> None:
    (story,) = stories(flow(CRM), ONE + "    answers: [{ http: POST */contacts, status: 403 }]")

    assert story.calls[0].error is not None
    assert story.calls[0].error.code is ErrorCode.CREDENTIALS_REFUSED
    assert (story.outcome, story.reason) == (Outcome.FILTERED, "not made")


def test_outputs_and_errors_stand_for_a_whole_action() -> None:
    text = ONE + "    answers: [{ action: http.request, with: { url: /contacts }, error: call_timed_out }]"
    (story,) = stories(flow(CRM), text)

    assert path_of(flow(CRM).flow, story.trace) == ["crm: on_error", "if 1: else", "stop 1.else.0"]


def test_an_answer_counts_its_uses_and_leaves_the_rest_to_the_next() -> None:
    text = """
cases:
  - name: twice
    given: [{ data: { from: "351912345678", text: a } }, { data: { from: "351912345678", text: b } }]
    answers:
      - { http: POST contacts, times: 1, status: 500 }
      - { http: POST contacts, status: 201, json: { id: 1 } }
"""
    first, second = stories(flow(CRM), text)

    assert (first.outcome, second.outcome) == (Outcome.FILTERED, Outcome.DELIVERED)


def test_an_answer_fits_by_what_is_sent() -> None:
    text = ONE + "    answers: [{ http: POST contacts, sent: { text: nein } }, { http: 'POST *', status: 409 }]"
    (story,) = stories(flow(CRM), text)

    assert story.calls[0].error is not None
    assert story.calls[0].error.code is ErrorCode.CALL_REJECTED


def test_a_call_whose_outputs_are_used_needs_an_answer() -> None:
    with pytest.raises(CaseError, match=r"no answer for crm \(http\.request .*answers"):
        stories(flow(CRM), ONE)


def test_a_call_whose_outputs_nobody_uses_is_done_without_an_answer() -> None:
    text = CRM.partition("  - if:")[0].replace("    on_error: continue\n", "")
    (story,) = stories(flow(text), ONE)

    assert story.outcome is Outcome.DELIVERED


def test_inputs_that_the_action_refuses_end_the_run_as_in_production() -> None:
    text = CRM.partition("    on_error")[0].replace("/contacts", '"${ dyn(trigger).text }"')
    (story,) = stories(flow(text), ONE.replace("olá", '""'))

    assert (story.outcome, story.code) == (Outcome.DEAD, ErrorCode.INPUT_INVALID)


def test_state_lives_as_long_as_its_case_and_time_is_virtual() -> None:
    once = """
flow: once
on: closum.whatsapp.message_received
steps:
  - id: once
    tool: deduplicate
    with: { key: "${ trigger.from }", within: 3d }
  - action: http.request
    with: { method: GET, url: "https://crm.example.com/" }
"""
    given = """
cases:
  - name: three
    given:
      - { data: { from: "351912345678", text: a } }
      - { data: { from: "351912345678", text: b }, after: 2d }
      - { data: { from: "351912345678", text: c }, after: 2d }
"""
    found = stories(flow(once), given)

    assert [story.outcome for story in found] == [Outcome.DELIVERED, Outcome.FILTERED, Outcome.DELIVERED]
    assert found[2].began - found[0].began == timedelta(days=4)


def test_a_digest_is_released_by_time_and_tells_when() -> None:
    text = """
flow: daily
on: closum.whatsapp.message_received
steps:
  - id: texts
    tool: digest
    with: { key: everybody, item: "${ trigger.text }", within: 24h, count: 100 }
  - action: http.request
    with: { method: POST, url: "https://chat.example.com/", json: { texts: "${ texts.items }" } }
"""
    given = """
cases:
  - name: two
    given:
      - { data: { from: "351912345678", text: a } }
      - { data: { from: "351912345678", text: b }, after: 1h }
"""
    first, second = stories(flow(text), given)

    assert (first.outcome, second.outcome) == (Outcome.DELIVERED, Outcome.FILTERED)
    assert first.calls[0].inputs["json"] == {"texts": ["a", "b"]}
    assert first.calls[0].after_seconds == first.after_seconds == 86_400
    assert path_of(flow(text).flow, first.trace) == ["texts", "action 1"]


WAITS = """
flow: reminder
on: closum.lead.created
steps:
  - wait: 2d
    cancel_on:
      trigger: closum.whatsapp.message_received
      key: ${ trigger.mobile_number }
  - action: http.request
    with: { method: POST, url: "https://chat.example.com/", json: {} }
"""


def test_a_wait_takes_no_time_and_its_call_says_when_it_came() -> None:
    (story,) = stories(flow(WAITS), "cases: [{ name: x, given: { example: true } }]")

    assert (story.outcome, story.calls[0].after_seconds) == (Outcome.DELIVERED, 2 * 86_400)
    assert path_of(flow(WAITS).flow, story.trace) == ["wait 0: due", "action 1"]


def test_an_event_ends_a_wait_that_has_its_key_and_no_other() -> None:
    given = """
cases:
  - name: two leads, one answers
    given:
      - { trigger: closum.lead.created, data: { lead_id: "1", mobile_number: "+351912345678" } }
      - { trigger: closum.lead.created, data: { lead_id: "2", mobile_number: "+351912345679" } }
      - { trigger: closum.whatsapp.message_received, data: { from: "351912345678", text: hello }, after: 1d }
"""
    first, second = stories(flow(WAITS), given)

    assert (first.outcome, first.calls, first.after_seconds) == (Outcome.FILTERED, [], 86_400)
    assert path_of(flow(WAITS).flow, first.trace) == ["wait 0: cancelled"]
    assert second.outcome is Outcome.DELIVERED


def test_an_event_that_comes_too_late_ends_nothing() -> None:
    given = """
cases:
  - name: late
    given:
      - { trigger: closum.lead.created, data: { lead_id: "1", mobile_number: "+351912345678" } }
      - { trigger: closum.whatsapp.message_received, data: { from: "351912345678", text: hello }, after: 3d }
"""
    (story,) = stories(flow(WAITS), given)

    assert story.outcome is Outcome.DELIVERED


def test_the_same_event_again_is_a_duplicate() -> None:
    given = """
cases:
  - name: again
    given: [{ id: a, example: true }, { id: a, example: true }]
    answers: [{ http: 'POST *', status: 500 }]
"""
    found = stories(flow(CRM), given)

    assert [story.outcome for story in found] == [Outcome.FILTERED, Outcome.DUPLICATE]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{ trigger: closum.whatsapp.mesage_received }", "did you mean 'closum.whatsapp.message_received'"),
        ("{ trigger: closum.lead.created, example: true }", "neither begins with 'closum.lead.created'"),
        ("{ data: { text: hello } }", "ingest would refuse this payload"),
        ("{ example: true, by_us: true }", "is for what our calls make and closum.lead.created tells of"),
        ("[{ example: true }, { example: true, at: 2020-01-01T00:00:00Z }]", "before the one before it"),
    ],
)
def test_a_case_that_cannot_be_played_says_why(given: str, says: str) -> None:
    with pytest.raises(CaseError, match=says):
        stories(flow(CRM), f"cases: [{{ name: x, given: {given} }}]")


LEADS = """
flow: welcome
on: closum.lead.created
steps:
  - if: ${ trigger.by_us }
    then:
      - stop: ours
"""


def test_a_lead_that_we_made_is_given_as_such() -> None:
    """And cannot be sent as such, as in production."""
    case = "cases: [{ name: a, given: { example: true, %s } }]"
    (ours,) = stories(flow(LEADS), case % "by_us: true")
    (sent,) = stories(flow(LEADS), case % "data: { by_us: true }")
    assert (ours.outcome, sent.outcome) == (Outcome.FILTERED, Outcome.DELIVERED)


def test_outputs_that_the_action_never_gives_are_a_mistake_of_the_test() -> None:
    with pytest.raises(CaseError, match="status"):
        stories(flow(CRM), ONE + "    answers: [{ action: http.request, outputs: { status: many } }]")
