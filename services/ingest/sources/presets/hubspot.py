"""HubSpot: webhooks of an app, in arrays of up to 100 notifications, signed with its version 3."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

WEBHOOKS = "https://developers.hubspot.com/docs/guides/crm/public-apps/webhooks"
SENSITIVE = "https://developers.hubspot.com/docs/api-reference/legacy/crm/properties/sensitive-data"
SIGNATURE = "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests"

CHANGED = {
    "eventId": 3029365631,
    "subscriptionId": 686627,
    "portalId": 891472211,
    "appId": 7906213,
    "occurredAt": 1772443800896,
    "subscriptionType": "contact.propertyChange",
    "attemptNumber": 0,
    "objectId": 847297356,
    "propertyName": "lifecyclestage",
    "propertyValue": "lead",
    "changeSource": "CRM_UI",
    "sourceId": "userId:882761034",
}
CREATED = {
    "eventId": 3029365632,
    "subscriptionId": 686628,
    "portalId": 891472211,
    "appId": 7906213,
    "occurredAt": 1772443801896,
    "subscriptionType": "contact.creation",
    "attemptNumber": 0,
    "objectId": 847297357,
    "changeFlag": "NEW",
    "changeSource": "INTEGRATION",
}

PRESET = Preset(
    name="hubspot",
    title="HubSpot",
    setup="the app, Webhooks: the address and its subscriptions; Auth: the client secret",
    entry={
        "items": "",
        # It does not promise that eventId is unique, and all of its test events have 100.
        "id": {"all": ["/eventId", "/subscriptionId", "/portalId", "/objectId", "/occurredAt"]},
        "time": "/occurredAt",
        "subject": ["/objectId", "/fromObjectId"],
        "answer": {"status": 200},
        "authentication": {"preset": "hubspot_v3", "secret": SECRET},
    },
    retries="up to 10 times within 24 hours, with the same eventId and attemptNumber counting on",
    accepts="200 to 299 within 5 seconds",
    samples=(Sample("a contact was changed, and one made", [CHANGED, CREATED], events=[CHANGED, CREATED]),),
    evidence=(
        confirmed(SIGNATURE, "proof"),
        confirmed(SENSITIVE, *(f"/{name}" for name in CHANGED)),
        confirmed(WEBHOOKS, "time", "type", "/changeFlag"),
        inferred(WEBHOOKS, "id", "retries", "answer"),
    ),
    required=("subscriptionType",),
    free=("/propertyValue", "/attemptNumber"),
)
