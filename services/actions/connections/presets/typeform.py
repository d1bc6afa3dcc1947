"""Typeform: its API. Accounts of the European data centre are at api.eu.typeform.com."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import inferred, unread

ACCOUNT = "https://rdrr.io/cran/rtypeform/src/R/get_me.R (GET /me)"
GUIDE = "https://www.typeform.com/developers/get-started/"
OTHERS = "https://bruin-data.github.io/ingestr/supported-sources/typeform.html"
CLIENT = "https://github.com/lirantal/typeform-client/issues/34"
WEBHOOKS = "https://app.unpkg.com/@typeform/api-client@1.12.0/files/dist/webhooks.d.ts"

PRESET = ConnectionPreset(
    name="typeform",
    title="Typeform",
    setup="Your settings, Personal tokens: Generate a new token",
    entry={
        "base_url": "https://api.typeform.com",
        "authentication": {"bearer": secret("TOKEN")},
        "limits": {"requests_per_second": 2},
        "probe": {"path": "/me"},
    },
    limits="2 calls a second",
    idempotency="not needed: `PUT` of a webhook by its tag is the same twice",
    verify="not needed: `PUT` is the same twice",
    creation={
        "method": "PUT",
        "url": "/forms/YOUR-FORM/webhooks/closum",
        "json": {"url": "https://hooks.example.com/v1/hooks/typeform", "enabled": True},
    },
    evidence=(
        inferred(OTHERS, "base_url", "authentication"),
        inferred(CLIENT, "limits"),
        inferred(ACCOUNT, "probe", read="2026-12-01"),
        unread(GUIDE, "failure"),
        inferred(WEBHOOKS, "idempotency", "verify"),
    ),
)
