"""Meta: the Graph API, by the token of a system user; such as conversions of leads (Conversions API)."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred, unread

VERSIONS = "https://developers.facebook.com/docs/graph-api/guides/versioning"
TOKENS = "https://developers.facebook.com/documentation/ads-commerce/conversions-api"
TWICE = "https://developers.facebook.com/documentation/ads-commerce/conversions-api/deduplicate-pixel-and-server-events"
SUPPORT = "https://developers.facebook.com/documentation/ads-commerce/conversions-api/support"
LIMITS = "https://developers.facebook.com/docs/graph-api/overview/rate-limiting"

PRESET = ConnectionPreset(
    name="meta",
    title="Meta",
    setup="Business settings, System users: a token with the permissions that are needed",
    entry={
        "base_url": "https://graph.facebook.com/v25.0",
        "authentication": {"bearer": secret("TOKEN")},
        "probe": {"path": "/me?fields=id"},
    },
    limits="by app, account and hour; told in the header X-App-Usage",
    idempotency="nothing by header; of conversions `event_id`: Meta leaves out a second one of 48 h",
    creation={
        "method": "POST",
        "url": "/YOUR-DATASET-ID/events",
        "json": {
            "data": [
                {
                    "event_name": "Lead",
                    "event_time": 1772443800,
                    "event_id": "1001",
                    "action_source": "system_generated",
                    "user_data": {"em": ["f660ab912ec121d1b1e928a0bb4bc61b15f5ad44d5efdc4e1c92a25e99b8e44a"]},
                }
            ]
        },
    },
    evidence=(
        inferred(VERSIONS, "base_url"),
        inferred(TOKENS, "authentication"),
        inferred(TWICE, "idempotency"),
        confirmed(SUPPORT, "failure"),
        unread(LIMITS, "limits", "probe"),
        assumed(TWICE, "verify"),
    ),
)
