"""Zoho CRM: notifications of the API `actions/watch`. What a workflow's webhook sends is chosen there."""

from services.ingest.sources.presets.preset import TOKEN, Preset, Sample, assumed, confirmed, inferred

WATCH = "https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html"
ENABLE = "https://www.zoho.com/crm/developer/docs/api/v7/notifications/enable.html"
SAMPLE = "https://github.com/amp-labs/connectors/blob/main/providers/zoho/subscriptionEvent.go"

UPDATED = {
    "server_time": 1772443800787,
    "affected_values": [
        {"record_id": "6756839000000575405", "values": {"Company": "Papelaria", "Phone": "912 345 678"}},
    ],
    "query_params": {},
    "module": "Leads",
    "resource_uri": "https://www.zohoapis.com/crm/v2/Leads",
    "ids": ["6756839000000575405"],
    "affected_fields": [{"6756839000000575405": ["Company", "Phone"]}],
    "operation": "update",
    "channel_id": "1105420521999070702",
    "token": "the-token-of-the-channel",
}

PRESET = Preset(
    name="zoho",
    title="Zoho CRM",
    setup="POST /crm/v8/actions/watch with notify_url: the whole address with its token; a channel ends within "
    "a week and is renewed",
    entry={
        "id": {"all": ["/server_time", "/channel_id", "/module", "/operation", "/ids/0"]},
        "time": "/server_time",
        "subject": "/ids/0",
        "leave_out": ["/token"],
        "answer": {"status": 200},
        "token": TOKEN,
    },
    retries="not documented",
    accepts="200",
    samples=(
        Sample(
            "two fields of a lead were changed",
            UPDATED,
            events=[{key: value for key, value in UPDATED.items() if key != "token"}],
        ),
    ),
    evidence=(
        confirmed(ENABLE, "proof", "/server_time", "/query_params", "/module", "/resource_uri", "/ids", "/operation"),
        confirmed(ENABLE, "/channel_id", "/token", "time", "type", "/affected_fields"),
        inferred(SAMPLE, "/affected_values"),
        inferred(WATCH, "id"),
        assumed(WATCH, "retries", "answer"),
    ),
    free=("/query_params", "/affected_fields", "/affected_values/*/values", "/channel_id", "/ids/*"),
)
