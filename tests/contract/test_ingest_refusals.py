"""One bad item takes no other with it, and what is refused leaves a trace that can be read again."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode, WhoMustAct
from contracts.refused import HEADER, RefusedRequest
from contracts.runs import HistoryRecord, Outcome
from contracts.topics import HISTORY, REFUSED, REFUSED_DLQ
from services.ingest import app, refusals, refused_since
from services.ingest.app import IntakeParts
from services.ingest.auth.event_tokens import EventTokens
from services.ingest.refused_again import Rereading, read
from services.ingest.settings import IngestSettings
from services.ingest.sources.load import Sources, load
from services.runtime.kafka import ConsumedRecord
from tests.support.ingest import EVENTS_TOKEN, Recorder, client

TOKEN = "refusals-0123456789abcdef"
SECRET = "signing-secret"
SCHEMA = "{ type: object, required: [ n ], properties: { n: { type: integer } } }"
FILE = f"""\
sources:
  one:    {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, id: /n }}
  rows:   {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, items: "", id: /n }}
  nested: {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, items: "/entry/*/changes" }}
  headed: {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, items: /rows, id: {{ header: X-Delivery }} }}
  field:  {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, items: /payload, leave_out: [ /auth ] }}
  hidden: {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, leave_out: [ /auth ] }}
  leads:  {{ trigger: closum.lead.created, token: {{ env: TOKEN }}, items: /leads }}
  signed: {{ schema: {SCHEMA}, authentication: {{ preset: github, secret: {{ env: SECRET }} }} }}
  small:  {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, limits: {{ body_bytes: 100 }} }}
  shut:   {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, leave_out: [ /auth ], limits: {{ body_bytes: 50 }} }}
  query:  {{ schema: {{ type: object, required: [ to ] }}, token: {{ env: TOKEN }}, from_query: true }}
"""


@dataclasses.dataclass
class Stage:
    """A gateway over a Recorder, and what it can be asked."""

    http: httpx.AsyncClient
    kafka: Recorder
    shared: IntakeParts
    sources: Sources
    folder: Path

    async def send(self, source: str, body: Any, **headers: str) -> httpx.Response:
        """A request of a source; a body that is no bytes is JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/v1/hooks/{source}/{TOKEN}", content=content, headers=named)

    def data(self) -> list[Any]:
        """What flows see."""
        return [event["data"] for _, event in self.kafka.records]

    def letters(self) -> list[tuple[Any, DeadLetter, RefusedRequest]]:
        """Dead letters, in order: value, letter, request."""
        found = [(value, headers) for topic, value, headers in self.kafka.others if topic is REFUSED_DLQ]
        return [(value, DeadLetter.from_headers(headers), RefusedRequest.of(headers)) for value, headers in found]

    async def redrive(self, file: str) -> None:
        """Put every letter back, after the sources were mended: read by what they declare now."""
        sources = loaded(file, self.folder)
        whole = app.whole_events(IngestSettings(), sources, self.shared)
        parts = Rereading(sources.hooks, self.shared.bodies, self.shared.refusals, self.kafka, 262_144, whole)
        letters = [one for one in self.kafka.others if one[0] is REFUSED_DLQ]
        self.kafka.others.clear()
        for value, headers in self.raw(letters):
            await read(parts, ConsumedRecord(REFUSED, "closum.refused", 0, 0, b"k", value, headers))

    @staticmethod
    def raw(letters: list[Any]) -> Iterator[tuple[bytes, Any]]:
        """The records that `flows dead redrive` makes of letters."""
        for _, value, headers in letters:
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            yield body, [(name, one) for name, one in headers if name == HEADER]


def loaded(file: str, folder: Path) -> Sources:
    """The sources of a file's text."""
    path = folder / "sources.yaml"
    path.write_text(file)
    return load(path, {"TOKEN": TOKEN, "SECRET": SECRET})


@asynccontextmanager
async def whole(folder: Path) -> AsyncIterator[Stage]:
    """The gateway with FILE, and a token for whole events."""
    settings = IngestSettings(docs_open=True, events_token=EVENTS_TOKEN)
    kafka = Recorder(settings)
    shared = app.core(settings, kafka)
    sources = loaded(FILE, folder)
    async with client(app.build(settings, sources, shared)) as http:
        yield Stage(http, kafka, shared, sources, folder)


def bearer(secret: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {secret}"} if secret else {}


@pytest.fixture
async def stage(tmp_path: Path) -> Any:
    """The gateway with FILE."""
    async with whole(tmp_path) as made:
        yield made


def counted(name: str, **labels: str) -> float:
    """A metric's value."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


NESTED = {"entry": [{"changes": [{"n": 1}, {"n": "x"}]}, {"changes": {"n": 3}, "id": 7}]}
BATCHES: dict[str, tuple[str, Any, list[Any] | None, list[str], Any]] = {
    "a list": ("rows", [{"n": 1}, {"n": "x"}, 5, {"n": 2}], [{"n": 1}, {"n": 2}], ["/1", "/2"], [{"n": "x"}]),
    "a list in lists": (
        "nested",
        NESTED,
        [{"n": 1}, {"n": 3}],
        ["/entry/0/changes/1"],
        {"entry": [{"changes": [{"n": "x"}]}]},
    ),
    "a built-in trigger": (
        "leads",
        {"leads": [{"email": "ana@example.com"}, {"email": 5.5}]},
        None,
        ["/leads/1"],
        {"leads": [{"email": 5.5}]},
    ),
    "CloudEvents": (
        "one",
        [{"specversion": "1.0", "id": str(n), "source": "s", "type": "t", "data": {"n": n}} for n in (1, "x", 3)],
        [{"n": 1}, {"n": 3}],
        ["/1/data"],
        [{"specversion": "1.0", "id": "x", "source": "s", "type": "t", "data": {"n": "x"}}],
    ),
}


@pytest.mark.parametrize("name", BATCHES)
async def test_a_bad_item_takes_no_other_with_it(stage: Stage, name: str) -> None:
    """202 for the rest; a dead letter of the item with its bytes, its place, why, and who must act; and its end."""
    source, body, seen, places, kept = BATCHES[name]
    kind = "application/cloudevents-batch+json" if name == "CloudEvents" else "application/json"
    answer = await stage.send(source, body, content_type=kind)
    assert (answer.status_code, [one["pointer"] for one in answer.json()["unread"]]) == (202, places)
    assert seen is None or stage.data() == seen
    letters = stage.letters()
    assert [request.place for _, _, request in letters] == places
    value, letter, _ = letters[0]
    assert value == kept
    assert (letter.topic, letter.code, letter.who_must_act, letter.service) == (
        *(f"/hooks/{source}", ErrorCode.SHAPE_INVALID, WhoMustAct.SENDER, "ingest"),
    )
    assert letter.cause.startswith(f"{source}: the item {places[0]!r} of the body is no event: ")
    ends = [HistoryRecord.model_validate(value) for topic, value, _ in stage.kafka.others if topic is HISTORY]
    assert [(end.outcome, end.event_id) for end in ends] == [(Outcome.DEAD, one.event_id) for _, one, _ in letters]
    await stage.send(source, body, content_type=kind)
    assert len(stage.letters()) == len(places), "delivered again, it is the same letter"


async def test_an_item_is_read_again_by_what_its_source_declares_now(stage: Stage) -> None:
    """Under an id of its own, with the time at which it came; what still cannot be read is a letter again."""
    await stage.send("headed", {"rows": [{"n": 1}, {"n": "x"}, {"n": [2]}]}, x_delivery="d1")
    await stage.redrive(FILE.replace("n: { type: integer }", "n: { type: [ integer, string ] }"))
    assert stage.data() == [{"n": 1}, {"n": "x"}]
    first, again = (event for _, event in stage.kafka.records)
    assert (first["id"] != again["id"], first["accepted"]) == (True, again["accepted"])
    assert [(value, letter.code) for value, letter, _ in stage.letters()] == [
        ({"rows": [{"n": [2]}]}, ErrorCode.SHAPE_INVALID)
    ]


async def test_items_of_one_delivery_differ_where_the_id_is_the_delivery_s(stage: Stage) -> None:
    """An id in a header is that of all items: with the place each is one event, and the same again the same."""
    body = {"rows": [{"n": 1}, {"n": 2}]}
    first = (await stage.send("headed", body, x_delivery="d1")).json()["ids"]
    again = await stage.send("headed", body, x_delivery="d1")
    assert (len(set(first)), again.json()) == (2, {"ids": first, "duplicate": True})


async def test_of_items_that_are_alike_each_is_a_letter(stage: Stage) -> None:
    """Delivered again they are the same."""
    for _ in range(2):
        await stage.send("rows", [5, {"n": 1}, 5, {"n": "x"}, 5])
    assert [value for value, _, _ in stage.letters()] == [[5], [5], [{"n": "x"}], [5]]


async def test_a_letter_holds_its_item_and_not_the_rest(stage: Stage) -> None:
    """A thousand letters of a body are not a thousand times the body."""
    await stage.send("headed", {"rows": [{"n": "x"}, {"n": 1}], "beside": "y" * 500_000}, x_delivery="d")
    assert [value for value, _, _ in stage.letters()] == [{"rows": [{"n": "x"}]}]


async def test_too_large_an_item_stops_no_other(stage: Stage) -> None:
    """Up to 3 MB in a body; of an item that no topic takes the first bytes are kept, and its size."""
    body = [{"n": 1}, {"n": 2, "text": "x" * 1_000_000}, *({"n": n, "text": "y" * 200_000} for n in range(3, 11))]
    assert len(json.dumps(body)) > 2_500_000
    answer = await stage.send("rows", body)
    assert (answer.status_code, len(answer.json()["ids"])) == (202, 9)
    [(_, letter, _)] = stage.letters()
    assert (letter.code, (letter.original_bytes or 0) > 1_000_000) == (ErrorCode.MESSAGE_TOO_LARGE, True)


async def test_a_thousand_updates_fit_in_a_body(stage: Stage) -> None:
    """As Meta sends them; each a good or a bad one."""
    body = [{"n": n if n % 100 else str(n)} for n in range(1000)]
    answer = await stage.send("rows", body)
    assert (answer.status_code, len(stage.kafka.records), len(stage.letters())) == (202, 990, 10)


REFUSALS: dict[str, tuple[str, bytes, dict[str, str], int]] = {
    "no JSON": ("one", b"{", {}, 400),
    "a wrong shape": ("one", b'{"n": "x"}', {}, 422),
    "not there": ("headed", b'{"other": 1}', {}, 422),
    "an unknown encoding": ("one", b"x", {"content_encoding": "br"}, 415),
    "a broken encoding": ("one", b"nonsense", {"content_encoding": "gzip"}, 400),
    "too large": ("small", b'{"n": 1, "text": "' + b"x" * 200 + b'"}', {}, 413),
    "too large, unpacked": (
        "small",
        gzip.compress(b'{"n": 1, "t": "' + b"x" * 500 + b'"}'),
        {"content_encoding": "gzip"},
        413,
    ),
    "no form": ("one", b"n=x", {"content_type": "application/x-www-form-urlencoded"}, 422),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refused_body_is_kept(stage: Stage, name: str) -> None:
    """With its bytes, cause and who must act; the same again is counted, and no further letter."""
    source, body, headers, status = REFUSALS[name]
    for _ in range(3):
        assert (await stage.send(source, body, **headers)).status_code == status
    [(value, letter, request)] = stage.letters()
    kept = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert kept == body or json.loads(kept) == json.loads(body)
    assert (request.source, letter.topic, letter.who_must_act) == (source, f"/hooks/{source}", WhoMustAct.SENDER)
    assert letter.cause.startswith(f"{source}: HTTP {status}: ")
    assert stage.kafka.records == []
    assert counted("flows_refused_total", source=source, code=letter.code.value, kept="again") >= 2


async def test_a_refused_body_is_read_again(stage: Stage) -> None:
    """After the schema was mended: raw bytes, forms, compressed and queries alike, as they came."""
    await stage.send("one", b'{"n": "x"}', x_more="1", authorization="Bearer y", cookie="z")
    await stage.send("one", gzip.compress(b'{"n": "y"}'), content_encoding="gzip")
    await stage.send("one", b"n=z", content_type="application/x-www-form-urlencoded")
    assert (await stage.http.get(f"/v1/hooks/query/{TOKEN}?from=1&token=secret")).status_code == 422
    letters = stage.letters()
    assert letters[0][2].headers["x-more"] == "1"
    assert not {"authorization", "cookie"} & letters[0][2].headers.keys()
    assert "secret" not in letters[3][2].query
    mended = FILE.replace("type: integer", "type: string").replace("required: [ to ]", "required: [ from ]")
    await stage.redrive(mended)
    assert stage.data() == [{"n": "x"}, {"n": "y"}, {"n": "z"}, {"from": "1"}]
    assert stage.letters() == []


async def test_a_source_that_is_gone_leaves_the_letter(stage: Stage) -> None:
    """And so does a record that is none; each says so."""
    await stage.send("one", b"{")
    await stage.redrive("sources: { other: { schema: { type: object }, token: { env: TOKEN } } }")
    [(_, letter, _)] = stage.letters()
    assert (letter.code, letter.topic) == (ErrorCode.SOURCE_UNKNOWN, "closum.refused")


async def test_strangers_fill_nothing(stage: Stage) -> None:
    """What proves nothing leaves no letter; of a signed source a body is kept after its signature was right."""
    body = b'{"n": "x"}'
    assert (await stage.http.post("/v1/hooks/signed", content=body)).status_code == 401
    wrong = {"X-Hub-Signature-256": f"sha256={'0' * 64}"}
    assert (await stage.http.post("/v1/hooks/signed", content=body, headers=wrong)).status_code == 401
    assert (await stage.http.post("/v1/hooks/signed", content=b"x" * 300_000, headers=wrong)).status_code == 413
    assert stage.letters() == []
    right = {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
    assert (await stage.http.post("/v1/hooks/signed", content=body, headers=right)).status_code == 422
    [(_, _, request)] = stage.letters()
    assert "x-hub-signature-256" not in request.headers
    assert request.signed == []


async def test_letters_of_a_source_are_bounded_by_the_hour(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are counted; another source and the next hour have their own."""
    monkeypatch.setattr(refusals, "MOST_LETTERS", 3)
    now = [0.0]
    monkeypatch.setattr(stage.shared.refusals, "_now", lambda: now[0])
    before = counted("flows_refused_total", source="one", code="shape_invalid", kept="over_bound")
    for n in range(5):
        await stage.send("one", {"n": f"x{n}"})
    await stage.send("hidden", {"n": "x"})
    assert len(stage.letters()) == 4
    assert counted("flows_refused_total", source="one", code="shape_invalid", kept="over_bound") - before == 2
    now[0] = 3600.0
    await stage.send("one", {"n": "later"})
    assert len(stage.letters()) == 5


async def test_a_cause_that_comes_again_and_again_leaves_room_for_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound of a cause is below that of its source."""
    monkeypatch.setattr(refusals, "MOST_OF_A_CAUSE", 2)
    for n in range(5):
        await stage.send("one", {"n": f"x{n}"})
    await stage.send("one", b"{")
    assert [letter.code for _, letter, _ in stage.letters()] == [ErrorCode.SHAPE_INVALID] * 2 + [ErrorCode.JSON_INVALID]


LEAD = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "closum.lead.created", "data": {"phone": "1"}}
BINARY = {"ce-specversion": "1.0", "ce-id": "2", "ce-source": "/shop", "ce-type": "webhook.one"}
WHOLE: dict[str, tuple[bytes, dict[str, str], int]] = {
    "no JSON": (b"{", {}, 400),
    "no event": (b"[]", {}, 422),
    "no such trigger": (json.dumps({**LEAD, "type": "webhook.two"}).encode(), {}, 422),
    "data of another shape": (json.dumps({**LEAD, "type": "webhook.one", "data": {"n": "x"}}).encode(), {}, 422),
    "in binary mode": (b'{"n": "x"}', BINARY, 422),
    "one of a batch": (
        json.dumps([LEAD, {**LEAD, "data": {"tags": {}}}]).encode(),
        {"content-type": "application/cloudevents-batch+json"},
        422,
    ),
    "compressed": (gzip.compress(b'{"id": 1}'), {"content-encoding": "gzip"}, 422),
    "of no encoding": (b"?", {"content-encoding": "br"}, 415),
    "too large": (b"[" + b"1," * 200_000 + b"1]", {}, 413),
}


@pytest.mark.parametrize("name", WHOLE)
async def test_a_refused_body_of_whole_events_is_kept(name: str, tmp_path: Path) -> None:
    """As that of a hook, under its sender's token; of who shows none, or a wrong one, nothing."""
    body, headers, status = WHOLE[name]
    async with whole(tmp_path) as stage:
        for secret in ("", "wrong-0123456789abcdef"):
            denied = await stage.http.post("/v1/events", content=body, headers={**headers, **bearer(secret)})
            assert (denied.status_code, stage.letters()) == (401, [])
        for _ in range(2):
            answer = await stage.http.post("/v1/events", content=body, headers={**headers, **bearer(EVENTS_TOKEN)})
            assert answer.status_code == status, answer.text
        [(value, letter, request)] = stage.letters()
    kept = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert body.startswith(kept) if status == 413 else kept == body or json.loads(kept) == json.loads(body)
    assert (request.source, request.token, letter.topic) == ("events", "FLOWS_EVENTS_TOKEN", "/v1/events")
    assert letter.who_must_act is WhoMustAct.SENDER
    assert "authorization" not in request.headers
    assert stage.kafka.records == []


async def test_whole_events_are_read_again(tmp_path: Path) -> None:
    """After the schema was mended, in either mode, with the time at which they came; for a token that is there."""
    event = {**LEAD, "type": "webhook.one", "data": {"n": "x"}}
    async with whole(tmp_path) as stage:
        await stage.http.post("/v1/events", json=event, headers=bearer(EVENTS_TOKEN))
        await stage.http.post("/v1/events", json={"n": "y"}, headers={**BINARY, **bearer(EVENTS_TOKEN)})
        received = [request.received for _, _, request in stage.letters()]
        await stage.redrive(FILE.replace("type: integer", "type: string"))
    events = [one for _, one in stage.kafka.records]
    assert [(one["id"], one["data"]) for one in events] == [("1", {"n": "x"}), ("2", {"n": "y"})]
    assert [datetime.fromisoformat(one["accepted"]) for one in events] == received
    assert stage.letters() == []

    async with whole(tmp_path) as stage:
        await stage.http.post("/v1/events", json=event, headers=bearer(EVENTS_TOKEN))
        stage.shared = replace(stage.shared, tokens=EventTokens())
        await stage.redrive(FILE)
        [(_, letter, _)] = stage.letters()
    assert (letter.code, stage.kafka.records) == (ErrorCode.SOURCE_UNKNOWN, [])
    assert "'FLOWS_EVENTS_TOKEN'" in letter.cause


async def test_a_letter_that_cannot_be_kept_is_no_refusal(stage: Stage) -> None:
    """While Kafka is away the sender is asked to send it again, and then there is one letter."""
    stage.kafka.refuse = stage.kafka._unavailable()
    assert (await stage.send("one", b"{")).status_code == 503
    assert (await stage.send("rows", [{"n": "x"}])).status_code == 503
    stage.kafka.refuse = None
    assert (await stage.send("one", b"{")).status_code == 400
    assert (await stage.send("rows", [{"n": "x"}])).status_code == 202
    assert len(stage.letters()) == 2


@pytest.mark.parametrize("form", [False, True])
async def test_what_people_must_not_see_is_in_no_letter(stage: Stage, *, form: bool) -> None:
    """Neither of an item nor of a body; of one that cannot be read there is only the size."""
    secret = "never-shown-0123"
    rows = [{"n": 1, "auth": secret}, {"n": "x", "auth": secret}]
    if form:
        await stage.http.post(f"/v1/hooks/field/{TOKEN}", data={"payload": json.dumps(rows), "other": "1"})
    else:
        await stage.send("field", {"payload": rows, "other": "1"})
    await stage.send("hidden", {"n": "x", "auth": secret})
    await stage.send("hidden", f'{{"n": 1, "auth": "{secret}"'.encode())
    values = [value for value, _, _ in stage.letters()]
    assert values == [{"payload": [{"n": "x"}]}, {"n": "x"}, None]
    assert stage.letters()[2][1].original_bytes
    await stage.http.post(f"/v1/hooks/shut/{TOKEN}", data={"n": "1", "auth": secret, "more": "x" * 60})
    assert (stage.letters()[3][0], (stage.letters()[3][1].original_bytes or 0) > 50) == (None, True)
    assert secret not in str(stage.kafka.others)


async def test_a_wrong_token_counts_under_its_name(stage: Stage) -> None:
    """And an unknown source under none, so that nobody can invent series; both are the same 404."""
    wrong = counted("flows_ingest_responses_total", source="one", status="404")
    unknown = counted("flows_ingest_responses_total", source="unknown", status="404")
    answers = [await stage.http.post(f"/v1/hooks/{name}/{'x' * 20}", json={}) for name in ("one", "invented")]
    assert answers[0].content == answers[1].content
    assert counted("flows_ingest_responses_total", source="one", status="404") == wrong + 1
    assert counted("flows_ingest_responses_total", source="unknown", status="404") == unknown + 1
    assert counted("flows_ingest_responses_total", source="invented", status="404") == 0


def test_since_when_a_source_is_refused() -> None:
    """One series a source, with its last cause; an hour without a refusal ends it."""
    now = [1000.0]
    since = refused_since.RefusedSince(lambda: now[0])
    name = "flows_source_refused_since_timestamp_seconds"
    since.refused("s1", ErrorCode.SHAPE_INVALID, "/n '5' is wrong")
    now[0] = 2000.0
    since.refused("s1", ErrorCode.JSON_INVALID, "no JSON")
    assert counted(name, source="s1", code="json_invalid", cause="no JSON") == 1000.0
    told = [one.labels for family in REGISTRY.collect() for one in family.samples if one.name == name]
    assert [one["code"] for one in told if one["source"] == "s1"] == ["json_invalid"]
    now[0] = 2000.0 + refused_since.QUIET_SECONDS + 1
    since.forget_quiet()
    assert counted(name, source="s1", code="json_invalid", cause="no JSON") == 0


async def test_a_reader_that_breaks_on_one_item_stops_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a letter that says so, counted as a bug."""
    hook = stage.sources.hooks.named("rows")
    assert hook is not None
    model = hook.reader.triggers[0]
    real = model.read.__func__  # type: ignore[attr-defined]

    def reads(cls: Any, body: Any, /, **more: bool) -> Any:
        if body == {"n": 2}:
            raise RuntimeError("nobody foresaw it")
        return real(cls, body, **more)

    monkeypatch.setattr(model, "read", classmethod(reads))
    assert (await stage.send("rows", [{"n": 1}, {"n": 2}, {"n": 3}])).status_code == 202
    assert stage.data() == [{"n": 1}, {"n": 3}]
    assert [(value, letter.code) for value, letter, _ in stage.letters()] == [([{"n": 2}], ErrorCode.BUG)]
