"""Grouping, choosing, changing and planning dead letters, without any server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS_DLQ, EVENTS_DLQ, MAX_MESSAGE_BYTES, Topic
from services.actions.admin.request_preview import preview, repeatable
from services.actions.connections import Connection
from services.flows.idempotency import IdempotencyKey
from services.runtime.dead_letters.decisions import DeadLetterDecision
from services.runtime.dead_letters.edit import EditError, change, edited
from services.runtime.dead_letters.groups import DeadLetterFilter, group_of, groups, shape
from services.runtime.dead_letters.letters import FoundDeadLetter
from services.runtime.dead_letters.redrive import headers, plan
from tests.support.actions import request

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
SMS: dict[str, Any] = {
    "action": "closum.sms.send",
    "connection": "closum",
    "inputs": {"recipient": "351912345678", "message": "Olá"},
}


def dead(
    number: int,
    cause: str = "phone '12' is not an E.164 number",
    code: ErrorCode = ErrorCode.CALL_REJECTED,
    topic: Topic = ACTIONS_DLQ,
    offset: int | None = None,
    **fields: Any,
) -> FoundDeadLetter:
    """A dead letter of a call."""
    asked = request(number, **fields)
    ids: dict[str, Any] = {"run_id": asked.run.id, "event_id": asked.run.event.id, "flow": "flow", "step": "0"}
    letter = DeadLetter.of(("closum.actions", 0, number if offset is None else offset), code, cause, "actions", **ids)
    own = [("traceparent", b"t"), *letter.to_headers()]
    value, at = asked.to_bytes(), NOW + timedelta(minutes=number)
    return FoundDeadLetter(f"{topic.name}/0/{number}", letter, value, asked.key, tuple(own), at, f"x/0/{number}@1")


HARMLESS = partial(repeatable, connections={})
STRANGE = FoundDeadLetter("actions.dlq/0/99", None, b"\xff")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("phone '12' is taken", "phone '345' is taken", True),
        ('HTTP 422: "a" is wrong', 'HTTP 422: "b c" is wrong', True),
        ("no answer within 2 s", "no answer within 15 s", True),
        ("a@b.pt is unknown", "c.d@e.pt is unknown", True),
        ("contact 5f3c9a1be2d04477aa is gone", "contact 00aa9a1be2d04477bb is gone", True),
        ("phone '12' is taken", "e-mail '12' is taken", False),
        ("phone is taken", "phone is wrong", False),
    ],
)
def test_causes_that_differ_in_values_only_are_one(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a table
    """Values are quoted, are numbers, ids or addresses."""
    assert (shape(one) == shape(other)) is same


def test_letters_are_grouped_by_cause() -> None:
    """With their number, the first and the last; the largest group first."""
    letters = [
        dead(0),
        dead(1, "HTTP 401: no", ErrorCode.CREDENTIALS_REFUSED),
        dead(2, "phone '7' is not an E.164 number"),
    ]
    first, second, third = (group.row() for group in groups([*letters, STRANGE]))
    assert (first["count"], first["first"], first["last"]) == (2, NOW, NOW + timedelta(minutes=2))
    assert (first["code"], first["action"], first["connection"]) == ("call_rejected", "http.request", "crm")
    assert first["cause"] == "phone '7' is not an E.164 number"
    assert {second["count"], third["count"]} == {1}
    assert group_of(letters[0]) == group_of(letters[2]) == first["group"]


def test_a_filter_fits_what_fits_every_part_of_it() -> None:
    """And an empty one fits all, so that all must be asked for."""
    one, other = dead(1, subject="+351911111111"), dead(2, code=ErrorCode.CALL_TIMED_OUT)
    assert not DeadLetterFilter().chooses
    for which in (
        DeadLetterFilter(ids=[one.id]),
        DeadLetterFilter(code=ErrorCode.CALL_REJECTED),
        DeadLetterFilter(subject="+351911111111"),
        DeadLetterFilter(until=NOW + timedelta(seconds=90)),
        DeadLetterFilter(group=group_of(one), flow="flow", connection="crm", topic="actions.dlq"),
    ):
        assert which.chooses
        assert [which.fits(letter) for letter in (one, other)] == [True, False]
    assert not DeadLetterFilter(flow="other").fits(one)
    assert not DeadLetterFilter(code=ErrorCode.BUG).fits(STRANGE)
    assert DeadLetterFilter(ids=["x", one.id]).missing([one]) == ["x"]


def test_another_connection_needs_a_right_of_its_own() -> None:
    """What the call holds would go elsewhere, with other credentials."""
    letter = dead(1)
    for changes in ({"connection": "crm"}, {"inputs.query": {"a": 1}, "connection": None}):
        with pytest.raises(EditError, match="a right of its own"):
            edited(letter, changes)
    assert json.loads(edited(letter, {"connection": "crm"}, elsewhere=True))["connection"] == "crm"
    assert json.loads(edited(letter, {"inputs.json.connection": "x"}))["inputs"]["json"]["connection"] == "x"


def test_a_payload_is_changed_where_it_may_be() -> None:
    """The run keeps its way back: ids, step and run cannot be changed."""
    letter = dead(1)
    assert edited(letter, {}) is letter.value
    made = json.loads(edited(letter, {"inputs.json.phone": "+351912345678", "inputs.query": {"a": 1}}))
    before = json.loads(letter.value)
    assert made["inputs"]["json"]["phone"] == "+351912345678"
    assert made["inputs"]["query"] == {"a": 1}
    assert {**made, "inputs": 0} == {**before, "inputs": 0}
    for path in ("effect_id", "run.id", "run.event.data.n", "inputs.jsn.phone", "inputs.method.x", ""):
        with pytest.raises(EditError, match=r"cannot be changed|there is no"):
            edited(letter, {path: 1})
    with pytest.raises(EditError, match="nothing: it is a run"):
        edited(FoundDeadLetter("runs.dlq/0/1", None, b"{}"), {"run.id": 1})
    with pytest.raises(EditError, match="no JSON object"):
        edited(FoundDeadLetter("events.dlq/0/1", None, b"\xff"), {"data.x": 1})


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("inputs.a=+351", "inputs.a", "+351"),
        ("inputs.a=7", "inputs.a", 7),
        ('inputs.a="7"', "inputs.a", "7"),
        ("inputs.a={}", "inputs.a", {}),
        ("inputs.a=b=c", "inputs.a", "b=c"),
        ("inputs.a=", "inputs.a", ""),
    ],
)
def test_a_change_is_read(text: str, path: str, value: Any) -> None:
    """JSON where it is JSON, else text."""
    assert change(text) == (path, value)


def test_a_change_without_a_value_is_refused() -> None:
    """With how it is written."""
    with pytest.raises(EditError, match="PATH=VALUE"):
        change("inputs.a")


def test_a_plan_keeps_the_order_of_the_originals() -> None:
    """Whatever order they died in."""
    letters = [dead(1, offset=7), dead(2, offset=3), dead(3, offset=5)]
    assert [one.id[-1] for one in plan(letters, {}, HARMLESS).letters] == ["2", "3", "1"]


def test_a_plan_leaves_out_what_must_not_go_again() -> None:
    """What was decided; what may have had its effect and would have it twice; what is not ours; what is too large."""
    letters = [
        dead(1),
        dead(2, code=ErrorCode.CALL_TIMED_OUT, **SMS),
        dead(3, code=ErrorCode.CALL_TIMED_OUT),
        dead(4, code=ErrorCode.DESTINATION_FAILED, **SMS),
        dead(5, code=ErrorCode.CALL_REFUSED, **SMS),
        STRANGE,
        FoundDeadLetter("events.dlq/0/1", dead(6).letter, b"x" * (MAX_MESSAGE_BYTES + 1)),
    ]
    decided = {"actions.dlq/0/1": DeadLetterDecision("redriven", "by hand", NOW)}
    found = plan(letters, decided, HARMLESS)
    assert [one.id for one in found.letters] == ["actions.dlq/0/3", "actions.dlq/0/5"]
    assert "redriven" in found.left_out["actions.dlq/0/1"]
    assert "even_if_sent" in found.left_out["actions.dlq/0/2"]
    assert set(found.left_out) == {
        "actions.dlq/0/1",
        "actions.dlq/0/2",
        "actions.dlq/0/4",
        STRANGE.id,
        "events.dlq/0/1",
    }
    assert len(plan(letters, decided, HARMLESS, even_if_sent=True).letters) == 4


def test_a_keyed_call_goes_again_only_while_its_destination_knows_the_key() -> None:
    """A day by the connection's word; for ever by the rule of old runs; never where nobody declares anything."""
    old = dead(3, code=ErrorCode.CALL_TIMED_OUT)
    new = dead(4, code=ErrorCode.CALL_TIMED_OUT, run=request(4).run.model_copy(update={"keys_declared": True}))
    keyed = {"crm": Connection("crm", "https://crm.example", idempotency=IdempotencyKey(seconds=86_400))}
    asked = datetime.now(UTC)
    for letter, connections, hours, harmless in (
        (old, {}, 999, True),
        (old, keyed, 1, True),
        (old, keyed, 24, False),
        (new, {}, 1, False),
        (new, keyed, 23, True),
        (new, keyed, 24, False),
    ):
        assert repeatable(letter, connections, asked + timedelta(hours=hours)) is harmless


def test_what_comes_back_says_what_it_was() -> None:
    """Its own headers, no longer those of a dead letter; of an event also which flow is meant."""
    assert headers(dead(1)) == [("traceparent", b"t"), ("flows-redriven", b"actions.dlq/0/1")]
    event = dead(1, topic=EVENTS_DLQ)
    assert headers(event)[1:] == [("flows-redriven", b"events.dlq/0/1"), ("flows-redriven-flow", b"flow")]


async def test_the_request_is_shown_as_it_would_be_sent() -> None:
    """With the connection's address, the key, and no secret."""
    crm = Connection("crm", "https://crm.example/api", headers={"Authorization": "Bearer [hidden]"})
    letter = dead(1)
    assert await preview(letter, {"crm": crm}) == {
        "method": "POST",
        "url": "https://crm.example/api/contacts",
        "headers": {
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{request(1).effect_id}"',
            "Authorization": "Bearer [hidden]",
        },
        "body": {"phone": "+351910000000", "n": 1},
        "guarantee": "keyed",
    }
    closum = Connection("closum", "https://api.example/v2", query="api-key=%5Bhidden%5D")
    shown = await preview(dead(1, **SMS), {"closum": closum})
    assert isinstance(shown, dict)
    assert shown["url"] == "https://api.example/v2/sms/send/?api-key=[hidden]"
    unknown = await preview(letter, {})
    assert isinstance(unknown, dict)
    assert unknown["url"] == "(crm)/contacts"


@pytest.mark.parametrize(
    ("letter", "told"),
    [
        (dead(1, action="x.y"), "there is no action 'x.y'"),
        (dead(1, inputs={"method": "GET"}), "url: Field required"),
        (dead(1, inputs={"method": "GET", "url": "/../x"}), "`..` is not allowed"),
        (STRANGE, "no action request"),
        (FoundDeadLetter("events.dlq/0/1", None, b"{}"), "no call was being made"),
    ],
)
async def test_a_request_that_cannot_be_shown(letter: FoundDeadLetter, told: str) -> None:
    """Says why: mostly it is why the letter is dead."""
    shown = await preview(letter, {"crm": Connection("crm", "https://crm.example")})
    assert told in str(shown)


def refused(number: int, source: str, cause: str, body: object) -> FoundDeadLetter:
    """A dead letter of what a hook sent."""
    letter = DeadLetter.of((f"/hooks/{source}", 0, 0), ErrorCode.SHAPE_INVALID, f"{source}: {cause}", "ingest")
    headers = (("request", b"{}"), *letter.to_headers())
    value = json.dumps(body).encode()
    return FoundDeadLetter(f"refused.dlq/0/{number}", letter, value, b"default/x", tuple(headers), NOW, f"r/0/{number}")


def test_what_was_refused_is_grouped_and_chosen_by_its_source() -> None:
    """Two sources whose names differ in a digit are two; an action or a connection in a body means nothing."""
    one = refused(1, "crm1", "/a is '5'", {"action": "x", "connection": "y"})
    like, other = refused(2, "crm1", "/a is '6'", {}), refused(3, "crm2", "/a is '5'", {})
    assert (group_of(one) == group_of(like), group_of(one) == group_of(other)) == (True, False)
    assert (one.action, one.connection, one.source) == ("", "", "/hooks/crm1")
    for named in ("crm1", "/hooks/crm1"):
        assert [DeadLetterFilter(source=named).fits(letter) for letter in (one, like, other, dead(1))] == [
            *(True, True, False, False),
        ]


def test_a_refused_body_goes_back_with_what_was_changed_in_it() -> None:
    """Anything of it, also of a list; with the header that says how to read it."""
    assert edited(refused(1, "crm", "x", {"n": "x"}), {"n": 5, "connection": "z"}) == b'{"n":5,"connection":"z"}'
    assert edited(refused(1, "crm", "x", [{"n": "x"}]), {"0.n": 5}) == b'[{"n":5}]'
    letter = refused(1, "crm", "x", {"n": "x"})
    assert headers(letter) == [("request", b"{}"), ("flows-redriven", b"refused.dlq/0/1")]
    assert [one.id for one in plan([letter], {}, HARMLESS).letters] == [letter.id]
