"""A call of unknown outcome whose destination is asked: when, how often, and what follows from each word of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pydantic import BaseModel, Field

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.actions.attempt.perform import checked
from services.actions.attempt.states import Asking, Later, Waiting
from services.actions.attempt.verification import ask, judged
from services.actions.catalog import lead_add
from services.actions.catalog.http_request import Outputs as Answered
from services.actions.effect_verification import EffectAbsent, EffectHappened, EffectUnknown, Verdict
from services.actions.http_statuses import meaning_of
from services.actions.limits.evidence import Word, word_of
from services.actions.outcome import Done, Failed
from services.actions.registry import ACTIONS, ENDPOINTS
from services.closum.endpoint import Basis
from services.flows.catalogue import BaseInputs
from tests.unit.actions.calls import FakeCall

FAILED = Failed(ErrorCode.CALL_TIMED_OUT, "no answer", again=False, maybe=True, unknown=True)
LEAD: dict[str, Any] = {
    "name": "Inês",
    "email": "ines@example.com",
    "consent_email": True,
    "consent_sms": True,
    "update_enabled": False,
}
ORDER: dict[str, Any] = {"method": "POST", "url": "/orders", "repeat": "never", "json": {}}
HAS_ONE = {"type": "object", "required": ["orders"], "properties": {"orders": {"minItems": 1}}}


def inputs(action: str, given: dict[str, Any]) -> BaseInputs:
    """The model of an action's inputs."""
    found = checked(ACTIONS[action], given)
    assert isinstance(found, BaseInputs), found
    return found


def doubted(quiet_seconds: float) -> Asking:
    """A call that broke off just now."""
    return Asking(FAILED, 1, 0.0, quiet_seconds, since=0.0)


async def verdict(action: str, given: dict[str, Any], call: FakeCall) -> Verdict:
    """What an action's verify says."""
    return (await ask(ACTIONS[action], inputs(action, given), call))[0]


def test_not_there_is_believed_only_after_the_quiet_time() -> None:
    """Until then it is asked again, ever more rarely; at its end once more, and then the call may be made again."""
    waits: list[float] = []
    asking: Waiting | Asking = doubted(30)
    while isinstance(after := judged(cast("Asking", asking), EffectAbsent(), sum(waits)), Later):
        waits.append(after.seconds)
        asking = after.state
        assert after.here
    assert sum(waits) == 30
    assert waits == sorted(waits[:-1]) + waits[-1:]
    assert len(waits) < 12
    assert isinstance(after, Failed)
    assert (after.code, after.again, after.unknown, after.maybe) == (ErrorCode.CALL_TIMED_OUT, True, False, False)


def test_there_is_believed_at_once() -> None:
    """Its outputs are those of the call."""
    assert judged(doubted(30), EffectHappened(lead_add.Outputs(lead_id="7")), 0.0) == Done({"lead_id": "7"})


def test_what_cannot_be_told_stays_unknown_and_says_why() -> None:
    """After the quiet time, a person decides."""
    after = judged(doubted(0), EffectUnknown("it is away"), 0.0)
    assert isinstance(after, Failed)
    assert (after.unknown, after.again) == (True, False)
    assert after.cause == "no answer. Asked 1 times, the destination left it open: it is away"


@pytest.mark.parametrize("told", [5.0, 300.0])
def test_a_retry_after_that_it_answers_is_waited_for(told: float) -> None:
    """Also beyond the quiet time: whoever was told to come later has no answer yet."""
    after = judged(doubted(30), EffectUnknown("it is busy"), 29.9, told)
    assert isinstance(after, Later)
    assert told <= after.seconds <= told + 1
    assert isinstance(after.state, Asking)
    assert judged(after.state, EffectAbsent(), 29.9 + told) == Failed(
        FAILED.code, "no answer. The destination was asked, and the effect is not there", again=True
    )


def test_one_that_ends_in_hours_leaves_it_to_a_person() -> None:
    """At once: it is not asked before that time, and who waits behind it does not wait so long."""
    for now, told in ((0.0, 4_000.0), (3_000.0, 700.0)):
        after = judged(doubted(30), EffectUnknown("it is busy"), now, told)
        assert isinstance(after, Failed)
        assert after.unknown


async def test_a_lead_is_there_if_it_has_its_name() -> None:
    """One under another name may be another's; one that is not found is not there, if that is more than assumed."""
    found = {"status": True, "responseData": [{"lead_id": 7, "name": "Inês"}]}
    call = FakeCall(found)
    assert await verdict("closum.lead.add", LEAD, call) == EffectHappened(lead_add.Outputs(lead_id="7"))
    assert call.asked[0].query == {"email": "ines@example.com"}
    by_phone = {**LEAD, "email": "", "mobile_number": "+351912345678"}
    await verdict("closum.lead.add", by_phone, call)
    assert call.asked[1].query == {"mobile_number": "351912345678"}
    assert isinstance(await verdict("closum.lead.add", {**LEAD, "name": "Rui"}, call), EffectUnknown)
    seen = {"closum.lead.view": replace(ENDPOINTS["closum.lead.view"], basis=Basis.CONFIGURED)}
    gone = {"status": False, "code": 404}
    assert await verdict("closum.lead.add", LEAD, FakeCall(gone, endpoints=seen)) == EffectAbsent()
    assumed = await verdict("closum.lead.add", LEAD, FakeCall(gone))
    assert isinstance(assumed, EffectUnknown)
    assert "a row in closum.yaml" in assumed.why
    assert isinstance(await verdict("closum.lead.add", LEAD, FakeCall({"status": False, "code": 422})), EffectUnknown)


async def test_a_wrong_path_is_no_word_on_a_lead() -> None:
    """HTTP 404 can mean that the path, which is assumed, is wrong: only Closum's own 404 says that nothing is there."""
    lost = CallFailedError(ErrorCode.CALL_REJECTED, "HTTP 404")
    assert isinstance(await verdict("closum.lead.add", LEAD, FakeCall(lost)), EffectUnknown)


@pytest.mark.parametrize(
    ("check", "status", "body", "kind"),
    [
        ({}, 200, {"id": 1}, EffectHappened),
        ({}, 404, {}, EffectAbsent),
        ({}, 410, {}, EffectAbsent),
        ({"expect_status": [302]}, 302, {}, EffectHappened),
        ({"absent_status": [204]}, 204, b"", EffectAbsent),
        ({"json_schema": HAS_ONE}, 200, {"orders": [1]}, EffectHappened),
        ({"json_schema": HAS_ONE}, 200, {"orders": []}, EffectAbsent),
        ({"json_schema": HAS_ONE}, 200, b"<html>", EffectUnknown),
    ],
)
async def test_http_request_asks_as_the_flow_says(check: dict[str, Any], status: int, body: Any, kind: type) -> None:
    """By status and schema. An answer that is no JSON, where JSON was expected, is no word at all."""
    verify = {"url": "/orders", "query": {"reference": "e1"}, **check}
    call = FakeCall(body, status=status)
    found = await verdict("http.request", {**ORDER, "verify": verify}, call)
    assert isinstance(found, kind)
    assert (call.asked[0].method, call.asked[0].url, call.asked[0].query) == ("GET", "/orders", {"reference": "e1"})
    assert call.asked[0].accept is not None
    assert 500 not in call.asked[0].accept


async def test_an_answer_that_the_flow_could_not_read_leaves_it_open() -> None:
    """The outputs are those of the call: they must be of its type."""
    given = {**ORDER, "json_schema": {"required": ["id"]}, "verify": {"url": "/orders"}}
    assert isinstance(await verdict("http.request", given, FakeCall({"orders": [1]})), EffectUnknown)
    found = await verdict("http.request", given, FakeCall({"id": 7}))
    assert isinstance(found, EffectHappened)
    assert isinstance(found.outputs, Answered)


async def test_a_fault_of_the_asking_is_no_word() -> None:
    """Whatever an action's verify raises."""
    found, came = await ask(ACTIONS["http.request"], inputs("http.request", ORDER), FakeCall({}))
    assert (found, came) == (EffectUnknown("the action has no way to ask"), Done({}))
    found, came = await ask(ACTIONS["closum.lead.add"], inputs("closum.lead.add", LEAD), FakeCall([1]))
    assert isinstance(found, EffectUnknown)
    assert isinstance(came, Failed)

    async def broken(_inputs: Any, _call: Any) -> Verdict:
        raise ZeroDivisionError

    action = replace(ACTIONS["http.request"], verify=broken)
    found, came = await ask(action, inputs("http.request", ORDER | {"verify": {"url": "/x"}}), FakeCall({}))
    assert found == EffectUnknown("http.request: ZeroDivisionError")
    assert came == Failed(ErrorCode.BUG, "http.request: ZeroDivisionError", again=False)


async def test_why_it_cannot_be_told_is_what_the_asking_failed_of() -> None:
    """Cut to a length that fits."""
    away = CallFailedError(ErrorCode.CALL_REFUSED, "x" * 501)
    found, _ = await ask(ACTIONS["closum.lead.add"], inputs("closum.lead.add", LEAD), FakeCall(away))
    assert found == EffectUnknown("x" * 500)


def test_what_is_there_has_the_names_that_flows_see() -> None:
    """As the outputs of any call."""

    class Named(BaseModel):
        ok: bool = Field(serialization_alias="OK")

        at: datetime = datetime(2026, 1, 2, tzinfo=UTC)

    found = judged(doubted(30), EffectHappened(Named(ok=True)), 0.0)
    assert found == Done({"OK": True, "at": "2026-01-02T00:00:00Z"})


@pytest.mark.parametrize("repeat", [{"method": "PUT"}, {"repeat": "keyed"}, {"repeat": "always"}])
def test_verify_is_for_what_must_not_be_made_twice(repeat: dict[str, str]) -> None:
    """Elsewhere the call is simply made again."""
    given = {"method": "POST", "url": "/orders", "verify": {"url": "/orders"}, **repeat}
    found = checked(ACTIONS["http.request"], given)
    assert isinstance(found, Failed)
    assert "repeat: never" in found.cause


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, Word.AWAY), (403, Word.DENIED), (405, Word.DENIED), (429, Word.BUSY), (503, Word.BUSY), (500, Word.FAILED)],
)
async def test_what_a_destination_says_when_it_is_asked_speaks_of_its_health(status: int, word: Word) -> None:
    """As any call's answer: one that is denied says nowhere that the connection is well."""
    given = ORDER | {"verify": {"url": "/orders/1"}}
    refused = CallFailedError(meaning_of(status).code, "no", status=status, retry_after_seconds=7.0)
    found, came = await ask(ACTIONS["http.request"], inputs("http.request", given), FakeCall(refused))
    assert isinstance(found, EffectUnknown)
    assert word_of(came) is word
    assert isinstance(came, Failed)
    assert came.retry_after_seconds == 7.0
