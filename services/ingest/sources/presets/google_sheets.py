"""Google Sheets: a script of ours in the table sends each new row: examples/google_apps_script/send.gs."""

from services.ingest.sources.presets.google_forms import EVENTS, FETCH, HMAC
from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

ROW = {
    "id": "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms:Leads:12:1772443800000",
    "event": "row_added",
    "at": "2026-03-02T09:30:00.000Z",
    "spreadsheet": {"id": "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", "name": "Feira"},
    "sheet": "Leads",
    "row": 12,
    "values": {"Nome": "Inês Conceição", "Email": "ines@example.com", "Valor": 29.35, "Cliente": False, "Nota": ""},
}

PRESET = Preset(
    name="google_sheets",
    title="Google Sheets",
    setup="the table, Extensions, Apps Script: paste examples/google_apps_script/send.gs, set its properties, "
    "add a trigger On change or On form submit",
    entry={
        "id": "/id",
        "time": "/at",
        "subject": ["/values/Email", "/id"],
        "answer": {"status": 200},
        "authentication": {"preset": "standard_webhooks", "secret": SECRET},
    },
    retries="the script: three times, within half a minute, with the same id",
    accepts="200 to 299",
    samples=(Sample("a new row", ROW),),
    evidence=(
        confirmed(EVENTS, "/event", "/spreadsheet", "/sheet", "/row", "/values", "time", "/at"),
        confirmed(HMAC, "proof"),
        confirmed(FETCH, "answer", "retries"),
        inferred(EVENTS, "id", "/id", "type"),
    ),
    required=("id", "values"),
    free=tuple(f"/values/{name}" for name in ROW["values"]),  # type: ignore[attr-defined]  # an object
)
