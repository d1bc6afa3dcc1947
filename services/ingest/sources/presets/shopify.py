"""Shopify: webhooks of a shop or an app, told apart by X-Shopify-Topic."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

ABOUT = "https://shopify.dev/docs/apps/build/webhooks"
DELIVERY = "https://shopify.dev/docs/api/shopify-app-remix/v4/authenticate/webhook"
RETRIES = "https://shopify.dev/changelog/updates-to-webhook-retry-mechanism"
FIELDS = "https://shopify.dev/docs/api/admin-rest/latest/resources/webhook"

ORDER = {
    "id": 5678901234567,
    "admin_graphql_api_id": "gid://shopify/Order/5678901234567",
    "name": "#1001",
    "order_number": 1001,
    "email": "ines@example.com",
    "phone": "+351912345678",
    "contact_email": "ines@example.com",
    "created_at": "2026-03-02T09:30:00+00:00",
    "updated_at": "2026-03-02T09:30:05+00:00",
    "currency": "EUR",
    "total_price": "59.98",
    "subtotal_price": "49.98",
    "total_tax": "5.00",
    "financial_status": "paid",
    "fulfillment_status": None,
    "buyer_accepts_marketing": True,
    "cancelled_at": None,
    "note": None,
    "tags": "",
    "test": False,
    "customer": {
        "id": 7012345678901,
        "email": "ines@example.com",
        "first_name": "Inês",
        "last_name": "Conceição",
        "phone": "+351912345678",
        "verified_email": True,
        "tags": "newsletter",
    },
    "billing_address": {"first_name": "Inês", "last_name": "Conceição", "city": "Porto", "country_code": "PT"},
    "shipping_address": {"first_name": "Inês", "last_name": "Conceição", "city": "Porto", "country_code": "PT"},
    "line_items": [{"id": 1, "title": "Caderno", "sku": "CAD-1", "quantity": 2, "price": "24.99", "product_id": 9}],
}
CUSTOMER = {
    "id": 7012345678901,
    "email": "ines@example.com",
    "first_name": "Inês",
    "last_name": "Conceição",
    "phone": None,
    "created_at": "2026-03-02T09:30:00+00:00",
    "updated_at": "2026-03-02T09:30:05+00:00",
    "verified_email": True,
    "tags": "newsletter",
    "addresses": [{"city": "Porto", "country_code": "PT"}],
}

PRESET = Preset(
    name="shopify",
    title="Shopify",
    setup="Settings, Notifications, Webhooks (JSON), whose secret is shown below the list; or the subscriptions"
    " of an app, whose client secret it is",
    entry={
        "id": {"header": "X-Shopify-Webhook-Id"},
        "time": ["/updated_at", "/created_at"],
        "subject": ["/customer/id", "/email", "/phone", "/id"],
        "type": {"header": "X-Shopify-Topic"},
        "headers": ["X-Shopify-Shop-Domain", "X-Shopify-Triggered-At"],
        "answer": {"status": 200},
        "authentication": {
            "signature": {"header": "X-Shopify-Hmac-Sha256", "encoding": "base64"},
            "secret": SECRET,
        },
    },
    retries="8 times within 4 hours, with the first body and id; a subscription made by the API is then deleted",
    accepts="200 to 299 within 5 seconds",
    samples=(
        Sample(
            "orders/paid",
            ORDER,
            {
                "X-Shopify-Topic": "orders/paid",
                "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
                "X-Shopify-Shop-Domain": "papelaria.myshopify.com",
            },
        ),
        Sample("customers/create", CUSTOMER, {"X-Shopify-Topic": "customers/create", "X-Shopify-Webhook-Id": "c2"}),
    ),
    evidence=(
        confirmed(
            ABOUT, "proof", "answer", "type", "X-Shopify-Topic", "X-Shopify-Shop-Domain", "X-Shopify-Hmac-Sha256"
        ),
        confirmed(DELIVERY, "id", "X-Shopify-Webhook-Id", "X-Shopify-Triggered-At"),
        confirmed(RETRIES, "retries"),
        confirmed(
            FIELDS,
            *(f"/{name}" for name in dict.fromkeys((*ORDER, *CUSTOMER)) if name not in {"contact_email", "test"}),
            "time",
        ),
        inferred(FIELDS, "/contact_email", "/test"),
    ),
    free=("/note", "/cancelled_at", "/tags", "/billing_address", "/shipping_address", "/addresses", "/line_items/*"),
)
