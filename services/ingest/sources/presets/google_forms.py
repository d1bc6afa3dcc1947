"""Google Forms: a script of ours in the form sends each answer: examples/google_apps_script/send.gs."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

EVENTS = "https://developers.google.com/apps-script/guides/triggers/events"
FETCH = "https://developers.google.com/apps-script/reference/url-fetch/url-fetch-app"
HMAC = "https://developers.google.com/apps-script/reference/utilities/utilities"

ANSWER = {
    "id": "2_ABaOnue1:1772443800000",
    "event": "form_submit",
    "at": "2026-03-02T09:30:00.000Z",
    "form": {"id": "1FAIpQLSe", "title": "Feira do Porto"},
    "email": "ines@example.com",
    "answers": {
        "Nome": "Inês Conceição",
        "Telemóvel": "912 345 678",
        "Interesses": ["Cadernos", "Canetas"],
        "Aceito receber SMS": "Sim",
    },
}

PRESET = Preset(
    name="google_forms",
    title="Google Forms",
    setup="the form, Apps Script: paste examples/google_apps_script/send.gs, set its properties, add a trigger "
    "On form submit",
    entry={
        "id": "/id",
        "time": "/at",
        "subject": ["/email", "/id"],
        "answer": {"status": 200},
        "authentication": {"preset": "standard_webhooks", "secret": SECRET},
    },
    retries="the script: three times, within half a minute, with the same id",
    accepts="200 to 299",
    samples=(Sample("an answer to a form", ANSWER),),
    evidence=(
        confirmed(EVENTS, "/email", "/answers", "/form", "/event", "time", "/at"),
        confirmed(HMAC, "proof"),
        confirmed(FETCH, "answer", "retries"),
        inferred(EVENTS, "id", "/id", "type"),
    ),
    required=("id", "answers"),
    free=("/answers/Nome", "/answers/Telemóvel", "/answers/Interesses", "/answers/Aceito receber SMS"),
)
