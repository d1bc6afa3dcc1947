"""Who can be ill, as a table: what each does beside healthy contacts, and what is taken back after it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from contracts.topics import ACTIONS, EVENTS, RUNS
from services.runtime.kafka import Producer
from tests.bench.isolation.ground import TOKEN, Ground
from tests.bench.isolation.load import SUBJECTS

MESSAGE = '{"message_id": "m@n", "from": "+351 91 @contact", "text": "@n", "contact": {"name": "Inês"}}'
FORM = '{"lead_id": "l@n", "name": "@n", "mobile_number": "91 @contact", "country": "PT"}'
WORK = '{"event_id": "w@n", "contact_id": "@n", "name": "@n", "email": "w@n@example.com"}'
"""Of a contact of its own each."""
ILL_MESSAGE = MESSAGE.replace("91 @contact", "93 @contact")
ILL_NUMBERS = "+35193"
"""How the phones of these begin."""
MESSAGE_FLOW = """\
flow: healthy-message
on: closum.whatsapp.message_received
steps:
  - id: phone
    tool: phone.format
    with: { number: "${ trigger.from }", international: true }
  - action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { n: "${ trigger.text }", phone: "${ phone.e164 }" } }
"""
FORM_FLOW = """\
flow: healthy-form
on: closum.lead.created
steps:
  - id: phone
    tool: phone.format
    with: { number: "${ trigger.mobile_number }", region: "${ dyn(trigger.country) }" }
  - action: http.request
    connection: crm
    with:
      method: POST
      url: /forms
      headers: { x-name: "${ trigger.name }" }
      json: { n: "${ trigger.name }", phone: "${ phone.e164 }" }
"""
HEALTHY = {"message": MESSAGE_FLOW, "form": FORM_FLOW}
"""A form's `country` is taken unseen: what a sender writes there is one of the ills."""
EXTRA_FLOW = """\
flow: extra
on: {trigger}
steps:
{before}  - action: http.request
    connection: {connection}
    with: {{ method: POST, url: {url}, json: {{ contact: "{contact}" }} }}
"""
CONNECTIONS = (
    "crm", "hanging", "cutting", "failing", "away", "busy", "shy", "slow", "mixed", "second", "third", "fourth",
)  # fmt: skip
REFUSING = """\
  refused: { base_url: "http://127.0.0.1:1", idempotency: { header: Idempotency-Key, for: 24h } }
  tokenless:
    base_url: http://127.0.0.1:{port}/tokenless
    authentication: { oauth2: "http://127.0.0.1:1/token", client_id: us, client_secret: { env: HOOK_TOKEN } }
    idempotency: { header: Idempotency-Key, for: 24h }
  limited:
    base_url: http://127.0.0.1:{port}/limited
    limits: { requests_per_second: 20 }
    idempotency: { header: Idempotency-Key, for: 24h }
"""
Beside = Callable[[Ground], AbstractContextManager[None]]


@dataclass(frozen=True)
class Load:
    """What the ill one sends, beside the healthy ones and as long as they."""

    source: str
    body: str
    rate: float
    again: bool = True
    contacts: int = SUBJECTS


@dataclass(frozen=True)
class Case:
    """One ill. `flows`: deployed beside the healthy ones when it begins, away after it. `rules`: at the destination."""

    name: str
    loads: tuple[Load, ...] = ()
    rules: tuple[Mapping[str, Any], ...] = ()
    flows: tuple[str, ...] = ()
    source: str = "messages"
    body: str = MESSAGE
    beside: Beside = field(default=lambda _: contextlib.nullcontext())


def extra(connection: str, *, trigger: str = "closum.contact.updated", url: str = "/calls", before: str = "") -> str:
    """A flow that is ill."""
    contact = "${ trigger.email }" if trigger == "closum.contact.updated" else "${ trigger.from }"
    return EXTRA_FLOW.format(trigger=trigger, connection=connection, url=url, before=before, contact=contact)


def flows_of(*more: str) -> dict[str, str]:
    """What is deployed: the healthy ones, and these."""
    return {**HEALTHY, **{f"more-{number}": text for number, text in enumerate(more)}}


def beside_healthy(name: str, *rules: Mapping[str, Any], **of: Any) -> Case:
    """A second flow, that every healthy message starts too."""
    return Case(name, rules=rules, flows=(extra(trigger="closum.whatsapp.message_received", **of),))


def connection(name: str, to: str, *rules: Mapping[str, Any], rate: float = 40) -> Case:
    """Calls of other contacts to an ill destination."""
    ill = tuple({"path": f"/{to}", **rule} for rule in rules)
    return Case(f"connection: {name}", (Load("work", WORK, rate),), ill, (extra(to),))


def step(name: str, rule: Mapping[str, Any]) -> Case:
    """Calls of other contacts to one path of the connection that healthy ones call."""
    ill = {"path": "/crm/ill", **rule}
    return Case(
        f"step: a path of the healthy connection {name}", (Load("work", WORK, 60),), (ill,), (extra("crm", url="/ill"),)
    )


@contextmanager
def poison(ground: Ground) -> Iterator[None]:
    """Records that nobody can read, on each topic, 20 a second: after the bench's own end, it ends too."""
    stop = threading.Event()
    values: tuple[bytes | None, ...] = (
        b"\xff\xfe{", b"{", b"[]", b"null", b"", None, b'{"specversion":"9"}', b"[" * 500, b'{"run": {}}',
    )  # fmt: skip

    async def put() -> None:
        producer = Producer(ground.settings())
        await producer.start()
        try:
            number = 0
            while not stop.is_set():
                for topic in (EVENTS, ACTIONS, RUNS):
                    value, number = values[number % len(values)], number + 1
                    await producer.send(topic, f"default/+3519{number}".encode(), value)
                await asyncio.sleep(0.15)
        finally:
            await producer.stop()

    thread = threading.Thread(target=lambda: asyncio.run(put()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@contextmanager
def stalled(ground: Ground) -> Iterator[None]:
    """300 connections that stand still: half a head, half a body, nothing at all."""
    head = f"POST /v1/hooks/limited/{TOKEN} HTTP/1.1\r\nHost: x\r\n".encode()
    parts = (b"", head, head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    opened = []
    for number in range(300):
        line = socket.create_connection(("127.0.0.1", ground.ports["ingest"]))
        line.sendall(parts[number % len(parts)])
        opened.append(line)
    try:
        yield
    finally:
        for line in opened:
            line.close()


CASES = (
    Case("record: unreadable ones on every topic", beside=poison),
    Case(
        "contact: 10 whose calls answer 500",
        (Load("messages", ILL_MESSAGE, 20, contacts=10),),
        ({"path": "/crm", "contains": ILL_NUMBERS, "status": 500},),
    ),
    Case(
        "contact: 10 whose calls hang",
        (Load("messages", ILL_MESSAGE, 20, contacts=10),),
        ({"path": "/crm", "contains": ILL_NUMBERS, "hang": True},),
    ),
    Case(
        "contact: one that writes 40 times a second, each call takes 0.2 s",
        (Load("messages", ILL_MESSAGE, 40, contacts=1),),
        ({"path": "/crm", "contains": ILL_NUMBERS, "seconds": 0.2},),
    ),
    Case(
        'sender: forms with `country: "Portugal"`',
        (Load("forms", FORM.replace('"PT"', '"Portugal"'), 20),),
        source="forms",
        body=FORM,
    ),
    Case(
        "sender: names that no header can carry",
        (Load("forms", FORM.replace('"@n", "mob', '"a\\nb @n", "mob'), 20),),
        source="forms",
        body=FORM,
    ),
    Case(
        "sender: data that the destination refuses (422)",
        (Load("forms", FORM.replace('"name": "@n"', '"name": "bad @n"'), 20),),
        ({"path": "/crm", "contains": '"bad ', "status": 422},),
        source="forms",
        body=FORM,
    ),
    beside_healthy("flow: its connection is not there", connection="gone"),
    beside_healthy("flow: its URL is not there (404)", {"path": "/second", "status": 404}, connection="second"),
    beside_healthy(
        "flow: its expression fails for everybody",
        connection="third",
        before='  - set: { number: "${ dyn(trigger).misspelled }" }\n',
    ),
    Case(
        "flow: 150 calls a second where 20 are borne",
        (Load("work", WORK, 150),),
        flows=(extra("limited"),),
    ),
    step("answers 500", {"status": 500}),
    step("hangs", {"hang": True}),
    connection("refused", "refused"),
    connection("hanging", "hanging", {"hang": True}),
    connection("cut", "cutting", {"cut": True}),
    connection("500", "failing", {"status": 500}),
    connection("503", "away", {"status": 503}),
    connection("429 with Retry-After: 30", "busy", {"status": 429, "headers": {"Retry-After": "30"}}),
    connection("401", "shy", {"status": 401}),
    connection("its token endpoint is away", "tokenless"),
    Case("source: ten times what it may send", (Load("limited", WORK, 200, again=False),), flows=(extra("fourth"),)),
    Case("source: 300 connections that stand still", beside=stalled),
    Case(
        "account: another one's 40 calls a second hang",
        (Load("elsewhere", WORK, 40),),
        ({"path": "/mixed", "hang": True},),
        (extra("mixed"),),
    ),
)


@dataclass(frozen=True)
class Fault:
    """A part is struck while healthy contacts call. `strike` returns the moment when it is back.

    `within`: so long after that every lane that waited has moved again.
    """

    name: str
    strike: Callable[[Ground], float]
    within: float = 10.0
    proxied: bool = False


AWAY_SECONDS = 5.0


def killed(service: str) -> Fault:
    """A static member, started again at once, as Kubernetes does."""

    def strike(ground: Ground) -> float:
        ground.kill(service)
        back = time.monotonic()
        ground.start(service)
        return back

    return Fault(f"process: {service} killed, started again", strike, within=5.0)


def part(name: str, how: str) -> Fault:
    """Kafka or PostgreSQL away for some seconds."""

    def strike(ground: Ground) -> float:
        struck = ground.parts.kafka if name == "Kafka" else ground.parts.postgres
        struck.kill() if how == "killed" else struck.stop()
        time.sleep(AWAY_SECONDS)
        struck.start()
        return time.monotonic()

    return Fault(f"{name}: {how}, {AWAY_SECONDS:.0f} s away", strike)


def network(name: str, how: str) -> Fault:
    """The way to Kafka or PostgreSQL, cut or half-open."""

    def strike(ground: Ground) -> float:
        way = ground.proxies[name]
        way.cut() if how == "cut" else way.hold_up()
        time.sleep(AWAY_SECONDS)
        way.heal()
        return time.monotonic()

    return Fault(f"network: to {name} {how} for {AWAY_SECONDS:.0f} s", strike, proxied=True)


FAULTS = (
    *(killed(service) for service in ("actions", "tools", "ingest")),
    part("Kafka", "killed"),
    part("Kafka", "stopped"),
    part("PostgreSQL", "killed"),
    part("PostgreSQL", "stopped"),
    network("Kafka", "cut"),
    network("Kafka", "half-open"),
    network("PostgreSQL", "cut"),
    network("PostgreSQL", "half-open"),
)
