"""PayPal: the REST API, live. The sandbox is api-m.sandbox.paypal.com, in both addresses."""

from services.actions.connections.presets.preset import NO_SEARCH, ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred, unread

TOKENS = "https://developer.paypal.com/api/rest/authentication/"
LIMITS = "https://developer.paypal.com/api/rate-limiting"
KEYS = "https://developer.paypal.com/reference/guidelines/idempotency"
ORDERS = "https://developer.paypal.com/sdk/orders/v2/orders-create"
EVENTS = "https://developer.paypal.com/docs/api/webhooks/v1/"

PRESET = ConnectionPreset(
    name="paypal",
    title="PayPal",
    setup="Apps & Credentials: an app; its client id and secret",
    entry={
        "base_url": "https://api-m.paypal.com",
        "authentication": {
            "oauth2": "https://api-m.paypal.com/v1/oauth2/token",
            "grant": "client_credentials",
            "client_id": "YOUR-CLIENT-ID",
            "client_secret": secret("SECRET"),
        },
        "idempotency": {"header": "PayPal-Request-Id", "for": "6h"},
        "probe": {"path": "/v1/notifications/webhooks-event-types"},
    },
    limits="not published; 429 RATE_LIMIT_REACHED",
    idempotency="`PayPal-Request-Id`, where the reference of a call names it; to others say `repeat: never`. "
    "Kept by call: 6 h for orders, longer for captures",
    verify=NO_SEARCH,
    creation={
        "method": "POST",
        "url": "/v2/checkout/orders",
        "json": {
            "intent": "CAPTURE",
            "purchase_units": [{"custom_id": "1001", "amount": {"currency_code": "EUR", "value": "29.35"}}],
        },
    },
    evidence=(
        confirmed(TOKENS, "authentication", "token_address"),
        inferred(TOKENS, "base_url"),
        confirmed(LIMITS, "limits"),
        confirmed(KEYS, "idempotency"),
        confirmed(ORDERS, "idempotency.for"),
        assumed(ORDERS, "failure", "verify"),
        unread(EVENTS, "probe"),
    ),
)
