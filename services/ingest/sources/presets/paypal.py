"""PayPal: webhooks of a REST app, signed by a certificate of PayPal's that is fetched from it."""

from services.ingest.sources.presets.preset import SECRET, TOKEN, Preset, Sample, confirmed

GUIDE = "https://developer.paypal.com/api/rest/webhooks/rest"
EVENT = "https://developer.paypal.com/api/webhooks/v1/definitions/verify_webhook_signature"

CAPTURE = {
    "id": "WH-58D329510W468432D-8HN650336L201105X",
    "event_version": "1.0",
    "create_time": "2026-03-02T09:30:07.940Z",
    "resource_type": "capture",
    "resource_version": "2.0",
    "event_type": "PAYMENT.CAPTURE.COMPLETED",
    "summary": "Payment completed for EUR 29.35 EUR",
    "resource": {
        "id": "42311647XV020574X",
        "status": "COMPLETED",
        "amount": {"currency_code": "EUR", "value": "29.35"},
        "custom_id": "727",
        "create_time": "2026-03-02T09:29:58Z",
        "update_time": "2026-03-02T09:29:58Z",
        "final_capture": True,
        "supplementary_data": {"related_ids": {"order_id": "4K5112848U951142F"}},
    },
    "links": [{"href": "https://api.paypal.com/v1/notifications/webhooks-events/WH-1", "rel": "self", "method": "GET"}],
}
APPROVED = {
    **CAPTURE,
    "id": "WH-2",
    "resource_type": "checkout-order",
    "event_type": "CHECKOUT.ORDER.APPROVED",
    "resource": {
        "id": "4K5112848U951142F",
        "status": "APPROVED",
        "intent": "CAPTURE",
        "payer": {
            "payer_id": "YTENGYR8PAF9A",
            "email_address": "ines@example.com",
            "name": {"given_name": "Inês", "surname": "Conceição"},
        },
        "purchase_units": [{"amount": {"currency_code": "EUR", "value": "29.35"}}],
    },
}

PRESET = Preset(
    name="paypal",
    title="PayPal",
    setup="Apps & Credentials, the app, Add Webhook: the whole address with its token. The secret is the Webhook ID "
    "that is shown then",
    entry={
        "id": "/id",
        "time": "/create_time",
        "subject": ["/resource/payer/payer_id", "/resource/supplementary_data/related_ids/order_id", "/resource/id"],
        "answer": {"status": 200},
        "token": TOKEN,
        "authentication": {"preset": "paypal", "secret": SECRET},
    },
    retries="up to 25 times over 3 days",
    accepts="200 to 299",
    samples=(Sample("PAYMENT.CAPTURE.COMPLETED", CAPTURE), Sample("CHECKOUT.ORDER.APPROVED", APPROVED)),
    evidence=(
        confirmed(GUIDE, "proof", "answer", "retries"),
        confirmed(EVENT, "id", "time", "type", *(f"/{name}" for name in CAPTURE)),
    ),
    required=("id", "event_type"),
    free=("/links", "/resource/custom_id", "/resource/purchase_units", "/resource/status"),
)
