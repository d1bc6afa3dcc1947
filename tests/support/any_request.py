"""Requests of any content through everything of ingest but HTTP and Kafka."""

from __future__ import annotations

import gzip
import json
from http import HTTPStatus
from ipaddress import ip_network

from hypothesis import strategies as st

from contracts.events import Event
from contracts.triggers.registry import TRIGGERS
from services.flows.declared_triggers import Places, declared
from services.flows.schema_from_example import schema_of
from services.flows.tolerant_schema import tolerant_schema
from services.ingest import handshakes
from services.ingest.auth.basic import Basic
from services.ingest.auth.bearer import Bearer
from services.ingest.auth.client_certificate import ClientCertificate
from services.ingest.auth.presets import PRESETS
from services.ingest.auth.scheme import AuthRequest, AuthScheme, Proven
from services.ingest.auth.signature import Signature, SignatureTime
from services.ingest.hook_bodies import events_of
from services.ingest.http_problems import Refused
from services.ingest.parsed_bodies import sent_of
from services.ingest.readers.items import Items
from services.ingest.readers.reader import Reader
from services.ingest.readers.request_parts import RequestParts
from services.ingest.readers.single_payload import SinglePayload
from services.ingest.readers.typed import Typed
from services.ingest.readers.whatsapp_cloud import WhatsAppCloud
from services.ingest.sources.hook import Handshakes, Hook

SECRET = b"c2VjcmV0c2VjcmV0"
MOST = 100_000
EXAMPLE = {"id": 1, "customer": {"email": "a@b.pt", "tags": ["x"]}, "at": "2026-01-01T00:00:00Z"}
PROOFS: list[AuthScheme] = [
    *(preset((SECRET,), 300.0, None) for preset in PRESETS.values()),
    Bearer((SECRET,)),
    Basic("user", (SECRET,)),
    Signature("x-delivery", (SECRET,), stamp=SignatureTime("ce-time", unit_seconds=None)),
    ClientCertificate("x-client", (b"CN=a",), (ip_network("10.0.0.0/8"),)),
]
LOOSE = declared(
    "webhook.c",
    tolerant_schema([EXAMPLE]),
    Places((), ("/at",), ("/a",), ("/id", "/headers/x", "/a/0")),
    {},
    sets_aside=True,
)
READERS: list[Reader] = [
    WhatsAppCloud(),
    *(SinglePayload(trigger) for trigger in TRIGGERS.values()),
    SinglePayload(
        declared("webhook.a", schema_of(EXAMPLE), Places(("/id",), ("/at",), ("/customer/email",)), {}), "x-delivery"
    ),
    SinglePayload(declared("webhook.b", {"type": "object"}, Places(("/a/0/b", "/id"), ("/at",), ("/x~1y",)), {})),
    Items("", SinglePayload(LOOSE)),
    Items(
        "/a/*/entry", RequestParts(SinglePayload(LOOSE), ["X-Delivery", "x"], ["a", "página"], ["/a/x~1y", "/object"])
    ),
    Typed(SinglePayload(LOOSE), {"text": SinglePayload(LOOSE)}, header=None, pointers=["/a/type", "/object"]),
    Typed(SinglePayload(LOOSE), {"1": SinglePayload(LOOSE)}, header="x-delivery", pointers=[]),
]
HANDSHAKES = Handshakes(
    checks=True,
    queries=("a", "challenge"),
    headers=("x-delivery",),
    fields=("challenge", "a"),
    pings=(frozenset({"a", "b"}),),
)
HOOKS = [
    Hook(f"h{number}", reader, verify_tokens=(b"verify",), handshakes=HANDSHAKES)
    for number, reader in enumerate(READERS)
]

NAMES = [
    *sorted({name for model in TRIGGERS.values() for name in model.spellings}),
    "object", "entry", "changes", "value", "messages", "statuses", "contacts", "profile", "wa_id", "errors", "title",
    "customer", "data", "specversion", "type", "challenge", "x/y", "a", "b", "interactive", "button", "",
]  # fmt: skip
TEXTS = [
    "whatsapp_business_account", "url_verification", "text", "interactive", "button", "2026-01-01T00:00:00Z", "1.0",
    "351912345678", "\x00", "\ud800", "sent", '[{"a": 1}]', "[", "deleted",
]  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TEXTS)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=5),
    max_leaves=15,
)
BRACKETS = ["a[b]", "a[b][c]", "a[b][]", "a[b][1]", "a[b][0]", "tags[]", "tags[1]", "tags[-1]", "[]", "a[b", "a[²]"]


def _element(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(key or 'x', inner) for key, inner in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, inner) for inner in value)
    return f"<{name} b='c'>{value}</{name}>"


documents = values.map(lambda value: json.dumps(value).encode())
forms = st.lists(st.tuples(st.sampled_from([*NAMES, *BRACKETS]), st.text())).map(
    lambda fields: "&".join(f"{name}={value}" for name, value in fields).encode(errors="replace")
)
multipart = st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=30))).map(
    lambda parts: (
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(errors="replace"), value)
            for name, value in parts
        )
        + b"--x--\r\n"
    )
)
xml = values.map(lambda value: _element("a", value).encode(errors="replace"))
plain_bodies = documents | forms | multipart | xml | st.binary(max_size=200)
body_bytes = plain_bodies | plain_bodies.map(gzip.compress)

HEADERS: dict[bytes, list[bytes]] = {
    b"content-type": [
        b"application/json", b"application/cloudevents+json", b"application/cloudevents-batch+json",
        b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"multipart/form-data",
        b"multipart/form-data; boundary=", b"text/xml; charset=UTF-8", b"application/soap+xml",
    ],
    b"content-encoding": [b"gzip", b"deflate", b"identity", b"br", b"gzip, gzip"],
    b"ce-specversion": [b"1.0", b"0"],
    b"ce-id": [b"1", b"%ff%00", b""],
    b"ce-source": [b"/a"],
    b"ce-time": [b"2026-01-01T00:00:00Z", b"x"],
    b"authorization": [b"Bearer c2VjcmV0c2VjcmV0", b"Basic !", b"Basic AAAA", b"\xff"],
    b"x-hub-signature-256": [b"sha256=00", b"sha256=\xff"],
    b"stripe-signature": [b"t=1,v1=0", b"t=,v1=", b"t=\xff"],
    b"webhook-id": [b"1"],
    b"webhook-timestamp": [b"0", b"x", b"9" * 400],
    b"webhook-signature": [b"v1,x", b"v1", b" "],
    b"x-slack-signature": [b"v0=0"],
    b"x-slack-request-timestamp": [b"0", b"-1"],
    b"x-twilio-signature": [b"x"],
    b"x-hubspot-signature-v3": [b"x"],
    b"x-hubspot-request-timestamp": [b"0"],
    b"x-delivery": [b"1", b"\xff\x00"],
    b"x-forwarded-proto": [b"https"],
    b"host": [b"a", b"\xff"],
}  # fmt: skip
headers = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(given) | st.binary(max_size=20) for name, given in HEADERS.items()}
)


def outcome(number: int, sent: dict[bytes, bytes], body: bytes) -> str:
    """What becomes of a request to one of the sources: `events`, `refused` or `handshake`. Anything else is raised.

    Each event is one of the contract, and each refusal is a client error that is JSON.
    """
    hook = HOOKS[number % len(HOOKS)]
    method = "GET" if number % 7 == 0 else "POST"
    request = AuthRequest(method, "/v1/hooks/h", body[:50], sent, body, None, 0.0, "http")
    try:
        PROOFS[number % len(PROOFS)].check(request)
    except Refused as refused:
        json.loads(refused.body())
    try:
        handshakes.subscription(hook, b"hub.mode=subscribe&hub.challenge=1&" + body[:100])
    except Refused as refused:
        json.loads(refused.body())
    for told in (handshakes.asked(hook, request), handshakes.said(hook, request)):
        assert told is None or told.status == HTTPStatus.OK
    try:
        read = sent_of(request, Proven(), MOST)
        if read.parts and handshakes.slack(read.parts[0].value) is not None:
            return "handshake"
        brought = events_of(hook, read)
        for one in brought.unread:
            json.dumps(one.alone())
        for event in brought.events:
            found = Event.model_validate_json(event.value)
            assert (found.id, found.key) == (event.identity, event.key)
    except Refused as refused:
        problem = json.loads(refused.body())
        return "refused" if problem["who_must_act"] == "sender" else str(problem)
    return "events"
