"""Zoho CRM: API v8 of the European data centre. In others `eu` is com, in, com.au, jp, ca or sa, in all addresses."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred, unread

UPSERT = "https://www.zoho.com/crm/developer/docs/api/v8/upsert-records.html"
TOKENS = "https://www.zoho.com/accounts/protocol/oauth/web-apps/access-token-expiry.html"
LIMITS = "https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html (as a summary of 2026-08-13 has it)"
SEARCH = "https://www.zoho.com/es-xl/crm/help/api-diff/searchRecords.html (of v2; 204 is not in it)"
ORG = "https://www.zoho.com/crm/developer/docs/api/v8/get-org-data.html"

PRESET = ConnectionPreset(
    name="zoho",
    title="Zoho CRM",
    setup="api-console.zoho.eu: a server-based client with the redirect http://127.0.0.1:8912/callback",
    entry={
        "base_url": "https://www.zohoapis.eu/crm/v8",
        "authentication": {
            "oauth2": "https://accounts.zoho.eu/oauth/v2/token",
            "grant": "refresh_token",
            "client_id": "YOUR-CLIENT-ID",
            "client_secret": secret("SECRET"),
            "client_in": "body",
            "scope": "ZohoCRM.modules.ALL,ZohoCRM.org.READ",
            "scheme": "Zoho-oauthtoken",
            "sign_in": {
                "address": "https://accounts.zoho.eu/oauth/v2/auth",
                "more": {"access_type": "offline", "prompt": "consent"},
            },
        },
        "limits": {"concurrency": 5},
        "failure": [
            {"pointer": "/data/*/status", "equals": "error"},
            {
                "pointer": "/status",
                "equals": "error",
                "code": "/code",
                "means": {"INVALID_TOKEN": 401, "AUTHENTICATION_FAILURE": 401, "TOO_MANY_REQUESTS": 429},
            },
        ],
        "probe": {"path": "/org"},
    },
    limits="5 to 25 calls at once by edition; credits by day and user",
    idempotency="nothing; upsert by a field: `POST /Leads/upsert` with `duplicate_check_fields` and `repeat: always`",
    failures="`data[].status: error` with 200, 202 or 207",
    verify="`GET /Leads/search`; 204 says that there is none",
    creation={
        "method": "POST",
        "url": "/Leads",
        "json": {"data": [{"Last_Name": "Conceição", "Company": "Papelaria", "Email": "ines@example.com"}]},
        "verify": {
            "url": "/Leads/search",
            "query": {"email": "ines@example.com"},
            "expect_status": [200],
            "absent_status": [204],
        },
    },
    evidence=(
        confirmed(UPSERT, "base_url", "authentication", "idempotency"),
        inferred(UPSERT, "failure"),
        confirmed(TOKENS, "token_address"),
        inferred(LIMITS, "limits", read="2026-12-01"),
        inferred(SEARCH, "verify", read="2026-12-01"),
        unread(ORG, "probe"),
    ),
)
