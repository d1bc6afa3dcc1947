"""Tally: answers to a form."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed

WEBHOOKS = "https://tally.so/help/webhooks"
RETRY = "https://developers.tally.so/api-reference/endpoint/webhooks/events/retry"
SIGNATURE = "https://www.skills.sh/hookdeck/webhook-skills/tally-webhooks"

FIELDS = [
    {"key": "question_3EKz4n", "label": "Nome", "type": "INPUT_TEXT", "value": "Inês Conceição"},
    {"key": "question_nr1B8w", "label": "Email", "type": "INPUT_EMAIL", "value": "ines@example.com"},
    {"key": "question_w4Q4Xn", "label": "Telemóvel", "type": "INPUT_PHONE_NUMBER", "value": "+351912345678"},
    {
        "key": "question_3jZaE3",
        "label": "Interesses",
        "type": "CHECKBOXES",
        "value": ["7b5c7c4a-4d2a-4b8b-9c56-1b1b7a2ea1f0"],
        "options": [{"id": "7b5c7c4a-4d2a-4b8b-9c56-1b1b7a2ea1f0", "text": "Cadernos"}],
    },
    {"key": "question_mYz1Kw", "label": "Quantos?", "type": "INPUT_NUMBER", "value": None},
]
ANSWER = {
    "eventId": "a4cb511e-d513-4fa5-baee-b815d718dfd1",
    "eventType": "FORM_RESPONSE",
    "createdAt": "2026-03-02T09:30:00.889Z",
    "data": {
        "responseId": "2wgx4n",
        "submissionId": "2wgx4n",
        "respondentId": "dwQKYm",
        "formId": "VwbNEw",
        "formName": "Feira do Porto",
        "createdAt": "2026-03-02T09:30:00.000Z",
        "fields": FIELDS,
    },
}

PRESET = Preset(
    name="tally",
    title="Tally",
    setup="the form, Integrations, Webhooks: the address and a signing secret",
    entry={
        "id": "/eventId",
        "time": ["/data/createdAt", "/createdAt"],
        "subject": ["/data/respondentId", "/data/responseId"],
        "answer": {"status": 200},
        "authentication": {"signature": {"header": "Tally-Signature", "encoding": "base64"}, "secret": SECRET},
    },
    retries="5 times: after 5 minutes, 30 minutes, 1, 6 and 24 hours",
    accepts="200 to 299 within 10 seconds",
    samples=(Sample("an answer to a form", ANSWER),),
    evidence=(
        confirmed(SIGNATURE, "proof"),
        confirmed(RETRY, "retries"),
        confirmed(WEBHOOKS, "id", "time", "type", "answer", *(f"/{name}" for name in ANSWER)),
    ),
    required=("eventId", "data"),
    free=("/data/fields/*/value", "/data/fields/*/options", "/data/respondentId"),
)
