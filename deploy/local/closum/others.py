"""What the example flows also call: a chat that takes every message, and a look-up of companies."""

from __future__ import annotations

from deploy.local.closum.wire import Call, Reply

COMPANIES = {"closum.com": {"name": "Closum", "employees": 30}}


def answer(call: Call) -> Reply | None:
    """`POST /chat/messages` and `GET /companies/{domain}`; None for every other request."""
    if (call.method, call.path) == ("POST", "/chat/messages"):
        return Reply(200, {"ok": True})
    if call.method == "GET" and call.path.startswith("/companies/"):
        found = COMPANIES.get(call.path.removeprefix("/companies/"))
        return Reply(200, found) if found else Reply(404, {})
    return None
