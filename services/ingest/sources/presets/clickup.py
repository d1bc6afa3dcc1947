"""ClickUp: webhooks of a workspace."""

from services.ingest.sources.presets.preset import SECRET, Preset, Sample, confirmed, inferred

HOOKS = "https://developer.clickup.com/docs/webhooks"
TASKS = "https://developer.clickup.com/docs/webhooktaskpayloads"
SIGNATURE = "https://developer.clickup.com/docs/webhooksignature"
HEALTH = "https://developer.clickup.com/docs/webhookhealth"

STATUS = {
    "event": "taskStatusUpdated",
    "history_items": [
        {
            "id": "2800763136717140857",
            "type": 1,
            "date": "1772443800523",
            "field": "status",
            "parent_id": "162641062",
            "data": {"status_type": "open"},
            "source": None,
            "user": {"id": 183, "username": "Inês", "email": "ines@example.com", "color": "#7b68ee", "initials": "IC"},
            "before": {"status": "to do", "color": "#f9d900", "type": "open", "orderindex": 0},
            "after": {"status": "in progress", "color": "#7C4DFF", "type": "custom", "orderindex": 1},
        }
    ],
    "task_id": "1vj37mc",
    "webhook_id": "7fa3ec74-69a8-4530-a251-8a13730bd204",
}
LIST = {"event": "listCreated", "list_id": "162641234", "webhook_id": "7fa3ec74-69a8-4530-a251-8a13730bd204"}

PRESET = Preset(
    name="clickup",
    title="ClickUp",
    setup="POST /team/{team_id}/webhook of its API with endpoint: the address; the answer has the secret",
    entry={
        # One change can come as several events.
        "id": {"all": ["/history_items/0/id", "/webhook_id", "/event"]},
        "time": "/history_items/0/date",
        "subject": ["/task_id", "/list_id", "/folder_id", "/space_id", "/goal_id", "/webhook_id"],
        "answer": {"status": 200},
        "authentication": {"signature": {"header": "X-Signature"}, "secret": SECRET},
    },
    retries="up to 5 times; after 100 failures, or at once after 401 and 410, the webhook is suspended",
    accepts="200 to 299 within 7 seconds",
    samples=(Sample("a task has a new status", STATUS), Sample("a list was made", LIST)),
    evidence=(
        confirmed(SIGNATURE, "proof"),
        confirmed(HEALTH, "retries", "answer"),
        confirmed(HOOKS, "id", "/webhook_id", "/event", "/list_id"),
        confirmed(TASKS, "time", "type", "/history_items", "/task_id"),
        inferred(HOOKS, "X-Signature"),
    ),
    required=("event",),
    free=(
        "/history_items/*/data",
        "/history_items/*/before",
        "/history_items/*/after",
        "/history_items/*/source",
        "/history_items/*/user",
    ),
)
