"""Pipedrive: API v2 by a personal token. Its OpenAPI document is read as the official client that is made from it."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred

CLIENT = "https://github.com/pipedrive/client-nodejs (32.2.1, 2026-04-20, made from its OpenAPI document)"
LIMITS = "https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting"

PRESET = ConnectionPreset(
    name="pipedrive",
    title="Pipedrive",
    setup="Personal preferences, API: the token",
    entry={
        "base_url": "https://api.pipedrive.com/api/v2",
        "authentication": {"header": "x-api-token", "secret": secret("TOKEN")},
        "limits": {"requests_per_second": 10, "burst": 20},
        "failure": {"pointer": "/success", "equals": False},
        "probe": {"path": "/pipelines?limit=1"},
    },
    limits="tokens by seat, plan and day: 2 for a record, 20 for a list, 40 for a search; about 20 calls in 2 s at the "
    "lowest plan",
    failures="`success: false`",
    verify="`GET /persons/search` with `exact_match`",
    creation={
        "method": "POST",
        "url": "/persons",
        "json": {"name": "Inês Conceição", "emails": [{"value": "ines@example.com", "primary": True, "label": "work"}]},
        "verify": {
            "url": "/persons/search",
            "query": {"term": "ines@example.com", "fields": "email", "exact_match": True},
            "json_schema": {
                "required": ["data"],
                "properties": {"data": {"required": ["items"], "properties": {"items": {"minItems": 1}}}},
            },
        },
    },
    evidence=(
        confirmed(CLIENT, "base_url", "authentication", "probe", "verify"),
        inferred(LIMITS, "limits"),
        inferred(CLIENT, "failure"),
        assumed(CLIENT, "idempotency"),
    ),
)
