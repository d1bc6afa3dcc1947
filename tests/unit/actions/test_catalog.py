"""What each action asks of its destination, and what it makes of the answer."""

from __future__ import annotations

import base64
import email
import email.message
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from contracts.errors import ErrorCode
from contracts.writes import Sets
from services.actions.action import Implementation, action
from services.actions.action_call import ActionCall, CallFailedError
from services.actions.catalog import http_request, lead_add, whatsapp_send_template
from services.actions.registry import ACTIONS, collect, signatures
from services.flows.catalogue import Group, Guarantee
from services.flows.idempotency import IdempotencyKey
from services.flows.input_rules import guarantee_of
from tests.unit.actions.calls import FakeCall

GOOD = {"status": True, "code": 200, "message": "ok", "responseData": [{"lead_id": 7, "message_id": "wamid.1"}]}
LEAD = {"name": "Inês", "email": "ines@example.com", "consent_email": True, "consent_sms": False}


async def run(name: str, inputs: dict[str, Any], call: FakeCall) -> dict[str, Any]:
    """One run of an action, as the worker does it."""
    one = ACTIONS[name]
    outputs = await one.run(one.signature.inputs.model_validate(inputs), call)
    return outputs.model_dump(mode="json", by_alias=True)


def test_what_reaches_a_person_is_never_sent_twice_by_itself() -> None:
    """A message, and whatever else `Communication` gets, is at most once; each action has its connection but one."""
    actions = signatures().values()
    sending = {one.name: one.guarantee for one in actions if one.group is Group.COMMUNICATION}
    assert sending.keys() >= {"closum.email.send_template", "closum.sms.send", "closum.whatsapp.send_template"}
    assert set(sending.values()) == {Guarantee.AT_MOST_ONCE}
    assert [one.name for one in actions if not one.needs_connection] == ["http.request"]
    assert all(one.line.endswith(".") for one in actions)


def test_a_declaration_tells_all_that_it_lacks() -> None:
    """At import, not at the first call."""

    async def bare(inputs: BaseModel, call: ActionCall) -> None: ...

    with pytest.raises(TypeError, match=r"no model `Inputs`.*no docstring"):
        action("x.y", title="X: Y", group=Group.OTHER, guarantee=Guarantee.KEYED, examples=[])(bare)


@pytest.mark.parametrize(
    ("writes", "told"),
    [
        (Sets("closum", {"email": "e_mail"}), "writes: no input 'e_mail': did you mean 'email'?"),
        (Sets("closum", {"email": "email"}, fields=("nmae",)), "writes: no input 'nmae': did you mean 'name'?"),
        (Sets("closum", {"email": "email"}, adds={"tags": "tag"}), "writes: no input 'tag': did you mean 'tags'?"),
        (Sets("closum", {"email": "email"}, makes="closum.lead.made", made="lead_id"), "not among `raises`"),
        (Sets("closum", {"email": "email"}, makes="closum.lead.created", made="id"), "writes: no output 'id'"),
    ],
)
def test_what_an_action_writes_fits_its_inputs_and_outputs(writes: Sets, told: str) -> None:
    """A name that is none is told at import: else two-way sync would take our own write for a change."""
    lead = ACTIONS["closum.lead.add"]
    with pytest.raises(TypeError) as caught:
        action(
            "closum.lead.other",
            title="Lead: Other",
            group=Group.LEADS,
            guarantee=Guarantee.REPEATABLE,
            examples=lead.signature.examples,
            raises=("closum.lead.created",),
            writes=writes,
        )(lead.run)
    assert told in str(caught.value)


def test_two_actions_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever file comes first would win otherwise."""
    package = ModuleType("tests.unit.actions.twice")
    package.__path__ = ["nowhere"]
    one: Implementation = ACTIONS["http.request"]
    twice = ModuleType(one.run.__module__)
    twice.__dict__.update(first=one, second=one)
    monkeypatch.setattr("pkgutil.iter_modules", lambda _path: [type("Info", (), {"name": "a"})()])
    monkeypatch.setattr("importlib.import_module", lambda _name: twice)
    with pytest.raises(TypeError, match=r"'http\.request'"):
        collect(package)


# closum.lead.add


async def test_a_lead_is_added() -> None:
    """Empty and absent fields are left out; an existing lead is updated, so that a repetition is harmless."""
    call = FakeCall(GOOD)
    given = {**LEAD, "mobile_number": "+351912345678", "tags": ["a"], "birth_date": "1990-02-01", "custom_data": None}
    assert await run("closum.lead.add", given, call) == {"lead_id": "7"}
    asked = call.asked[0]
    assert (asked.method, asked.url, asked.guarantee) == ("POST", "lead/add/", Guarantee.REPEATABLE)
    assert asked.json == {
        **LEAD,
        "mobile_number": "351912345678",
        "tags": ["a"],
        "birth_date": "1990-02-01",
        "update_enabled": True,
    }


async def test_a_lead_that_must_be_new_is_never_added_twice() -> None:
    """What Closum makes of the second call is not known."""
    call = FakeCall(GOOD)
    await run("closum.lead.add", {**LEAD, "update_enabled": False}, call)
    assert call.asked[0].guarantee is Guarantee.AT_MOST_ONCE
    assert call.asked[0].json["update_enabled"] is False


@pytest.mark.parametrize("name", [{}, {"name": ""}])
async def test_a_lead_needs_no_more_than_a_phone_and_what_was_agreed_to(name: dict[str, str]) -> None:
    """As Closum's reference says."""
    call = FakeCall(GOOD)
    agreed = {"consent_email": False, "consent_sms": True}
    assert await run("closum.lead.add", {"mobile_number": "+351912345678", **agreed, **name}, call)
    assert call.asked[0].json == {"mobile_number": "351912345678", **agreed, "update_enabled": True}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": None}, "email or mobile_number"),
        ({"email": "", "mobile_number": ""}, "email or mobile_number"),
        ({"mobile_number": "912 345 678"}, "mobile_number"),
        ({"contact_lifecycle_stage_id": 10}, "contact_lifecycle_stage_id"),
        ({"name": "x" * 251}, "name"),
        ({"birth_date": "yesterday"}, "birth_date"),
        ({"nmae": "x"}, "nmae"),
    ],
)
def test_a_lead_that_closum_would_refuse(change: dict[str, Any], field: str) -> None:
    """Found before anything is sent."""
    with pytest.raises(ValidationError, match=field):
        lead_add.Inputs.model_validate({**LEAD, **change})


# closum.whatsapp.send_template


async def test_a_template_is_sent() -> None:
    """A second message is a second message."""
    call = FakeCall(GOOD)
    given = {"to": "351912345678", "template": "welcome", "language": "pt_PT", "parameters": ["Inês"]}
    assert await run("closum.whatsapp.send_template", {**given, "to": "+351912345678"}, call) == {
        "message_id": "wamid.1"
    }
    asked = call.asked[0]
    assert (asked.url, asked.guarantee, asked.json) == ("whatsapp/send-template/", Guarantee.AT_MOST_ONCE, given)


@pytest.mark.parametrize("change", [{"to": "912 345 678"}, {"to": ""}, {"language": "portuguese"}, {"template": ""}])
def test_a_template_that_cannot_be_sent(change: dict[str, Any]) -> None:
    """Found before anything is sent."""
    given = {"to": "351912345678", "template": "welcome", "language": "pt_PT"}
    with pytest.raises(ValidationError):
        whatsapp_send_template.Inputs.model_validate({**given, **change})


# Closum's answers: HTTP 200 says nothing


@pytest.mark.parametrize(
    ("answer", "code", "retriable", "effect_possible"),
    [
        ({"status": False, "code": 409, "message": "exists"}, ErrorCode.CALL_REJECTED, False, False),
        ({"status": False, "code": 200, "message": "odd"}, ErrorCode.CALL_REJECTED, False, False),
        ({"status": False, "code": "402"}, ErrorCode.CALL_REJECTED, False, False),
        ({"status": False, "code": None}, ErrorCode.CALL_REJECTED, False, False),
        ({"status": "false", "code": "what"}, ErrorCode.CALL_REJECTED, False, False),
        ({"status": False, "code": 401}, ErrorCode.CREDENTIALS_REFUSED, False, False),
        ({"status": False, "code": 429}, ErrorCode.DESTINATION_BUSY, True, False),
        ({"status": False, "code": 500}, ErrorCode.DESTINATION_FAILED, True, True),
        ({"status": True, "success": False, "code": 503}, ErrorCode.DESTINATION_BUSY, True, False),
        ({"status": True, "code": 200, "responseData": []}, ErrorCode.ANSWER_INVALID, False, True),
        ({"status": True, "code": 200}, ErrorCode.ANSWER_INVALID, False, True),
        ({"ok": True}, ErrorCode.ANSWER_INVALID, False, True),
        (["status"], ErrorCode.ANSWER_INVALID, False, True),
        (b'{"status": tr', ErrorCode.ANSWER_INVALID, False, True),
        (b"", ErrorCode.ANSWER_INVALID, False, True),
    ],
)
async def test_an_answer_that_is_no_success(
    *, answer: Any, code: ErrorCode, retriable: bool, effect_possible: bool
) -> None:
    """The body decides, and its code says whether a later try may succeed."""
    with pytest.raises(CallFailedError) as raised:
        await run("closum.lead.add", LEAD, FakeCall(answer))
    error = raised.value
    assert (error.code, error.retriable, error.effect_possible) == (code, retriable, effect_possible)
    assert "lead/add/" in error.cause or "not JSON" in error.cause


# http.request


async def test_a_json_answer() -> None:
    """The body is read; cookies are not handed on."""
    call = FakeCall({"id": 1, "x": None}, 201, {"content-type": "application/json", "set-cookie": "a=b"})
    given = {
        "method": "POST",
        "url": "/contacts",
        "json": {"a": [1, None]},
        "query": {"q": "é", "n": True},
        "headers": {"X-A": "b"},
        "expect_status": [201],
    }
    assert await run("http.request", given, call) == {
        "status": 201,
        "headers": {"content-type": "application/json"},
        "json": {"id": 1, "x": None},
        "text": "",
    }
    asked = call.asked[0]
    assert (asked.method, asked.url, asked.query) == ("POST", "/contacts", {"q": "é", "n": True})
    assert (asked.headers, asked.json, asked.accept) == ({"X-A": "b"}, {"a": [1, None]}, frozenset({201}))


async def test_a_null_is_not_sent_but_in_json() -> None:
    """`next: ${ page.json.next }` of a last page asks for no `next`; in a body of JSON a null says something."""
    call = FakeCall({})
    given = {"method": "GET", "url": "/", "query": {"next": None, "n": 1}, "headers": {"X-A": None, "X-B": "b"}}
    await run("http.request", given, call)
    assert (call.asked[0].query, call.asked[0].headers) == ({"n": 1}, {"X-B": "b"})
    for kind in ("form", "multipart"):
        call = FakeCall({})
        await run("http.request", {"method": "POST", "url": "/", kind: {"a": None, "b": "1"}}, call)
        body = call.asked[0].body
        assert body is not None
        assert b"None" not in body.content
        assert b"a" not in body.content.split(b"--")[0]


async def test_numbers_of_an_answer_are_what_its_schema_declares() -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}, "count": {"type": "integer"}}}
    given = {"method": "GET", "url": "/", "json_schema": schema}
    outputs = await run("http.request", given, FakeCall(b'{"total": 20, "count": 2.0}'))
    assert repr(outputs["json"]) == "{'total': 20.0, 'count': 2}"


async def test_a_text_answer() -> None:
    """What is not JSON is text, and never an error."""
    for content, text in ((b"caf\xc3\xa9", "café"), (b"\xff", "\ufffd"), (b"", "")):
        outputs = await run("http.request", {"method": "GET", "url": "/"}, FakeCall(content))
        assert (outputs["json"], outputs["text"]) == (None, text)


async def test_bodies() -> None:
    """A form, a text, or none."""
    for given, media_type, content in (
        ({"form": {"a b": "é", "n": 1, "t": True}}, "application/x-www-form-urlencoded", b"a+b=%C3%A9&n=1&t=true"),
        ({"text": "é"}, "text/plain; charset=utf-8", "é".encode()),
    ):
        call = FakeCall({})
        await run("http.request", {"method": "POST", "url": "/", **given}, call)
        body = call.asked[0].body
        assert body is not None
        assert (body.media_type, body.content) == (media_type, content)
    call = FakeCall({})
    await run("http.request", {"method": "GET", "url": "/"}, call)
    assert call.asked[0].body is None


async def test_a_form_with_files() -> None:
    """As Python's own reader of such messages understands it; the same parts are the same bytes."""
    given = {"n": 1, "t": True, 'a "b"': "é", "f": {"filename": "ü.csv", "content_type": "text/csv", "text": "a;b\r\n"}}
    given["g"] = {"filename": "x", "base64": base64.b64encode(bytes(range(256))).decode()}
    bodies = []
    for _ in range(2):
        call = FakeCall({})
        await run("http.request", {"method": "POST", "url": "/", "multipart": given}, call)
        bodies.append(call.asked[0].body)
    body = bodies[0]
    assert body == bodies[1]
    assert body is not None
    message = email.message_from_bytes(b"Content-Type: " + body.media_type.encode() + b"\r\n\r\n" + body.content)
    parts = message.get_payload()
    assert isinstance(parts, list)
    read = [part.get_payload(decode=True) for part in parts if isinstance(part, email.message.Message)]
    assert read == [b"1", b"true", "é".encode(), b"a;b\r\n", bytes(range(256))]
    assert [part.get_content_type() for part in parts if isinstance(part, email.message.Message)][3] == "text/csv"


async def test_an_answer_of_another_shape_is_a_failure() -> None:
    """`json_schema` says what the flow reads of it; a call that was answered is not repeated for its answer."""
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    given = {"method": "POST", "url": "/", "json_schema": schema}
    assert (await run("http.request", given, FakeCall({"id": 1})))["json"] == {"id": 1}
    for answer, told in (({"id": "x"}, "at /id"), ({}, "required"), (b"id=1", "is not JSON")):
        with pytest.raises(CallFailedError, match=told) as raised:
            await run("http.request", given, FakeCall(answer))
        assert (raised.value.code, raised.value.effect_possible) == (ErrorCode.ANSWER_INVALID, True)


@pytest.mark.parametrize(
    ("method", "repeat", "undeclared", "declared"),
    [
        ("GET", None, Guarantee.REPEATABLE, Guarantee.REPEATABLE),
        ("PUT", None, Guarantee.REPEATABLE, Guarantee.REPEATABLE),
        ("DELETE", None, Guarantee.REPEATABLE, Guarantee.REPEATABLE),
        ("POST", None, Guarantee.AT_MOST_ONCE, Guarantee.KEYED),
        ("PATCH", None, Guarantee.AT_MOST_ONCE, Guarantee.KEYED),
        ("POST", "never", Guarantee.AT_MOST_ONCE, Guarantee.AT_MOST_ONCE),
        ("POST", "always", Guarantee.REPEATABLE, Guarantee.REPEATABLE),
        ("POST", "keyed", Guarantee.KEYED, Guarantee.KEYED),
        ("PUT", "keyed", Guarantee.KEYED, Guarantee.KEYED),
    ],
)
async def test_what_may_be_repeated(
    method: str, repeat: str | None, undeclared: Guarantee, declared: Guarantee
) -> None:
    """By the flow's word, else by method; POST and PATCH by what the connection declares. The check asks the same."""
    given = {"method": method, "url": "/", **({"repeat": repeat} if repeat else {})}
    for honoured, guarantee in ((None, undeclared), (IdempotencyKey(), declared)):
        call = FakeCall({}, idempotency=honoured)
        await run("http.request", given, call)
        assert call.asked[0].guarantee is guarantee
        assert guarantee_of(ACTIONS["http.request"].signature, given, honoured) is guarantee


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"headers": {"Authorization": "Bearer x"}}, "credentials stand in a connection"),
        ({"headers": {"Content-Length": "3"}}, "Content-Length"),
        ({"headers": {"IDEMPOTENCY-KEY": "3"}}, "repeat"),
        ({"headers": {"X-A": "b\r\nX-Evil: 1"}}, "line breaks"),
        ({"headers": {"X A": "b"}}, "not a name of a header"),
        ({"headers": {"X-A": "b", "x-a": "c"}}, "are the same one"),
        ({"headers": {"X-A": "é"}}, "ASCII"),
        ({"json": {}, "text": "x"}, "only one of"),
        ({"form": {}, "multipart": {}}, "only one of"),
        ({"multipart": {"f": {"filename": "a"}}}, "either text or base64"),
        ({"multipart": {"f": {"filename": "a", "base64": "#"}}}, "base64 cannot be read"),
        ({"json_schema": {"type": "nonsense"}}, "json_schema cannot be used"),
        ({"json_schema": {"$ref": "https://x.example/s"}}, "json_schema cannot be used"),
        ({"method": "TRACE"}, "method"),
        ({"url": ""}, "url"),
        ({"jsn": {}}, "jsn"),
    ],
)
def test_a_request_that_cannot_be_made(change: dict[str, Any], told: str) -> None:
    """Found before anything is sent, with the remedy."""
    with pytest.raises(ValidationError, match=told):
        http_request.Inputs.model_validate({"method": "POST", "url": "/x", **change})
