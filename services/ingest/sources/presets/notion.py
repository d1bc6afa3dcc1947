"""Notion: webhooks of a connection. They tell what changed; what it holds is asked for by its id."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed

HOOKS = "https://developers.notion.com/reference/webhooks"
EVENTS = "https://developers.notion.com/reference/webhooks-events-delivery"

UPDATED = {
    "id": "1782edd6-a853-4d4a-b02c-9c8c16f28e53",
    "timestamp": "2026-03-02T09:30:00.379Z",
    "workspace_id": "13950b26-c203-4f3b-b97d-93ec06319565",
    "workspace_name": "Papelaria",
    "subscription_id": "29d75c0d-5546-4414-8459-7b7a92f1fc4b",
    "integration_id": "0ef2e755-4912-8096-91c1-00376a88a5ca",
    "type": "page.properties_updated",
    "authors": [{"id": "c7c11cca-1d73-471d-9b6e-bdef51470190", "type": "person"}],
    "accessible_by": [{"id": "556a1abf-4f08-40c6-878a-75890d2a88ba", "type": "person"}],
    "attempt_number": 1,
    "entity": {"id": "153104cd-477e-809d-8dc4-ff2d96ae3090", "type": "page"},
    "data": {
        "parent": {"id": "13950b26-c203-4f3b-b97d-93ec06319565", "type": "space"},
        "updated_properties": ["XGe%40", "bDf%5B"],
    },
}

PRESET = Preset(
    name="notion",
    title="Notion",
    setup="the connection, Webhooks, Create a subscription: the address; the verification token that comes is "
    "the secret",
    entry={
        "id": "/id",
        "time": "/timestamp",
        "subject": "/entity/id",
        "handshakes": [{"ping": ["verification_token"]}],
        "answer": {"status": 200},
        "authentication": {"signature": {"header": "X-Notion-Signature", "prefix": "sha256="}, "secret": SECRET},
    },
    retries="up to 8 times within 24 hours, with the same id and attempt_number counting on",
    accepts="200 to 299",
    samples=(Sample("properties of a page were changed", UPDATED),),
    evidence=(
        confirmed(HOOKS, "proof", "handshakes", "answer"),
        confirmed(EVENTS, "id", "time", "type", "retries", *(f"/{name}" for name in UPDATED)),
    ),
    required=("id", "type"),
    free=("/data",),
)
