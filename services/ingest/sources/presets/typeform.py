"""Typeform: answers to a form."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

PAYLOAD = "https://www.typeform.com/developers/webhooks/example-payload/"
SECURE = "https://www.typeform.com/developers/webhooks/secure-your-webhooks/"
HOOKS = "https://www.typeform.com/developers/webhooks/"

ANSWER = {
    "event_id": "01DQ4RFCJ3FYW3TJH5E845ETDC",
    "event_type": "form_response",
    "form_response": {
        "form_id": "lT4Z3j",
        "token": "a3a12ec67a1365927098a606107fac15",
        "landed_at": "2026-03-02T09:29:07Z",
        "submitted_at": "2026-03-02T09:30:00Z",
        "hidden": {"utm_source": "feira"},
        "calculated": {"score": 9},
        "variables": [{"key": "score", "type": "number", "number": 9}],
        "definition": {
            "id": "lT4Z3j",
            "title": "Feira do Porto",
            "fields": [{"id": "DlXFaesGBpoF", "title": "Nome", "type": "short_text", "ref": "nome", "properties": {}}],
        },
        "answers": [
            {"type": "text", "text": "Inês Conceição", "field": {"id": "a", "type": "short_text", "ref": "nome"}},
            {"type": "email", "email": "ines@example.com", "field": {"id": "b", "type": "email", "ref": "email"}},
            {"type": "phone_number", "phone_number": "+351912345678", "field": {"id": "c", "type": "phone_number"}},
            {"type": "choice", "choice": {"label": "Porto"}, "field": {"id": "d", "type": "multiple_choice"}},
            {"type": "choices", "choices": {"labels": ["Cadernos"]}, "field": {"id": "e", "type": "picture_choice"}},
            {"type": "number", "number": 5, "field": {"id": "f", "type": "opinion_scale"}},
            {"type": "boolean", "boolean": True, "field": {"id": "g", "type": "legal"}},
        ],
    },
}

PRESET = Preset(
    name="typeform",
    title="Typeform",
    setup="the form, Connect, Webhooks: the address, and a secret by Edit",
    entry={
        "id": "/event_id",
        "time": ["/form_response/submitted_at", "/form_response/landed_at"],
        "subject": "/form_response/token",
        "answer": {"status": 200},
        "authentication": {
            "signature": {"header": "Typeform-Signature", "encoding": "base64", "prefix": "sha256="},
            "secret": SECRET,
        },
    },
    retries="three times; every 2 to 3 minutes for 10 hours after 408, 423, 429 and 503; 404 and 410 switch it off",
    accepts="200 to 299 within 30 seconds",
    samples=(Sample("an answer to a form", ANSWER),),
    evidence=(
        confirmed(SECURE, "proof"),
        confirmed(PAYLOAD, "id", "time", "type", *(f"/{name}" for name in ANSWER)),
        inferred(HOOKS, "retries", "answer"),
    ),
    required=("event_id", "form_response"),
    free=(
        "/form_response/hidden",
        "/form_response/calculated",
        "/form_response/variables",
        "/form_response/definition",
        "/form_response/answers/*/number",
    ),
)
