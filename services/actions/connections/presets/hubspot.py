"""HubSpot: its CRM API v3, by the token of a private app."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred

OPENAPI = "https://github.com/HubSpot/HubSpot-public-api-spec-collection (CRM/Contacts v3, 2026-08-21)"
TOKENS = "https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"
LIMITS = "https://developers.hubspot.com/changelog/increasing-our-api-limits"
ACCOUNT = "https://developers.hubspot.com/docs/api-reference/legacy/account/account-information/guide"

PRESET = ConnectionPreset(
    name="hubspot",
    title="HubSpot",
    setup="Settings, Integrations, Private apps: an app with the scopes that are needed; its access token",
    entry={
        "base_url": "https://api.hubapi.com",
        "authentication": {"bearer": secret("TOKEN")},
        "limits": {"requests_per_second": 10, "burst": 50},
        "failure": {"pointer": "/errors", "partly": True},
        "probe": {"path": "/account-info/v3/details"},
    },
    limits="100 calls in 10 s (Professional and above: 190), 4 searches a second; 250,000 a day and more",
    idempotency="nothing; upsert by a unique property: `POST /crm/v3/objects/contacts/batch/upsert` with "
    "`idProperty: email` and `repeat: always`",
    failures="of a batch: `errors`, with 207",
    verify="`GET /crm/v3/objects/contacts/E-MAIL?idProperty=email`; 404 says that there is none",
    creation={
        "method": "POST",
        "url": "/crm/v3/objects/contacts",
        "json": {"properties": {"email": "ines@example.com", "firstname": "Inês"}, "associations": []},
        "verify": {"url": "/crm/v3/objects/contacts/ines%40example.com", "query": {"idProperty": "email"}},
    },
    evidence=(
        confirmed(OPENAPI, "base_url", "idempotency", "verify"),
        confirmed(TOKENS, "authentication"),
        confirmed(LIMITS, "limits"),
        inferred(OPENAPI, "failure"),
        inferred(ACCOUNT, "probe"),
    ),
)
