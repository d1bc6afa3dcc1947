"""Meta Lead Ads: somebody filled in a form. The answers are asked for at the Graph API by `leadgen_id`."""

from services.ingest.sources.presets.preset import SECRET, VERIFY, Preset, Sample, confirmed, inferred

LEADS = "https://developers.facebook.com/docs/marketing-api/guides/lead-ads/quickstart/webhooks-integration"
HOOKS = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started"

LEAD = {
    "field": "leadgen",
    "value": {
        "leadgen_id": "444444444444",
        "page_id": "153125381133",
        "form_id": "555555555555",
        "adgroup_id": "666666666666",
        "ad_id": "777777777777",
        "created_time": 1772443800,
    },
}
SECOND = {"field": "leadgen", "value": {**LEAD["value"], "leadgen_id": 444444444445, "page_id": 153125381133}}  # type: ignore[dict-item]

PRESET = Preset(
    name="meta_lead_ads",
    title="Meta Lead Ads",
    setup="developers.facebook.com, the app, Webhooks, Page: the address, the verify token, the field leadgen; "
    "App settings: the app secret",
    entry={
        "items": "/entry/*/changes",
        "id": "/value/leadgen_id",
        "time": "/value/created_time",
        "subject": "/value/leadgen_id",
        "answer": {"status": 200},
        "authentication": {"preset": "whatsapp_cloud", "secret": SECRET},
        "verify_token": VERIFY,
    },
    retries="at once, then less and less often for 36 hours, with the same signature",
    accepts="200",
    samples=(
        Sample(
            "two leads in one request, with ids as texts and as numbers",
            {"object": "page", "entry": [{"id": "153125381133", "time": 1772443801, "changes": [LEAD, SECOND]}]},
            events=[LEAD, SECOND],
        ),
    ),
    evidence=(
        confirmed(HOOKS, "proof", "handshakes", "answer", "retries"),
        confirmed(LEADS, "type", "time", "/field", "/value"),
        inferred(LEADS, "id"),
    ),
    required=("field",),
)
