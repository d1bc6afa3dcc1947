"""Accounts of Closum that are other than we assume, as small servers that know nothing of our facts.

    with made_account(TEN_OTHERS) as account:
        ... account.base_url, account.leads, account.calls ...

Each contradicts some assumptions: see the dialects at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

Json = dict[str, Any]
SECRET = "s3cr3t-of-a-real-account"
VERBS: Mapping[str, tuple[str, str]] = {
    "list": ("GET", "lead/"),
    "add": ("POST", "lead/add/"),
    "view": ("GET", "lead/view/"),
    "update": ("POST", "lead/update/"),
    "edit_by_email": ("POST", "lead/edit-by-email/"),
    "delete": ("POST", "lead/delete/"),
    "remove": ("POST", "contact/remove/"),
    "add_tag": ("POST", "contact/add-tag/"),
    "add_tag_by_email": ("POST", "contact/add-tag-by-email/"),
    "remove_tag": ("POST", "contact/remove-tag/"),
    "remove_tag_by_email": ("POST", "contact/remove-tag-by-email/"),
    "tag": ("POST", "tag/add/"),
    "balance": ("GET", "sms/balance/"),
    "sms": ("POST", "sms/send/"),
    "whatsapp": ("POST", "whatsapp/send-template/"),
    "email": ("POST", "email/send-template/"),
}
REST: Mapping[str, tuple[str, str]] = {
    **VERBS,
    "list": ("GET", "contacts"),
    "add": ("POST", "contacts"),
    "view": ("GET", "contacts/{lead_id}"),
    "update": ("PUT", "contacts/{lead_id}"),
    "edit_by_email": ("PATCH", "contacts/by-email"),
    "delete": ("DELETE", "contacts/{lead_id}"),
    "remove": ("DELETE", "contacts/{contact_id}"),
    "add_tag": ("POST", "contacts/{contact_id}/tags"),
    "add_tag_by_email": ("POST", "contacts/tag-by-email"),
    "remove_tag": ("DELETE", "contacts/{contact_id}/tags"),
    "remove_tag_by_email": ("POST", "contacts/untag-by-email"),
    "tag": ("POST", "tags"),
    "balance": ("GET", "balance"),
    "sms": ("POST", "sms"),
    "whatsapp": ("POST", "whatsapp/messages"),
    "email": ("POST", "emails"),
}


def usual(items: list[Json], _op: str) -> Json:
    """V2's own."""
    return {"status": True, "code": 200, "message": "ok", "responseData": items}


def refusal(status: int, message: str, errors: Mapping[str, str]) -> tuple[int, Json]:
    """V2's own: 200 with a code inside."""
    return 200, {"status": False, "code": status, "message": message, "responseData": [], "errors": dict(errors)}


@dataclass(frozen=True)
class Dialect:
    """How an account is called and answers."""

    ways: Mapping[str, tuple[str, str]] = field(default_factory=lambda: VERBS)
    key: tuple[str, str] = ("query", "api-key")
    names: Mapping[str, str] = field(default_factory=dict)  # ours: theirs, of requests
    kept: Mapping[str, str] = field(default_factory=dict)  # of what is answered
    tags: str = "list"
    truth: str = "boolean"
    done: Callable[[list[Json], str], Json] = usual
    fail: Callable[[int, str, Mapping[str, str]], tuple[int, Json]] = refusal
    a_second: int | None = None
    slash: bool = False  # a path without the slash at its end is redirected


@dataclass
class Account:
    """What is there, and what was called: verb, path, status."""

    base_url: str
    dialect: Dialect
    leads: dict[str, Json] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    sent: list[tuple[str, Json]] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # operations that answer 500
    idle: set[str] = field(default_factory=set)  # operations that say yes and do nothing
    limited: int = 0  # calls that were too many
    useless: dict[str, str] = field(default_factory=dict)  # operations that are done, and answered by none, 502 or HTML
    _next: int = 5000
    _times: deque[float] = field(default_factory=deque)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        path = request.path.removeprefix("/api/")
        if self.dialect.slash and not path.endswith("/"):
            return web.Response(status=301, headers={"Location": f"/api/{path}/?{request.query_string}"})
        status, body, headers = self._answered(request, path, await request.read())
        self.calls.append((request.method, path, status))
        if status == 200 and (found := self._operation(request.method, path)[0]) and found[0] in self.useless:
            return self._useless(request, self.useless[found[0]])
        return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)

    def _useless(self, request: web.BaseRequest, how: str) -> web.Response:
        if how == "lost":
            assert request.transport is not None
            request.transport.abort()
        page = "<html>Welcome</html>"
        return web.Response(status=200 if how == "a page" else 502, text=page, content_type="text/html")

    def _answered(self, request: web.BaseRequest, path: str, raw: bytes) -> tuple[int, Json, dict[str, str]]:
        said = self.dialect
        if said.a_second is not None:
            now = time.monotonic()
            while self._times and self._times[0] < now - 1:
                self._times.popleft()
            if len(self._times) >= said.a_second:
                self.limited += 1
                return (*said.fail(429, "too many requests", {}), {"Retry-After": "1"})
            self._times.append(now)
        where, name = said.key
        given = request.query.get(name) if where == "query" else request.headers.get(name, "")
        if (given or "").removeprefix("Bearer ") != SECRET or (name == "Authorization") != (given or "").startswith(
            "B"
        ):
            status, body = said.fail(401, "the key is missing or wrong", {})
            return 401, body, {}
        found, verbs = self._operation(request.method, path)
        if found is None:
            status, body = said.fail(405 if verbs else 404, "no such endpoint", {})
            return status if status != 200 else 200, body, {"Allow": ", ".join(verbs)} if verbs else {}
        op, holes = found
        if op in self.broken:
            return 500, {"message": "broken"}, {}
        try:
            items = self._do(op, {**self._fields(request, raw, name), **holes})
        except RefusedError as error:
            return (*said.fail(error.status, str(error), error.errors), {})
        return 200, said.done(items, op), {}

    def _operation(self, method: str, path: str) -> tuple[tuple[str, Json] | None, list[str]]:
        verbs = []
        for op, (verb, way) in self.dialect.ways.items():
            pattern = re.sub(r"\{([a-z_]+)\}", r"(?P<\1>[^/]+)", way)
            if matched := re.fullmatch(pattern, path):
                if verb == method and not (op != "edit_by_email" and path.endswith("/by-email")):
                    return (op, matched.groupdict()), []
                verbs.append(verb)
        return None, verbs

    def _fields(self, request: web.BaseRequest, raw: bytes, key: str) -> Json:
        sent: Json = {name: value for name, value in request.query.items() if name != key}
        if raw:
            sent |= orjson.loads(raw) if request.content_type == "application/json" else dict(parse_qsl(raw.decode()))
        theirs = {name: ours for ours, name in self.dialect.names.items()}
        for ours, name in self.dialect.names.items():
            if ours in sent and ours not in theirs:
                raise RefusedError(422, f"unknown field {ours}; {name} is required", {name: "is required"})
        return {theirs.get(name, name): value for name, value in sent.items()}

    def _do(self, op: str, given: Json) -> list[Json]:  # noqa: PLR0911 - one an operation
        self._check(given)
        if op == "list":
            return [self._shown(lead) for lead in self.leads.values()]
        if op == "balance":
            return [{self._name("credits", "balance"): 420}]
        if op in {"sms", "whatsapp", "email"}:
            self._needs(given, "message" if op == "sms" else "template", "recipient" if op == "sms" else "to")
            self.sent.append((op, given))
            own = {"sms": "sms_id", "whatsapp": "message_id", "email": "email_id"}[op]
            return [{self._name(own, own): f"{op}-{len(self.sent)}"}]
        if op == "tag":
            self._needs(given, "name")
            self.tags.add(given["name"])
            return [{self._name("tag_id", "tag_id"): str(len(self.tags))}]
        if op == "add":
            return self._add(given)
        lead = self._lead(given)
        if op in {"delete", "remove"} and op not in self.idle:
            del self.leads[lead["lead_id"]]
        elif op.startswith(("add_tag", "remove_tag")):
            self._needs(given, "tag")
            others = [tag for tag in lead.get("tags", []) if tag != given["tag"]]
            lead["tags"] = [*others, given["tag"]] if op.startswith("add") else others
        elif op in {"update", "edit_by_email"}:
            lead |= {name: value for name, value in given.items() if name not in {"lead_id", "contact_id"}}
        if op == "view":
            return [self._shown(lead)]
        return [{self._name("lead_id", "lead_id"): lead["lead_id"]}]

    def _add(self, given: Json) -> list[Json]:
        self._needs(given, "name", "consent_email", "consent_sms")
        known = next((one for one in self.leads.values() if one.get("email") == given.get("email")), None)
        if known is None:
            self._next += 1
            known = self.leads.setdefault(str(self._next), {"lead_id": str(self._next)})
        known |= {name: value for name, value in given.items() if name != "update_enabled"}
        return [{self._name("lead_id", "lead_id"): known["lead_id"]}]

    def _check(self, given: Json) -> None:
        """Forms: of tags, and of yes and no."""
        said = self.dialect
        if "tags" in given:
            kinds = {"list": list, "joined": str, "map": dict}
            if not isinstance(given["tags"], kinds[said.tags]):
                name = said.names.get("tags", "tags")
                what = {"list": "an array", "joined": "a string, comma separated", "map": "an object"}[said.tags]
                raise RefusedError(422, f"{name} must be {what}", {name: f"must be {what}"})
            if said.tags != "list":
                given["tags"] = given["tags"].split(",") if said.tags == "joined" else [*given["tags"].values()]
        for name in ("consent_email", "consent_sms"):
            if name in given and isinstance(given[name], bool) != (said.truth == "boolean"):
                theirs = said.names.get(name, name)
                what = "a boolean" if said.truth == "boolean" else "an integer, 0 or 1"
                raise RefusedError(422, f"{theirs} must be {what}", {theirs: f"must be {what}"})

    def _needs(self, given: Json, *names: str) -> None:
        missing = [self.dialect.names.get(name, name) for name in names if given.get(name) in (None, "")]
        if missing:
            raise RefusedError(422, f"{missing[0]} is required", dict.fromkeys(missing, "is required"))

    def _lead(self, given: Json) -> Json:
        number = str(given.get("lead_id") or given.get("contact_id") or given.get("id") or "")
        if not number:
            self._needs(given, "email")
            number = next((key for key, one in self.leads.items() if one.get("email") == given["email"]), "")
        if number not in self.leads:
            raise RefusedError(404, "no lead with this id", {})
        return self.leads[number]

    def _name(self, ours: str, usually: str) -> str:
        return self.dialect.kept.get(ours, usually)

    def _shown(self, lead: Json) -> Json:
        return {self.dialect.kept.get(name, name): value for name, value in lead.items()}


class RefusedError(Exception):
    """The account says no."""

    def __init__(self, status: int, message: str, errors: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status, self.errors = status, errors


@contextlib.contextmanager
def made_account(dialect: Dialect) -> Iterator[Account]:
    """Serve it on the loopback address, on a thread of its own."""
    account = Account("", dialect)
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(account.handle, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        account.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield account
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def _ok_result(items: list[Json], op: str) -> Json:
    return {"ok": True, "result": items if op == "list" else (items or [{}])[0]}


def _plain(status: int, message: str, errors: Mapping[str, str]) -> tuple[int, Json]:
    return status, {"ok": False, "error": {"code": status, "text": message}, "errors": dict(errors)}


def _data(items: list[Json], op: str) -> Json:
    return {"data": items if op == "list" else (items or [{}])[0]}


def _rfc9457(status: int, message: str, errors: Mapping[str, str]) -> tuple[int, Json]:
    return status, {"title": "no", "status": status, "detail": message, "errors": dict(errors)}


def _numbered(items: list[Json], _op: str) -> Json:
    return {"success": 1, "result": items, "error": None}


def _always_200(status: int, message: str, errors: Mapping[str, str]) -> tuple[int, Json]:
    return 200, {"success": 0, "result": None, "error": {"code": status, "message": message, "fields": dict(errors)}}


SPELLED = {
    "name": "full_name",
    "mobile_number": "phone",
    "consent_email": "email_consent",
    "consent_sms": "sms_consent",
    "tags": "labels",
}
AS_ASSUMED = Dialect()
ENVELOPE = Dialect(done=_ok_result, fail=_plain, kept={"lead_id": "id", "credits": "sms_credits"})
OTHER_VERBS = Dialect(ways=REST)
BEARER = Dialect(key=("header", "Authorization"))
SPELLING = Dialect(names=SPELLED, kept=SPELLED, tags="joined", truth="number")
FAILURES_IN_200 = Dialect(done=_numbered, fail=_always_200)
LIMITED = Dialect(a_second=4)
SLASHED = Dialect(slash=True)
NO_WORD_OF_SUCCESS = Dialect(done=_data, fail=_rfc9457, key=("header", "X-Api-Key"), tags="map")
TEN_OTHERS = Dialect(
    ways=REST,
    key=("header", "Authorization"),
    names=SPELLED,
    kept={**SPELLED, "lead_id": "id", "credits": "saldo", "sms_id": "uid", "message_id": "uid", "email_id": "uid"},
    tags="joined",
    truth="number",
    done=_ok_result,
    fail=_plain,
    a_second=25,
)
"""Verbs, paths, fields in the path, key, names, lists, truths, envelope, success, ids, limits: all are others."""
