"""Bitrix24: the REST API of a portal, by a local application. The secret of an incoming webhook stands in its path."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred

DOCS = "https://github.com/bitrix24/b24restdocs (2026-08-21): "
OAUTH, LIMITS = f"{DOCS}settings/oauth/index.md", f"{DOCS}limits.md"
ERRORS, BATCH = f"{DOCS}error-codes.md", f"{DOCS}settings/how-to-call-rest-api/batch.md"
ADD, LIST = f"{DOCS}api-reference/crm/universal/crm-item-add.md", f"{DOCS}api-reference/crm/universal/crm-item-list.md"
BEARER = f"{DOCS}api-reference/tasks/flow/tasks-flow-flow-create.md"

PRESET = ConnectionPreset(
    name="bitrix24",
    title="Bitrix24",
    setup="Developer resources, Other, Local application (server, API only), scope crm, with the handler "
    "http://127.0.0.1:8912/callback; if it takes no such address, bring a token: refresh_token",
    entry={
        "base_url": "https://YOUR-PORTAL.bitrix24.com/rest",
        "authentication": {
            "oauth2": "https://oauth.bitrix.info/oauth/token/",
            "grant": "refresh_token",
            "client_id": "YOUR-CLIENT-ID",
            "client_secret": secret("SECRET"),
            "client_in": "body",
            "sign_in": {"address": "https://YOUR-PORTAL.bitrix24.com/oauth/authorize/"},
        },
        "limits": {"requests_per_second": 2, "burst": 50},
        "failure": [
            {
                "pointer": "/error",
                "code": "/error",
                "means": {
                    "expired_token": 401,
                    "invalid_token": 401,
                    "NO_AUTH_FOUND": 401,
                    "QUERY_LIMIT_EXCEEDED": 503,
                    "OVERLOAD_LIMIT": 503,
                    "INTERNAL_SERVER_ERROR": 500,
                },
            },
            {"pointer": "/result/result_error", "partly": True},
        ],
        "probe": {"path": "/profile"},
    },
    limits="2 calls a second after 50 (Enterprise: 5 after 250), then 503 QUERY_LIMIT_EXCEEDED",
    idempotency="nothing; `originatorId` and `originId` keep an external id to search by",
    failures="`error` beside or instead of a status; of a batch `result.result_error`, with 200",
    verify="`GET /crm.item.list` by `originId`",
    creation={
        "method": "POST",
        "url": "/crm.item.add",
        "json": {"entityTypeId": 1, "fields": {"title": "Inês", "originatorId": "closum", "originId": "1001"}},
        "verify": {
            "url": "/crm.item.list",
            "query": {"entityTypeId": 1, "filter[originatorId]": "closum", "filter[originId]": "1001"},
            "json_schema": {
                "required": ["result"],
                "properties": {"result": {"required": ["items"], "properties": {"items": {"minItems": 1}}}},
            },
        },
    },
    evidence=(
        confirmed(OAUTH, "base_url", "token_address"),
        inferred(BEARER, "authentication"),
        confirmed(LIMITS, "limits"),
        confirmed(f"{ERRORS}, {BATCH}", "failure"),
        inferred(ADD, "idempotency"),
        inferred(LIST, "verify"),
        confirmed(f"{DOCS}api-reference/common/users/profile.md", "probe"),
    ),
)
