"""Stripe: API v1, by a secret or restricted key. Bodies are forms."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred

KEYS = "https://docs.stripe.com/idempotency"
LIMITS = "https://docs.stripe.com/rate-limits"
LIBRARY = "https://github.com/stripe/stripe-python (16.1.0, 2026-10-28.endive, made from its OpenAPI document)"
ERRORS = "https://docs.stripe.com/api/errors"

PRESET = ConnectionPreset(
    name="stripe",
    title="Stripe",
    setup="Developers, API keys: a restricted key with what is needed",
    entry={
        "base_url": "https://api.stripe.com/v1",
        "authentication": {"bearer": secret("KEY")},
        "idempotency": {"header": "Idempotency-Key", "for": "24h"},
        "limits": {"requests_per_second": 20},
        "probe": {"path": "/balance"},
    },
    limits="100 calls a second (sandbox 25), 25 an endpoint",
    idempotency="`Idempotency-Key`, kept for 24 h at least; a key of 255 characters at most",
    verify="not needed: it recognises a repetition",
    creation={
        "method": "POST",
        "url": "/customers",
        "form": {"email": "ines@example.com", "name": "Inês Conceição", "metadata[closum]": "1001"},
    },
    evidence=(
        confirmed(KEYS, "base_url", "idempotency", "idempotency.for", "verify"),
        confirmed(LIMITS, "limits"),
        inferred(LIBRARY, "authentication", "probe"),
        confirmed(ERRORS, "failure", read="2026-12-01"),
    ),
)
