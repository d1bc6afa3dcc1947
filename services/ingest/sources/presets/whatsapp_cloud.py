"""WhatsApp Cloud API of Meta, without Closum between."""

from services.ingest.sources.presets.preset import SECRET, VERIFY, Preset, Sample, confirmed

PAYLOADS = "https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples"
HOOKS = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started"

TEXT = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "351210000000", "phone_number_id": "106540352242922"},
                        "contacts": [{"profile": {"name": "Inês Conceição"}, "wa_id": "351912345678"}],
                        "messages": [
                            {
                                "from": "351912345678",
                                "id": "wamid.HBgMMzUxOTEyMzQ1Njc4FQIAEhg",
                                "timestamp": "1772443800",
                                "type": "text",
                                "text": {"body": "Olá"},
                            }
                        ],
                    },
                }
            ],
        }
    ],
}

PRESET = Preset(
    name="whatsapp_cloud",
    title="WhatsApp Cloud API",
    setup="developers.facebook.com, the app, WhatsApp, Configuration: the address, the verify token, the fields "
    "messages, user_preferences and whatever else flows are to know; App settings: the app secret",
    entry={
        "platform": "whatsapp_cloud",
        "answer": {"status": 200},
        "authentication": {"preset": "whatsapp_cloud", "secret": SECRET},
        "verify_token": VERIFY,
    },
    retries="for up to 7 days, with the same signature",
    accepts="200",
    samples=(Sample("a text message", TEXT),),
    evidence=(
        confirmed(HOOKS, "proof", "handshakes", "answer"),
        confirmed(PAYLOADS, "id", "time", "type", "retries", "/object", "/entry"),
    ),
)
