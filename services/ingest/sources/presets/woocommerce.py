"""WooCommerce: webhooks of a shop, told apart by X-WC-Webhook-Topic."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

SOURCE = "https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php"
FIELDS = "https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties"

ORDER = {
    "id": 727,
    "parent_id": 0,
    "number": "727",
    "order_key": "wc_order_58d2d042d1d",
    "status": "processing",
    "currency": "EUR",
    "date_created": "2026-03-02T09:30:00",
    "date_created_gmt": "2026-03-02T09:30:00",
    "date_modified": "2026-03-02T09:30:05",
    "date_modified_gmt": "2026-03-02T09:30:05",
    "total": "29.35",
    "total_tax": "1.35",
    "customer_id": 26,
    "customer_note": "",
    "payment_method": "multibanco",
    "billing": {
        "first_name": "Inês",
        "last_name": "Conceição",
        "company": "",
        "city": "Porto",
        "country": "PT",
        "email": "ines@example.com",
        "phone": "912 345 678",
    },
    "shipping": {"first_name": "Inês", "last_name": "Conceição", "city": "Porto", "country": "PT"},
    "line_items": [{"id": 315, "name": "Caderno", "product_id": 93, "quantity": 2, "total": "6.00", "sku": ""}],
    "meta_data": [],
}
CUSTOMER = {
    "id": 26,
    "date_created_gmt": "2026-03-02T09:30:00",
    "date_modified_gmt": None,
    "email": "ines@example.com",
    "first_name": "Inês",
    "last_name": "Conceição",
    "role": "customer",
    "username": "ines",
    "billing": {"phone": "912 345 678", "email": "ines@example.com"},
}

PRESET = Preset(
    name="woocommerce",
    title="WooCommerce",
    setup="WooCommerce, Settings, Advanced, Webhooks: one for each topic, all with the same address and secret",
    entry={
        # Its delivery id is made of the second, so that two orders of one second share it.
        "id": {"all": ["/id", "/headers/x_wc_webhook_topic", "/date_modified_gmt", "/status", "/total"]},
        "time": ["/date_modified_gmt", "/date_created_gmt"],
        "subject": ["/billing/email", "/billing/phone", "/email", "/id"],
        "type": {"header": "X-WC-Webhook-Topic"},
        "headers": ["X-WC-Webhook-Source", "X-WC-Webhook-Delivery-ID"],
        "handshakes": [{"ping": ["webhook_id"]}],
        "answer": {"status": 200},
        "authentication": {
            "signature": {"header": "X-WC-Webhook-Signature", "encoding": "base64"},
            "secret": SECRET,
        },
    },
    retries="never; after more than 5 failures in a row the webhook is switched off",
    accepts="200 for the first ping, 200 to 302 later",
    samples=(
        Sample("order.updated", ORDER, {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Delivery-ID": "a1"}),
        Sample("customer.created", CUSTOMER, {"X-WC-Webhook-Topic": "customer.created"}),
    ),
    evidence=(
        confirmed(SOURCE, "proof", "handshakes", "answer", "retries", "type", "X-WC-Webhook-Topic"),
        confirmed(SOURCE, "X-WC-Webhook-Delivery-ID", "X-WC-Webhook-Source", "X-WC-Webhook-Signature"),
        inferred(SOURCE, "id"),
        confirmed(FIELDS, *(f"/{name}" for name in dict.fromkeys((*ORDER, *CUSTOMER))), "time"),
    ),
    free=("/customer_note", "/shipping", "/line_items/*", "/meta_data", "/customer_id"),
)
