"""Pipedrive: webhooks of version 2; those of version 1 come through too."""

from services.ingest.sources.presets.preset import TOKEN, Preset, Sample, confirmed, inferred

GUIDE = "https://pipedrive.readme.io/docs/guide-for-webhooks-v2"
MIGRATION = "https://pipedrive.readme.io/docs/webhooks-v2-migration-guide"
COMMUNITY = "https://devcommunity.pipedrive.com/t/troubleshooting-webhook-delivery-and-payload-structure/4964"

DEAL = {
    "data": {
        "id": 8,
        "title": "Papelaria, 40 cadernos",
        "value": 100,
        "currency": "EUR",
        "status": "open",
        "stage_id": 2,
        "pipeline_id": 1,
        "person_id": 8,
        "org_id": 1,
        "owner_id": 12415231,
        "add_time": "2026-03-02T09:18:55Z",
        "update_time": "2026-03-02T09:30:00Z",
        "lost_reason": None,
        "label_ids": [24, 25],
        "custom_fields": {"3d0fa3429dfa2d3dec265b4fc5dc8258ab66cdf3": {"type": "varchar", "value": "Feira"}},
    },
    "previous": {"stage_id": 1, "update_time": "2026-03-02T09:20:00Z"},
    "meta": {
        "action": "change",
        "company_id": "8087566",
        "correlation_id": "4095519f-02cb-44bc-bd2f-551d5383f202",
        "entity_id": "8",
        "entity": "deal",
        "id": "71825ee0-0054-4267-b5fd-d28b7a414212",
        "is_bulk_edit": False,
        "timestamp": "2026-03-02T09:30:00.089Z",
        "type": "general",
        "user_id": "12415231",
        "version": "2.0",
        "webhook_id": "4710827",
        "webhook_owner_id": "12094821",
        "change_source": "app",
        "permitted_user_ids": ["12415231"],
        "attempt": 1,
        "host": "papelaria.pipedrive.com",
    },
}
PERSON = {
    "data": {
        "id": 8,
        "name": "Inês Conceição",
        "first_name": "Inês",
        "last_name": "Conceição",
        "emails": [{"label": "work", "primary": True, "value": "ines@example.com"}],
        "phones": [{"label": "mobile", "primary": True, "value": "912 345 678"}],
        "org_id": None,
    },
    "previous": None,
    "meta": {**DEAL["meta"], "action": "create", "entity": "person", "id": "b66e9392-fe41-4425-9bef-a1d32bf2df8c"},
}
FIRST_VERSION = {
    "v": 1,
    "meta": {
        "v": 1,
        "action": "updated",
        "object": "deal",
        "id": 8,
        "company_id": 8087566,
        "user_id": 12415231,
        "host": "papelaria.pipedrive.com",
        "timestamp": 1772443800,
        "timestamp_micro": 1772443800384700,
        "permitted_user_ids": [12415231],
        "is_bulk_update": False,
        "webhook_id": 4710827,
    },
    "retry": 0,
    "current": {"id": 8, "title": "Papelaria, 40 cadernos", "stage_id": 2, "value": 100},
    "previous": {"id": 8, "title": "Papelaria, 40 cadernos", "stage_id": 1, "value": 100},
    "event": "updated.deal",
}

PRESET = Preset(
    name="pipedrive",
    title="Pipedrive",
    setup="Settings, Tools and apps, Webhooks, version 2: the whole address with its token",
    entry={
        # In version 1 `meta.id` is the deal's own, so that it alone would take each later stage for a duplicate.
        "id": {"all": ["/meta/id", "/meta/timestamp", "/meta/timestamp_micro", "/meta/webhook_id"]},
        "time": "/meta/timestamp",
        "subject": ["/meta/entity_id", "/meta/id"],
        "answer": {"status": 200},
        "token": TOKEN,
    },
    retries="three times",
    accepts="200 to 299",
    samples=(
        Sample("a deal has a new stage", DEAL),
        Sample("a person is added", PERSON),
        Sample("version 1", FIRST_VERSION),
    ),
    evidence=(
        confirmed(GUIDE, "proof", "retries", "time", "type", "/meta", "/data", "/previous"),
        confirmed(COMMUNITY, "answer"),
        inferred(COMMUNITY, "id"),
        confirmed(MIGRATION, "/v", "/retry", "/current", "/event"),
    ),
    required=("meta",),
    free=(
        "/data/value",
        "/data/custom_fields",
        "/data/status",
        "/data/lost_reason",
        "/previous",
        "/current",
        "/meta/permitted_user_ids",
    ),
)
