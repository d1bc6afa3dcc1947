"""Salesforce: the REST API of an org, by an external client app with the client credentials flow."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import confirmed, inferred, unread

CONNECT = "https://developer.salesforce.com/docs/atlas.en-us.262.0.chatterapi.meta/chatterapi/quickstart_connecting.htm"
LIMITS = (
    "https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/"
    "salesforce-app-limits-platform-api.html"
)
PROBE = "https://developer.salesforce.com/docs/atlas.en-us.218.0.api_rest.meta/api_rest/resources_limits.htm"
BY_ID = "https://developer.salesforce.com/docs/atlas.en-us.238.0.api_rest.meta/api/resources_sobject_upsert_get.htm"
COLLECTIONS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"

PRESET = ConnectionPreset(
    name="salesforce",
    title="Salesforce",
    setup="Setup, External Client Apps: an app with the client credentials flow, scope api, and a user to run as",
    entry={
        "base_url": "https://YOUR-DOMAIN.my.salesforce.com/services/data/v66.0",
        "authentication": {
            "oauth2": "https://YOUR-DOMAIN.my.salesforce.com/services/oauth2/token",
            "grant": "client_credentials",
            "client_id": "YOUR-CONSUMER-KEY",
            "client_secret": secret("SECRET"),
            "client_in": "body",
        },
        "limits": {"concurrency": 20},
        "failure": [{"pointer": "/success", "equals": False}, {"pointer": "/*/success", "equals": False}],
        "probe": {"path": "/limits"},
    },
    limits="25 calls at once of 20 s or longer; 100,000 a day and more by licence, then 403 REQUEST_LIMIT_EXCEEDED",
    idempotency="nothing; upsert by an external id: `PATCH /sobjects/Lead/YOUR_ID__c/VALUE` with `repeat: always`",
    failures="collections: `success: false` of a record",
    verify="`GET /query` (SOQL)",
    creation={
        "method": "POST",
        "url": "/sobjects/Lead",
        "json": {"LastName": "Conceição", "Company": "Papelaria", "Email": "ines@example.com"},
        "verify": {
            "url": "/query",
            "query": {"q": "SELECT Id FROM Lead WHERE Email = 'ines@example.com'"},
            "json_schema": {"required": ["totalSize"], "properties": {"totalSize": {"minimum": 1}}},
        },
    },
    evidence=(
        confirmed(CONNECT, "authentication", "token_address"),
        confirmed(LIMITS, "limits"),
        confirmed(PROBE, "probe"),
        inferred(BY_ID, "base_url", "idempotency"),
        unread(COLLECTIONS, "failure", "verify"),
    ),
)
