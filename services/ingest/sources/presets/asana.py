"""Asana: events of a project, task or workspace. They tell what changed; what it holds is asked for by its gid."""

from services.ingest.sources.presets.preset import SECRET, TOKEN, Preset, Sample, confirmed, inferred

GUIDE = "https://developers.asana.com/docs/webhooks-guide"
CREATE = "https://developers.asana.com/reference/createwebhook"

CHANGED = {
    "user": {"gid": "1199012345678901", "resource_type": "user"},
    "created_at": "2026-03-02T09:30:00.310Z",
    "action": "changed",
    "resource": {"gid": "1201234567890123", "resource_type": "task", "resource_subtype": "default_task"},
    "parent": None,
    "change": {"field": "assignee", "action": "changed", "new_value": {"gid": "12345", "resource_type": "user"}},
}
ADDED = {
    "user": None,
    "created_at": "2026-03-02T09:30:01.310Z",
    "action": "added",
    "resource": {"gid": "1201234567890124", "resource_type": "story", "resource_subtype": "comment_added"},
    "parent": {"gid": "1201234567890123", "resource_type": "task", "resource_subtype": "default_task"},
}

PRESET = Preset(
    name="asana",
    title="Asana",
    setup="POST /webhooks of its API with target: the whole address with its token. It gives its secret at once, which "
    "is kept sealed by the secret that you set here (any long random text); for each further webhook at this address "
    "set `handshake_until:` in `authentication`",
    entry={
        "items": "/events",
        # Its events have no id.
        "id": {"all": ["/created_at", "/action", "/resource/gid", "/parent/gid", "/change/field", "/user/gid"]},
        "time": "/created_at",
        "subject": ["/resource/gid"],
        "answer": {"status": 200},
        "token": TOKEN,
        "authentication": {
            "signature": {"header": "X-Hook-Signature", "given_in": "X-Hook-Secret"},
            "secret": SECRET,
        },
    },
    retries="for up to 24 hours; then the webhook is deleted",
    accepts="200 or 204 within 10 seconds",
    samples=(Sample("a task was assigned and commented", {"events": [CHANGED, ADDED]}, events=[CHANGED, ADDED]),),
    evidence=(
        confirmed(CREATE, "handshakes", "X-Hook-Secret"),
        confirmed(
            GUIDE, "proof", "X-Hook-Signature", "time", "type", "retries", "answer", *(f"/{name}" for name in CHANGED)
        ),
        inferred(GUIDE, "id"),
    ),
    required=("action",),
    free=("/change/new_value",),
)
