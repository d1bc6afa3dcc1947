"""Requests as bytes, sent to the gateway on its real server over sockets that end as a test says."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import json
import socket
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus, urlencode

from starlette.types import Receive, Scope, Send

from contracts.triggers.registry import TRIGGERS
from services.ingest.auth.presets import PRESETS
from services.ingest.readers.items import Items
from services.ingest.readers.single_payload import SinglePayload
from services.ingest.server import HttpServer
from services.ingest.sources.hook import Hook, Hooks
from services.ingest.sources.load import Sources
from tests.support.ingest import BEARER, LEADS, LEADS_TOKEN, Recorder, application, hooks
from tests.support.sockets import reset

EVENTS = "/v1/events"
SIGNED = "/v1/hooks/signed"
SOAP = f"/v1/hooks/soap/{LEADS_TOKEN}"
SMS = f"/v1/hooks/sms/{LEADS_TOKEN}"
SECRET = b"signed-0123456789abcdef"
LEAD = {"email": "ana@example.pt", "name": "Ana Gonçalves", "tags": ["feira", "lisboa"]}
BOUNDARY = b"cut-here"
LAST = "last@example.pt"

Body = tuple[str, dict[str, str], bytes]
"""A path, headers, and a body that is whole."""


def signature(body: bytes) -> str:
    """As GitHub signs."""
    return f"sha256={hmac.digest(SECRET, body, 'sha256').hex()}"


def bodies(email: str = "ana@example.pt") -> dict[str, Body]:
    """The same lead in every encoding, and as a CloudEvent."""
    lead = LEAD | {"email": email}
    whole = json.dumps(lead).encode()
    envelope = {"specversion": "1.0", "id": email, "source": "/shop", "type": "closum.lead.created", "data": lead}
    fields = ((b"email", email.encode()), (b"name", "Ana Gonçalves".encode()), (b"tags", b"feira"))
    parts = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY, name, value)
        for name, value in fields
    )
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return {
        "json": (LEADS, {}, whole),
        "urlencoded": (
            LEADS,
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"&".join(b"%s=%s" % (name, quote_plus(value).encode()) for name, value in fields),
        ),
        "multipart": (
            LEADS,
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"},
            parts + b"--%s--\r\n" % BOUNDARY,
        ),
        "gzip": (LEADS, {"Content-Encoding": "gzip"}, gzip.compress(whole)),
        "gzip of two members": (
            LEADS,
            {"Content-Encoding": "gzip"},
            gzip.compress(whole[:-1]) + gzip.compress(whole[-1:]),
        ),
        "deflate": (LEADS, {"Content-Encoding": "deflate"}, zlib.compress(whole)),
        "raw deflate": (LEADS, {"Content-Encoding": "deflate"}, raw.compress(whole) + raw.flush()),
        "xml": (
            SOAP,
            {"Content-Type": "text/xml; charset=utf-8"},
            b"<lead>%s</lead>" % b"".join(b"<%s>%s</%s>" % (name, value, name) for name, value in fields),
        ),
        "signed": (SIGNED, {"X-Hub-Signature-256": signature(whole)}, whole),
        "an event": (EVENTS, BEARER, json.dumps(envelope).encode()),
        "a batch": (
            EVENTS,
            BEARER | {"Content-Type": "application/cloudevents-batch+json"},
            json.dumps([envelope]).encode(),
        ),
    }


BODIES = bodies()


def query(email: str) -> Body:
    """The same lead in the address of a GET, as SMS gateways send: a request without a body."""
    return f"{SMS}?{urlencode({'email': email, 'name': 'Ana Gonçalves', 'tags': 'feira'})}", {}, b""


def framed(
    path: str, headers: dict[str, str], body: bytes, framing: str, connection: str = "close"
) -> tuple[bytes, bytes]:
    """Head and body of a whole request, the body as it goes over the wire. `framing`: `length`, `chunked` or `GET`."""
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if framing == "length":
        told += f"Content-Length: {len(body)}\r\n"
    elif framing == "chunked":
        told += "Transfer-Encoding: chunked\r\n"
        pieces = [body[a:b] for a, b in pairwise((0, len(body) // 3, len(body) // 2, len(body)))]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    method = "GET" if framing == "GET" else "POST"
    return f"{method} {path} HTTP/1.1\r\nHost: ingest\r\nConnection: {connection}\r\n{told}\r\n".encode(), body


def sources() -> Sources:
    """The two hooks of the example sources file, one whose sender signs, one for XML, and one for GET."""
    lead, tokens = SinglePayload(TRIGGERS["closum.lead.created"]), (LEADS_TOKEN.encode(),)
    signed = Hook("signed", lead, proof=PRESETS["github"]((SECRET,), 300, None))
    soap, sms = Hook("soap", Items("/lead", lead), tokens), Hook("sms", lead, tokens, from_query=True)
    return Sources(Hooks([*hooks(), signed, soap, sms]))


class Gateway:
    """The gateway on its real server; requests that it has begun and has not ended are counted."""

    def __init__(self) -> None:
        self.app, self.recorder = application(sources())
        self.server = HttpServer(self._counted, "127.0.0.1", 0, 100, 75)
        self._at_work = 0
        self._idle = asyncio.Event()

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._at_work += 1
        self._idle.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._idle.set()

    async def send(self, sent: bytes | Sequence[tuple[float, bytes]], end: str = "") -> bytes:
        """Send bytes, end the connection so, and answer what is answered: nothing where nobody reads any more.

        In pieces: each after so many seconds.
        """
        reader, writer = await asyncio.open_connection(*self.server.address)
        writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for pause, piece in [(0.0, sent)] if isinstance(sent, bytes) else sent:
                if pause:
                    await asyncio.sleep(pause)
                writer.write(piece)
                await writer.drain()
            if end == "reset":
                await asyncio.sleep(0.01)  # what is reset before it was read may not be read at all
                reset(writer)
            if end == "half-close":
                writer.write_eof()
            return await asyncio.wait_for(reader.read(), 10) if end in {"", "half-close"} else b""
        except ConnectionError:
            return b""
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def settled(self) -> None:
        """Wait until the server has met every connection before this one, and ended every request."""
        assert b"202" in (await self.send(b"".join(framed(LEADS, {}, b'{"email": "%s"}' % LAST.encode(), "length"))))
        await self._idle.wait()


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """The gateway, listening."""
    made = Gateway()
    serving = asyncio.create_task(made.server.serve())
    while True:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection(*made.server.address)
            writer.close()
            break
        await asyncio.sleep(0.02)
    yield made
    await made.server.stop(5)
    with suppress(RuntimeError):
        await serving


def data(recorder: Recorder) -> list[Any]:
    """The payloads that Kafka got, without the one that `settled` sends."""
    return [event["data"] for _, event in recorder.records if event["data"]["email"] != LAST]
