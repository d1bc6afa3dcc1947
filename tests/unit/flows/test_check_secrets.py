"""Secrets that stand in a flow are found; what only looks like one is left alone."""

from __future__ import annotations

import pytest

from services.flows.secrets import looks_like, masked
from tests.support.flows import faults_of, flow_text, texts_of

# Put together here, so that no scanner takes this file for a leak.
FAKE = {
    "AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub": "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345",
    "GitLab": "glpat-" + "0123456789abcdefghij",
    "Stripe": "sk_live_" + "0123456789abcdefgh",
    "Slack": "xoxb-" + "0123456789-abcdefghij",
    "a webhook of Slack": "https://hooks.slack.com/services/" + "T0000/B0000/0123456789abcdefghij",
    "Google": "AIza" + "0123456789abcdefghijABCDEFGHIJ01234",
    "SendGrid": "SG." + "0123456789abcdefgh.0123456789abcdefgh",
    "Mailchimp": "0123456789abcdef0123456789abcdef" + "-us12",
    "Twilio": "SK" + "0123456789abcdef0123456789abcdef",
    "Meta": "EAA" + "0123456789abcdefghijABCDEFGHIJ01234",
    "HubSpot": "pat-na1-" + "01234567-89ab-cdef-0123-456789abcdef",
    "OpenAI": "sk-" + "0123456789abcdefghij",
    "Telegram": "123456789:AA" + "0123456789abcdefghijABCDEFGHIJ012",
    "Standard Webhooks": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "JSON Web Token": "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "dozjgNryP4J3jVmNHl0w",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
    "password in an address": "https://ana:" + "hunter22@example.com/x",
    "header": "Bearer " + "0123456789abcdef",
    "key in an address": "https://api.example.com/v2/lead/?api-key=" + "0123456789",
    "hex": "0123456789abcdef" * 2,
    "random": "Tr0ub4dor3Zx9Qq7Lm2Pp8",
}
HARMLESS = [
    "welcome_template_2026_PT",
    "a-flow-name-that-is-quite-long-and-has-2026-in-it",
    "Olá! Recebemos a sua mensagem e respondemos em 24 horas.",
    "https://example.com/a/very/long/path?page=2&utm_source=newsletter-2026",
    "/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgVE2upms",
    "550e8400-e29b-41d4-a716-446655440000",
    "+351912345678",
    "2026-05-31T14:30:00+01:00",
    "00000000000000000000000000000000",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "contact_lifecycle_stage_id",
    "Bearer of good news",
    "token",
    "ContactUpdatedInClosumByTheSalesTeam",
]


@pytest.mark.parametrize("secret", FAKE.values(), ids=FAKE)
def test_a_secret_is_found_where_it_stands(secret: str) -> None:
    """As a value, inside a text, in a list of a map, in an expression."""
    assert looks_like(secret)
    assert faults_of(flow_text(f"- set: {{ a: '{secret}' }}")) == ["4:13 secret_in_flow"]
    assert faults_of(flow_text(f"- set: {{ a: {{ b: ['{secret}'] }} }}")) == ["4:19 secret_in_flow"]
    assert faults_of(flow_text(f"- set: {{ a: '{secret} ${{ trigger.id }}' }}")) == ["4:13 secret_in_flow"]
    assert faults_of(flow_text(f'- set:\n    a: ${{ trigger.from == "{secret}" }}')) == ["5:11 secret_in_flow"]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none_passes(text: str) -> None:
    """Names, sentences, ids in paths, dates and UUIDs."""
    assert looks_like(text) is None
    assert faults_of(flow_text(f"- set: {{ a: '{text}' }}")) == []


def test_a_name_tells() -> None:
    """What stands under `password` is one, unless it is a placeholder or comes from an expression."""
    assert faults_of(flow_text("- set: { password: hunter22 }")) == ["4:20 secret_in_flow"]
    assert faults_of(flow_text("- set: { a: { x-api-key: hunter22 } }")) == ["4:26 secret_in_flow"]
    assert faults_of(flow_text("- set: { password: '${ trigger.id }', api_key: '****', secret: no }")) == []


def test_the_fault_says_where_secrets_belong_and_does_not_repeat_them() -> None:
    """A fault is printed in build logs."""
    text = texts_of(flow_text(f"- set: {{ a: '{FAKE['Stripe']}' }}"))
    assert "connection" in text
    assert FAKE["Stripe"] not in text


def test_a_secret_is_found_in_waits_and_writes() -> None:
    """In what ends a wait early, in the condition of it, and in what a call says that it writes."""
    secret = FAKE["Stripe"]
    cancel = "- wait: 2h\n  cancel_on: { trigger: shop.ordered, key: '%s', match: '${ trigger.from == \"%s\" }' }\n"
    assert "5:44 secret_in_flow" in faults_of(flow_text(cancel % (f"{secret} ${{ trigger.from }}", "x")))
    assert any(
        fault.endswith("secret_in_flow") for fault in faults_of(flow_text(cancel % ("${ trigger.from }", secret)))
    )
    assert any(fault.endswith("secret_in_flow") for fault in faults_of(flow_text(f"- wait: {{ until: '{secret}' }}")))
    call = "- action: http.call\n  connection: gateway\n  with: { method: POST, url: /x }\n  writes: { %s }\n"
    for writes in (f"id: x, fields: {{ note: '{secret}' }}", f"id: '{secret} ${{ trigger.id }}', fields: {{ a: b }}"):
        assert any(
            fault.startswith("7:") and fault.endswith("secret_in_flow") for fault in faults_of(flow_text(call % writes))
        )


HEX = "0123456789abcdef0123456789abcdef"


def test_ids_and_checksums_are_none_where_their_name_says_so() -> None:
    """Under `…_id`, `hash` and the like, and compared with such a field; elsewhere 32 signs of hex are a key."""
    for name in ("list_id", "listId", "uuid", "md5"):
        assert faults_of(flow_text(f"- set: {{ a: {{ {name}: {HEX} }} }}")) == []
    assert faults_of(flow_text(f"- set: {{ a: {{ database_id: {HEX}01234567 }} }}")) == []
    assert faults_of(flow_text(f"""- set:\n    a: ${{ trigger.id == "{HEX}" }}""")) == []
    assert faults_of(flow_text(f"- set: {{ a: {{ note: {HEX} }} }}")) == ["4:21 secret_in_flow"]
    stripe = FAKE["Stripe"]
    assert faults_of(flow_text(f"- set: {{ a: {{ price_id: {stripe} }} }}")) == ["4:25 secret_in_flow"]


def test_what_is_none_says_why_on_its_line() -> None:
    """A reason is needed; then nothing is reported."""
    assert faults_of(flow_text(f"- set:\n    a: {HEX} # not-a-secret: the id of our price list")) == []
    told = texts_of(flow_text(f"- set:\n    a: {HEX} # not-a-secret"))
    assert "secret_in_flow" in told
    assert "say why" in told
    assert "`# not-a-secret: why`" in texts_of(flow_text(f"- set: {{ a: {HEX} }}"))


@pytest.mark.parametrize("secret", FAKE.values(), ids=FAKE)
def test_no_output_repeats_a_secret(secret: str) -> None:
    """Neither the line that is shown, nor another fault of the same value."""
    line = f"    a: '{secret}'"
    assert secret not in masked(line)
    assert len(masked(line)) == len(line)
    told = texts_of(
        flow_text(f"- wait: '{secret}'\n- set: {{ a: '${{ {secret} }}' }}\n- stop: '${{ trigger.{secret} }}'")
    )
    assert secret not in told
