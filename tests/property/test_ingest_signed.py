"""A signed request is what was signed: whatever is added around it changes nothing of what it becomes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Message

from services.ingest.accepting import EventAcceptor
from services.ingest.acknowledged_ids import AcknowledgedIds
from services.ingest.hook_bodies import HookBodies
from services.ingest.hooks import HookDependencies, HookEndpoint
from services.ingest.in_flight import RequestsInFlight
from services.ingest.refusals import Refusals
from services.ingest.replayed_requests import ReplayedRequests
from services.ingest.sources.hook import Hook, Hooks
from services.ingest.sources.load import load
from tests.support.ingest import application
from tests.support.proofs import proofs

SECRET = "c2VjcmV0c2VjcmV0"
NOW = 1_800_000_000
ORDER = {"order": {"id": 7}, "customer": "ana", "at": "2026-01-01T00:00:00Z"}
CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "x", "subject": "bea", "data": ORDER}
BODIES: list[object] = [ORDER, {**ORDER, "order": {}}, CLOUDEVENT, [CLOUDEVENT, CLOUDEVENT | {"id": "2"}]]
FILE = "sources:\n" + "".join(
    f"""\
  {name.replace("_", "-")}:
    schema: {{ type: object }}
    id: /order/id
    time: /at
    subject: /customer
    authentication: {{ {scheme}, secret: {{ env: SECRET }}, replay: refuse, url: "https://a.example" }}
"""
    for name, scheme in (
        *((preset, f"preset: {preset}") for preset in ("github", "hubspot_v3", "slack", "standard_webhooks", "stripe")),
        ("own", "signature: { header: X-Own-Signature, signs: '{header.X-Tenant}.{body}' }"),
        ("timed", "signature: { header: X-Sig, signs: '{timestamp}.{body}', timestamp_header: X-At }"),
    )
)


def _mac(signed: bytes, key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def _standard(body: bytes) -> dict[str, str]:
    made = _mac(b"msg.%d." % NOW + body, base64.b64decode(SECRET))
    return {
        "webhook-id": "msg",
        "webhook-timestamp": str(NOW),
        "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
    }


def _hubspot(body: bytes) -> dict[str, str]:
    stamp = str(NOW * 1000)
    made = _mac(b"POSThttps://a.example/v1/hooks/hubspot-v3" + body + stamp.encode())
    return {"x-hubspot-signature-v3": base64.b64encode(made).decode(), "x-hubspot-request-timestamp": stamp}


SIGN: Mapping[str, Callable[[bytes], dict[str, str]]] = {
    "github": lambda body: {"x-hub-signature-256": f"sha256={_mac(body).hex()}"},
    "hubspot-v3": _hubspot,
    "slack": lambda body: {
        "x-slack-signature": f"v0={_mac(b'v0:%d:' % NOW + body).hex()}",
        "x-slack-request-timestamp": str(NOW),
    },
    "standard-webhooks": _standard,
    "stripe": lambda body: {"stripe-signature": f"t={NOW},v1={_mac(b'%d.' % NOW + body).hex()}"},
    "own": lambda body: {"x-own-signature": _mac(b"a." + body).hex(), "x-tenant": "a"},
    "timed": lambda body: {"x-sig": _mac(b"%d." % NOW + body).hex(), "x-at": str(NOW)},
}
EXTRA = [
    *(f"ce-{name}" for name in ("specversion", "id", "source", "type", "subject", "time", "account", "hops")),
    *("x-signature", "x-hub-signature", "webhook-id", "webhook-timestamp", "webhook-signature", "x-timestamp"),
    *("authorization", "idempotency-key", "x-github-delivery", "x-forwarded-for", "x-request-id", "stripe-signature"),
]
TYPES = ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "text/plain"]
values = st.sampled_from(["1.0", "9", "/x", "2030-01-01T00:00:00Z", "carla", "v1,AAAA", "t=1,v1=0"])
extras = st.dictionaries(st.sampled_from(EXTRA) | st.text("abcz-", min_size=1, max_size=12), values, max_size=6)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    """The signed sources."""
    path = tmp_path_factory.mktemp("signed") / "sources.yaml"
    path.write_text(FILE)
    return load(path, {"SECRET": SECRET}).hooks


async def sent(hook: Hook, body: bytes, headers: list[tuple[str, str]], query: str) -> tuple[object, ...]:
    """What a request becomes: its answer, its events without the time of taking them, and its mark."""
    _, kafka = application()
    taker = EventAcceptor(kafka, AcknowledgedIds(10, 60))
    replays = ReplayedRequests(lambda: None, 60)
    refusals = Refusals(kafka, lambda: None, 10**6)
    bodies = HookBodies(taker, refusals)
    in_flight = RequestsInFlight(10, 10**7, 10**6)
    parts = HookDependencies(Hooks([hook]), bodies, refusals, in_flight, replays, proofs(), {}, 10**6)
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/hooks/{hook.name}",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        answers.append(message)

    await HookEndpoint(parts).answer(hook.name, None, scope, receive, send)
    events = [
        (key, {name: value for name, value in event.items() if name != "accepted"}) for key, event in kafka.records
    ]
    marks = tuple(mark for _, mark in replays._claims._until)
    return answers[0]["status"], answers[1]["body"], _timeless(events), marks


def _timeless(events: list[tuple[bytes, dict[str, Any]]]) -> object:
    """A time that is the present moment is none of the request's."""
    return [
        (key, event if event["time"].startswith(("2026-01", "2030")) else {**event, "time": ""})
        for key, event in events
    ]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))


@given(
    st.sampled_from(sorted(SIGN)),
    st.sampled_from(BODIES),
    st.tuples(extras, st.sampled_from(TYPES), st.sampled_from(["before", "after"]), values),
)
@example("github", ORDER, ({"ce-specversion": "1.0", "ce-id": "2", "ce-time": "2030-01-01"}, TYPES[0], "before", ""))
@example("github", CLOUDEVENT, ({}, TYPES[1], "before", ""))
@example("stripe", ORDER, ({"x-other-signature": "1"}, TYPES[0], "after", "x"))
def test_nothing_unsigned_changes_what_a_request_is(
    hooks: Hooks, source: str, body: object, added: tuple[dict[str, str], str, str, str]
) -> None:
    """No header, in whatever place, no query, no content type: not its id, time, subject, source, type, or mark."""
    hook = next(one for one in hooks if one.name == source)
    extra, kind, where, query = added
    content = json.dumps(body).encode()
    own = SIGN[source](content)
    more = [(name, value) for name, value in extra.items() if name not in own]
    more.append(("content-type", kind))
    around = [*more, *own.items()] if where == "before" else [*own.items(), *more]
    asked = "" if source == "hubspot-v3" else query
    plain = asyncio.run(sent(hook, content, list(own.items()), ""))
    changed = asyncio.run(sent(hook, content, around, asked))
    assert plain[0] == 202
    assert changed == plain


def test_a_mark_is_of_what_was_signed(hooks: Hooks) -> None:
    """In whatever letters the signature is written, and whatever other signatures stand beside it."""
    content = json.dumps(ORDER).encode()
    by = {one.name: one for one in hooks}
    digits = _mac(content).hex()
    marks = {
        asyncio.run(sent(by["github"], content, [("x-hub-signature-256", f"sha256={form}")], ""))[3]
        for form in (digits, digits.upper())
    }
    stripe = SIGN["stripe"](content)["stripe-signature"]
    marks |= {
        asyncio.run(sent(by["stripe"], content, [("stripe-signature", value)], ""))[3]
        for value in (stripe, f"{stripe},v1=00,v0=1")
    }
    assert len(marks) == 2


def test_a_signature_that_is_left_away_makes_no_other_request(tmp_path: Path) -> None:
    """While a secret is changed a sender signs with both: with either alone it is the same request."""
    (tmp_path / "sources.yaml").write_text(
        "sources:\n  pay:\n    schema: { type: object }\n"
        "    authentication: { preset: stripe, secret: [ { env: A }, { env: B } ], replay: refuse }\n"
    )
    hook = next(iter(load(tmp_path / "sources.yaml", {"A": "first", "B": "second"}).hooks))
    content = json.dumps(ORDER).encode()
    one, two = (_mac(b"%d." % NOW + content, key).hex() for key in (b"first", b"second"))
    both, *alone = (
        asyncio.run(sent(hook, content, [("stripe-signature", f"t={NOW}{parts}")], ""))[3]
        for parts in (f",v1={one},v1={two}", f",v1={one}", f",v1={two}", f",v1=00,v1={two}")
    )
    assert isinstance(both, tuple)
    assert len(both) == 2
    for marks in alone:
        assert isinstance(marks, tuple)
        assert set(marks) < set(both)
