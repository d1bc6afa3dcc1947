"""ClickUp: API v2, by a personal token, which stands in the header without `Bearer`."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred

OPENAPI = "https://developer.clickup.com/openapi/clickup-api-v2-reference.json (2.0, read in a copy of 2026)"
USER = "https://www.skills.sh/vm0-ai/vm0-skills/clickup (GET /api/v2/user)"
LIMITS = "https://developer.clickup.com/docs/rate-limits"
FILTERS = "https://developer.clickup.com/docs/taskfilters"
FIELD = "0a52c486-5f05-403b-b4fd-c512ff05131c"

PRESET = ConnectionPreset(
    name="clickup",
    title="ClickUp",
    setup="Settings, Apps: API token (pk_)",
    entry={
        "base_url": "https://api.clickup.com/api/v2",
        "authentication": {"header": "Authorization", "secret": secret("TOKEN")},
        "limits": {"requests_per_second": 1.6, "burst": 20},
        "probe": {"path": "/user"},
    },
    limits="100 calls a minute (Business Plus 1,000, Enterprise 10,000)",
    idempotency="nothing; a custom field may keep an external id to search by",
    verify="`GET /list/LIST/task` by a text field, with `==`: `=` finds what is like it",
    creation={
        "method": "POST",
        "url": "/list/901/task",
        "json": {
            "name": "Ligar à Inês",
            "custom_fields": [{"id": FIELD, "value": "1001"}],
        },
        "verify": {
            "url": "/list/901/task",
            "query": {"custom_fields": f'[{{"field_id": "{FIELD}", "operator": "==", "value": "1001"}}]'},
            "json_schema": {"required": ["tasks"], "properties": {"tasks": {"minItems": 1}}},
        },
    },
    evidence=(
        confirmed(OPENAPI, "base_url", "authentication"),
        confirmed(LIMITS, "limits", "failure"),
        assumed(OPENAPI, "idempotency"),
        inferred(USER, "probe", read="2026-12-01"),
        confirmed(FILTERS, "verify"),
    ),
)
