"""Slack: the Web API, by the token of a bot. Whatever goes wrong is `ok: false` with 200."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred, unread

OPENAPI = "https://github.com/slackapi/slack-api-specs (OpenAPI 1.7.0, 2021-09-07, no longer kept up)"
LIMITS = "https://docs.slack.dev/apis/web-api/rate-limits"
ERRORS = "https://docs.slack.dev/reference/methods/chat.postMessage"
CODES = "https://hex.pm/packages/slack_kit/1.0.0-alpha.0/files/priv/docs/common_errors.json (Slack's own texts)"

PRESET = ConnectionPreset(
    name="slack",
    title="Slack",
    setup="api.slack.com/apps, OAuth & Permissions: scope chat:write, install, the bot token (xoxb-); invite the bot",
    entry={
        "base_url": "https://slack.com/api",
        "authentication": {"bearer": secret("TOKEN")},
        "limits": {"requests_per_second": 1, "burst": 3},
        "failure": {
            "pointer": "/ok",
            "equals": False,
            "code": "/error",
            "means": {
                "not_authed": 401,
                "invalid_auth": 401,
                "account_inactive": 401,
                "token_revoked": 401,
                "token_expired": 401,
                "ratelimited": 429,
                "rate_limited": 429,
                "service_unavailable": 503,
                "internal_error": 500,
                "fatal_error": 500,
            },
        },
        "probe": {"method": "POST", "path": "/auth.test"},
    },
    limits="by method; a message a second and channel",
    failures="`ok: false`, with 200",
    creation={
        "method": "POST",
        "url": "/chat.postMessage",
        "json": {"channel": "C0123456789", "text": "Novo lead: Inês"},
    },
    evidence=(
        confirmed(OPENAPI, "base_url", "probe"),
        inferred(OPENAPI, "authentication"),
        confirmed(LIMITS, "limits"),
        inferred(CODES, "failure"),
        unread(ERRORS, "idempotency", "verify"),
    ),
)
