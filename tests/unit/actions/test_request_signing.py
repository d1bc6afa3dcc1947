"""Requests of ours, signed: judged by the official library of Standard Webhooks, and by the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.actions.connections.request_signing import RequestSigning, standard_webhooks
from services.actions.request_headers import request_headers
from services.actions.world import World

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the check value of Standard Webhooks 1.0.0
OWN = RequestSigning(b"k", "X-Signature", prefix="sha256=")


def at(signing: RequestSigning, wall: float) -> RequestSigning:
    return replace(signing, world=World(wall=lambda: wall))


def test_it_is_the_check_value_of_standard_webhooks() -> None:
    made = at(standard_webhooks(f"whsec_{SECRET}"), 1614265330.9).headers(
        "POST", "https://x", "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    )
    assert made == {
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "webhook-timestamp": "1614265330",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    }


@given(st.binary(), st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_its_library_takes_whatever_we_send(body: bytes, effect_id: str) -> None:
    """Its times are checked against the clock, so the signature is taken apart from them."""
    made = at(standard_webhooks(SECRET), 1772443800.0).headers("PUT", "https://x", effect_id, body)
    signed = hmac.new(base64.b64decode(SECRET), f"{effect_id}.1772443800.".encode() + body, hashlib.sha256).digest()
    assert made["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


def test_its_library_verifies_it() -> None:
    body = '{"name": "Inês"}'
    made = standard_webhooks(SECRET).headers("POST", "https://x", "e1", body.encode())
    assert Webhook(SECRET).verify(body, made) == {"name": "Inês"}
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(body + " ", made)


@pytest.mark.parametrize(
    ("signing", "message", "more"),
    [
        (OWN, b"{}", {}),
        (replace(OWN, algorithm="sha512"), b"{}", {}),
        (replace(OWN, encoding="base64"), b"{}", {}),
        (
            replace(OWN, signs="{timestamp}:{method}:{url}:{body}", timestamp_header="X-Time", timestamp_unit="ms"),
            b"1772443800250:POST:https://x/y?z=1:{}",
            {"X-Time": "1772443800250"},
        ),
        (
            replace(OWN, signs="{id}{timestamp}{body}", timestamp_header="T", timestamp_unit="iso8601", id_header="I"),
            b"e12026-03-02T09:30:00Z{}",
            {"T": "2026-03-02T09:30:00Z", "I": "e1"},
        ),
    ],
)
def test_each_declared_form(signing: RequestSigning, message: bytes, more: dict[str, str]) -> None:
    digest = hmac.new(b"k", message, getattr(hashlib, signing.algorithm)).digest()
    shown = digest.hex() if signing.encoding == "hex" else base64.b64encode(digest).decode()
    made = at(signing, 1772443800.25).headers("POST", "https://x/y?z=1", "e1", b"{}")
    assert made == {"X-Signature": f"sha256={shown}", **more}
    assert "b'k'" not in repr(signing)


def test_a_step_cannot_write_a_signature() -> None:
    """In whatever case: two lines of one name would be neither."""
    for name in standard_webhooks(SECRET).names:
        with pytest.raises(CallFailedError, match="signature stands") as raised:
            request_headers({name.upper(): "x"}, {}, standard_webhooks(SECRET).names, media_type=None, key=None)
        assert raised.value.code is ErrorCode.INPUT_INVALID
