"""Stripe: events of an account, told apart by their type."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed

EVENT = "https://docs.stripe.com/api/events/object"
WEBHOOKS = "https://docs.stripe.com/webhooks"

CHARGE = {
    "id": "evt_1PH9HU2eZvKYlo2CrSrLx8y1",
    "object": "event",
    "api_version": "2024-06-20",
    "created": 1772443800,
    "type": "charge.succeeded",
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": "req_1", "idempotency_key": None},
    "data": {
        "object": {
            "id": "ch_1",
            "object": "charge",
            "amount": 1990,
            "currency": "eur",
            "status": "succeeded",
            "customer": "cus_9s6XKzkNRiz8i3",
            "receipt_email": None,
            "billing_details": {"name": "Inês Conceição", "email": "ines@example.com", "phone": None},
            "metadata": {"order": "727"},
        }
    },
}
SESSION = {
    **CHARGE,
    "id": "evt_2",
    "type": "checkout.session.completed",
    "account": "acct_1032D82eZvKYlo2C",
    "data": {
        "object": {
            "id": "cs_1",
            "object": "checkout.session",
            "amount_total": 1990,
            "currency": "eur",
            "status": "complete",
            "payment_status": "paid",
            "mode": "payment",
            "customer": None,
            "customer_email": None,
            "customer_details": {"name": "Inês Conceição", "email": "ines@example.com", "phone": "+351912345678"},
            "client_reference_id": None,
            "metadata": {},
        },
        "previous_attributes": {"status": "open"},
    },
}

PRESET = Preset(
    name="stripe",
    title="Stripe",
    setup="Developers, Webhooks, Add destination; the signing secret begins with whsec_",
    entry={
        "id": "/id",
        "time": "/created",
        "subject": ["/data/object/customer", "/data/object/customer_details/email", "/data/object/id"],
        "answer": {"status": 200},
        "authentication": {"preset": "stripe", "secret": SECRET},
    },
    retries="for three days, each time with a new signature and the same id",
    accepts="200 to 299",
    samples=(Sample("charge.succeeded", CHARGE), Sample("checkout.session.completed, of a connected account", SESSION)),
    evidence=(
        confirmed(WEBHOOKS, "proof", "answer", "retries"),
        confirmed(EVENT, "id", "time", "type", *(f"/{name}" for name in SESSION)),
    ),
    required=("id", "type"),
    free=("/request", "/created", "/data/object/metadata", "/data/object/customer", "/data/previous_attributes"),
)
