"""Slack: events of an app, and its slash commands."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed

EVENTS = "https://docs.slack.dev/apis/events-api"
SIGNING = "https://docs.slack.dev/authentication/verifying-requests-from-slack"

MESSAGE = {
    "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
    "team_id": "T061EG9R6",
    "api_app_id": "A0PNCHHK2",
    "event": {
        "type": "message",
        "channel": "C024BE91L",
        "user": "U2147483697",
        "text": "Podem ligar à Inês?",
        "ts": "1772443800.000005",
        "event_ts": "1772443800.000005",
        "channel_type": "channel",
    },
    "type": "event_callback",
    "event_id": "Ev0PV52K21",
    "event_time": 1772443800,
    "event_context": "EC0PV52K21",
    "is_ext_shared_channel": False,
    "authorizations": [{"enterprise_id": None, "team_id": "T061EG9R6", "user_id": "U1", "is_bot": True}],
}

PRESET = Preset(
    name="slack",
    title="Slack",
    setup="api.slack.com/apps, the app, Event Subscriptions: the address; Basic Information: the signing secret",
    entry={
        "id": ["/event_id", "/trigger_id"],
        "time": "/event_time",
        "subject": ["/event/channel", "/event/item/channel", "/event/user", "/channel_id", "/team_id"],
        "leave_out": ["/token"],
        "headers": ["X-Slack-Retry-Num", "X-Slack-Retry-Reason"],
        "answer": {"status": 200},
        "authentication": {"preset": "slack", "secret": SECRET},
    },
    retries="three times: at once, after a minute, after five minutes",
    accepts="200 to 299 within 3 seconds",
    samples=(
        Sample(
            "a message in a channel", MESSAGE, events=[{key: value for key, value in MESSAGE.items() if key != "token"}]
        ),
    ),
    evidence=(
        confirmed(SIGNING, "proof"),
        confirmed(EVENTS, "id", "time", "type", "retries", "answer", "handshakes", *(f"/{name}" for name in MESSAGE)),
        confirmed(EVENTS, "X-Slack-Retry-Num", "X-Slack-Retry-Reason"),
    ),
    free=("/authorizations", "/event/user", "/event/channel", "/event/ts"),
)
