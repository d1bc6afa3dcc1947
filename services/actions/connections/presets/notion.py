"""Notion: its API, by the secret of an internal integration. Every request names the version."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred, unread

VERSIONS = "https://developers.notion.com/docs/versioning"
CHANGELOG = "https://developers.notion.com/page/changelog"
LIMITS = "https://developers.notion.com/reference/request-limits"
ME = "https://developers.notion.com/changelog/retrieve-information-about-your-token"
PAGES = "https://developers.notion.com/reference/post-page"

PRESET = ConnectionPreset(
    name="notion",
    title="Notion",
    setup="notion.so/profile/integrations: an internal integration, its secret; connect it to the pages",
    entry={
        "base_url": "https://api.notion.com/v1",
        "authentication": {"bearer": secret("TOKEN")},
        "headers": {"Notion-Version": "2026-03-11"},
        "limits": {"requests_per_second": 3},
        "probe": {"path": "/users/me"},
    },
    limits="3 calls a second on average",
    verify="it cannot be asked: its queries are POST",
    creation={
        "method": "POST",
        "url": "/pages",
        "json": {
            "parent": {"data_source_id": "YOUR-DATA-SOURCE"},
            "properties": {"Name": {"title": [{"text": {"content": "Inês Conceição"}}]}},
        },
    },
    evidence=(
        confirmed(VERSIONS, "base_url", "authentication"),
        inferred(CHANGELOG, "headers"),
        confirmed(LIMITS, "limits", "failure"),
        confirmed(ME, "probe"),
        unread(PAGES, "idempotency", "verify"),
    ),
)
