"""What the example flows also call: a chat that takes every message, and a look-up of companies."""

from __future__ import annotations

from deploy.local.closum.wire_format import ReceivedCall, StandInReply

COMPANIES = {"closum.com": {"name": "Closum", "employees": 30}}


def answer(call: ReceivedCall) -> StandInReply | None:
    """`POST /chat/messages` and `GET /companies/{domain}`; None for every other request."""
    if (call.method, call.path) == ("POST", "/chat/messages"):
        return StandInReply(200, {"ok": True})
    if call.method == "GET" and call.path.startswith("/companies/"):
        found = COMPANIES.get(call.path.removeprefix("/companies/"))
        return StandInReply(200, found) if found else StandInReply(404, {})
    return None
