"""Asana: API 1.0, by a personal access token. What is sent and answered stands in `data`."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed

OPENAPI = "https://github.com/Asana/openapi (defs/asana_oas.yaml, 2026-06-11)"
LIMITS = "https://developers.asana.com/docs/rate-limits"

PRESET = ConnectionPreset(
    name="asana",
    title="Asana",
    setup="My settings, Apps, Developer console: Create new token; or a service account",
    entry={
        "base_url": "https://app.asana.com/api/1.0",
        "authentication": {"bearer": secret("TOKEN")},
        "limits": {"requests_per_second": 2.5, "burst": 20, "concurrency": 10},
        "probe": {"path": "/users/me"},
    },
    limits="150 calls a minute (paid: 1,500), 60 searches",
    idempotency="nothing; an app with OAuth may keep `external.gid` and look for `/tasks/external:GID`",
    verify="not soon enough: its search finds a new task late",
    creation={
        "method": "POST",
        "url": "/tasks",
        "json": {"data": {"workspace": "12345", "projects": ["67890"], "name": "Ligar à Inês", "due_on": "2026-12-01"}},
    },
    evidence=(
        confirmed(OPENAPI, "base_url", "idempotency"),
        confirmed(LIMITS, "limits", "authentication", "probe", "failure"),
        assumed(OPENAPI, "verify"),
    ),
)
