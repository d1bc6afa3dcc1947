"""WooCommerce: the REST API v3 of a shop of one's own, over HTTPS."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred

KEYS = "https://developer.woocommerce.com/docs/apis/rest-api/authentication/"
REFERENCE = "https://woocommerce.github.io/woocommerce-rest-api-docs/"

PRESET = ConnectionPreset(
    name="woocommerce",
    title="WooCommerce",
    setup="WooCommerce, Settings, Advanced, REST API, Add key with Read/Write. Permalinks must not be plain",
    entry={
        "base_url": "https://YOUR-SITE/wp-json/wc/v3",
        "authentication": {"basic": "YOUR-CONSUMER-KEY", "password": secret("SECRET")},
        "limits": {"concurrency": 4},
        "failure": [{"pointer": f"/{what}/*/error", "partly": True} for what in ("create", "update", "delete")],
        "probe": {"path": "/data/currencies/current"},
    },
    limits="those of its own server: few calls at once",
    idempotency="nothing; an e-mail is refused twice",
    failures="of a batch: `create[].error`",
    verify="`GET /customers?email=`",
    creation={
        "method": "POST",
        "url": "/customers",
        "json": {"email": "ines@example.com", "first_name": "Inês"},
        "verify": {
            "url": "/customers",
            "query": {"email": "ines@example.com"},
            "json_schema": {"type": "array", "minItems": 1},
        },
    },
    evidence=(
        confirmed(KEYS, "authentication"),
        confirmed(REFERENCE, "base_url"),
        inferred(REFERENCE, "limits"),
        assumed(REFERENCE, "probe", "verify", "failure", "idempotency"),
    ),
)
