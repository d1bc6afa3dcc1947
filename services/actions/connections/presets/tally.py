"""Tally: its API, in public beta."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred

GUIDE = "https://developers.tally.so/api-reference/introduction"
USERS = "https://pypi.org/project/pytally-sdk/0.1.5/"

PRESET = ConnectionPreset(
    name="tally",
    title="Tally",
    setup="Settings, API keys: Create API key",
    entry={
        "base_url": "https://api.tally.so",
        "authentication": {"bearer": secret("KEY")},
        "limits": {"requests_per_second": 1.6, "burst": 20},
        "probe": {"path": "/users/me"},
    },
    limits="100 calls a minute",
    evidence=(
        confirmed(GUIDE, "base_url", "authentication", "limits", "failure"),
        inferred(USERS, "probe"),
        assumed(GUIDE, "idempotency", "verify"),
    ),
)
