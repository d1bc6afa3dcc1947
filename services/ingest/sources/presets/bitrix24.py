"""Bitrix24: outbound webhooks and event handlers. They tell what changed; what it holds is asked for by its id."""

from services.ingest.sources.presets.preset import FORM, TOKEN, Preset, Sample, assumed, confirmed, inferred

EVENTS = "https://apidocs.bitrix24.com/api-reference/events/index.html"
SAMPLE = "https://apidocs.bitrix24.com/api-reference/crm/leads/events/on-crm-lead-add.html"

BODY = (
    "event=ONCRMLEADADD&event_handler_id=42&data%5BFIELDS%5D%5BID%5D=39&ts=1772443800"
    "&auth%5Bdomain%5D=papelaria.bitrix24.eu&auth%5Bclient_endpoint%5D=https%3A%2F%2Fpapelaria.bitrix24.eu%2Frest%2F"
    "&auth%5Bserver_endpoint%5D=https%3A%2F%2Foauth.bitrix.info%2Frest%2F"
    "&auth%5Bmember_id%5D=51e2c566fe259c926c60bc06c7158cda&auth%5Bapplication_token%5D=e57xiy964jb6slr0gfa0j6lpigf7gnij"
)

PRESET = Preset(
    name="bitrix24",
    title="Bitrix24",
    setup="Developer resources, Other, Outbound webhook: the whole address with its token, and the events",
    entry={
        "id": {"all": ["/data/FIELDS/ID", "/event", "/ts", "/event_handler_id"]},
        "time": "/ts",
        "subject": ["/data/FIELDS/ID", "/data/FIELDS_AFTER/ID", "/document_id/2"],
        "leave_out": ["/auth"],
        "answer": {"status": 200},
        "token": TOKEN,
    },
    retries="not documented; a slow answer makes it call less often",
    accepts="200",
    samples=(
        Sample(
            "a lead was added",
            BODY,
            content_type=FORM,
            events=[
                {
                    "event": "ONCRMLEADADD",
                    "event_handler_id": "42",
                    "data": {"FIELDS": {"ID": "39"}},
                    "ts": "1772443800",
                }
            ],
        ),
    ),
    evidence=(
        confirmed(EVENTS, "proof", "time", "type", "/event", "/data", "/ts", "/auth"),
        inferred(SAMPLE, "id", "/event_handler_id"),
        assumed(EVENTS, "retries", "answer"),
    ),
    free=("/data",),
)
