"""Shopify: the Admin API of a shop, by the token of a custom app. GraphQL; what it says inside 200 are `userErrors`."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred, unread

API = "https://shopify.dev/docs/api/admin-graphql"
LIMITS = "https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits"
SEEN = "https://community.shopify.com/t/throttled/254776"
REST = "https://shopify.dev/docs/api/admin-rest"

PRESET = ConnectionPreset(
    name="shopify",
    title="Shopify",
    setup="Settings, Apps, Develop apps: an app with the scopes that are needed; its Admin API access token",
    entry={
        "base_url": "https://YOUR-SHOP.myshopify.com/admin/api/2026-10",
        "authentication": {"header": "X-Shopify-Access-Token", "secret": secret("TOKEN")},
        "limits": {"requests_per_second": 10},
        "failure": [
            {
                "pointer": "/errors",
                "code": "/errors/*/extensions/code",
                "means": {"THROTTLED": 429, "INTERNAL_SERVER_ERROR": 500},
            },
            {"pointer": "/data/*/userErrors"},
        ],
        "probe": {"path": "/shop.json"},
    },
    limits="100 points a second (Advanced 200, Plus 1,000), a mutation costs about 10",
    idempotency="nothing by header; what is unique there, such as an e-mail, is refused twice",
    failures="`errors`, `data.*.userErrors`",
    verify="`GET /customers/search.json` (the older REST API)",
    creation={
        "method": "POST",
        "url": "/graphql.json",
        "json": {
            "query": "mutation($input: CustomerInput!) { customerCreate(input: $input) "
            "{ customer { id } userErrors { field message } } }",
            "variables": {"input": {"email": "ines@example.com", "firstName": "Inês"}},
        },
        "verify": {
            "url": "/customers/search.json",
            "query": {"query": "email:ines@example.com"},
            "json_schema": {"required": ["customers"], "properties": {"customers": {"minItems": 1}}},
        },
    },
    evidence=(
        confirmed(API, "authentication"),
        inferred(API, "base_url"),
        confirmed(LIMITS, "limits"),
        inferred(SEEN, "failure"),
        assumed(API, "idempotency"),
        unread(REST, "probe", "verify"),
    ),
)
