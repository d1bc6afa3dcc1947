"""A made-up booking system: an array of bookings, signed with stamp and signature in one header."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, assumed, confirmed

GUIDE = "https://bookings.example/docs/webhooks"

BOOKED = {
    "id": "b-17",
    "kind": "booked",
    "at": "2026-03-02T09:30:00Z",
    "guest": {"email": "ines@example.com", "nights": 2},
}

PRESET = Preset(
    name="bookings",
    title="Bookings",
    setup="Settings, Webhooks: the address; the secret is shown once",
    entry={
        "items": "/bookings",
        "id": {"all": ["/id", "/kind", "/at"]},
        "time": "/at",
        "subject": ["/guest/email", "/id"],
        "handshakes": ["checks", {"echo_query": "challenge"}],
        "answer": {"status": 204},
        "authentication": {
            "signature": {
                "header": "X-Bookings-Signature",
                "parts": {"timestamp": "t", "signature": "v1"},
                "signs": "{timestamp}.{body}",
            },
            "secret": SECRET,
        },
    },
    retries="every hour for a day",
    accepts="204",
    samples=(Sample("a booking", {"bookings": [BOOKED]}, events=[BOOKED]),),
    evidence=(
        confirmed(GUIDE, "proof", "id", "time", "type", "handshakes", "answer", "/id", "/kind", "/at", "/guest"),
        assumed(GUIDE, "retries"),
    ),
    required=("id",),
)
