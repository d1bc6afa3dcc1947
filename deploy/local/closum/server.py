"""The HTTP server of the stand-in: reads a request, meets it with a fault or an answer, notes both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import orjson
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from deploy.local.closum import crm, other_systems, v2
from deploy.local.closum.faults import FaultKind, InjectedFault, InjectedFaults
from deploy.local.closum.other_form import OtherForm, form_fields
from deploy.local.closum.stand_in_state import StandInState
from deploy.local.closum.webhooks import Subscription, Webhooks
from deploy.local.closum.wire_format import HTTP_OK, ReceivedCall, RefusedError, StandInReply, done, refused

JSON = "application/json"
BIG = 4 * 1024 * 1024
ANSWERS = TypeAdapter(dict[str, dict[str, object]])


FORM = "application/x-www-form-urlencoded"
NOT_HERE = "{} {!r} is elsewhere in this account: /_facts shows where"
NOT_TAUGHT = "no endpoint {!r} here: POST /_answers gives one its answer"


class StandIn:
    """One stand-in: its state, its faults, its request handler."""

    def __init__(self) -> None:
        self.webhooks = Webhooks()
        self.state = StandInState(tell=self.webhooks.tell)
        self.faults = InjectedFaults()
        self.answers: dict[str, dict[str, object]] = {}
        self.form = OtherForm()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path.startswith("/_"):
            return await self._control(request)
        raw = await request.read()
        path = request.path
        key = (request.headers.get("Idempotency-Key") or "").strip('"') or None
        state = self.state
        state.asked(key)
        noted = {"n": state.received, "method": request.method, "path": path, "key": key, "status": 0, "fault": None}
        if path.startswith("/crm/"):  # V2 has its key in the query
            noted["query"] = request.query_string
        state.requests.append(noted)
        fault = self.faults.pick(path, raw) if self.faults.active else None
        if fault is not None:
            noted["fault"] = fault.kind.value
            if not fault.does_act():
                return await self._fail(request, fault, None, noted)
        reply = self._answer(request, raw, key)
        if fault is not None:
            return await self._fail(request, fault, reply, noted)
        noted["status"] = reply.status
        return _response(reply)

    def _answer(self, request: web.BaseRequest, raw: bytes, key: str | None) -> StandInReply:
        try:
            body = form_fields(raw) if request.content_type == FORM else orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError as error:
            return refused(f"the body is not JSON: {error}", 400, HTTPStatus.BAD_REQUEST)
        if not isinstance(body, dict):
            return refused("the body is not a JSON object", 400, HTTPStatus.BAD_REQUEST)
        call = ReceivedCall(request.method, request.path, request.query, body, raw, key)
        if call.path.startswith("/v2/"):
            return self._v2(call, request.headers)
        if call.path == "/crm/contacts" or call.path.startswith("/crm/contacts/"):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                return crm.problem(HTTPStatus.UNAUTHORIZED, "a bearer token is needed")
            return crm.contacts(self.state, call)
        nothing = crm.problem(HTTPStatus.NOT_FOUND, f"nothing is at {call.path!r}: /v2/… and /crm/contacts are")
        return other_systems.answer(call) or nothing

    def _v2(self, call: ReceivedCall, headers: Mapping[str, str]) -> StandInReply:
        if not self.form.admits(call.query, headers):
            return refused("api-key is needed in the query", 401, HTTPStatus.UNAUTHORIZED)
        name = call.path.removeprefix("/v2").strip("/")
        if (moved := self.form.named(call.method, name)) is not None:
            own, holes = moved
            return self.form.reply(own, self._known(own, self.form.call(own, call, holes)))
        if name in self.form.rows:
            return refused(NOT_HERE.format(call.method, name), 404, HTTPStatus.NOT_FOUND)
        return self._known(name, call, asked=True)

    def _known(self, name: str, call: ReceivedCall, *, asked: bool = False) -> StandInReply:
        if name not in v2.ENDPOINTS:
            taught = self.answers.get(name)
            return done("Done", taught) if taught else refused(NOT_TAUGHT.format(name), 404, HTTPStatus.NOT_FOUND)
        methods, endpoint = v2.ENDPOINTS[name]
        if asked and call.method not in methods:
            return refused(f"{call.method} is not for {name!r}", 405, HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            return endpoint(self.state, call)
        except RefusedError as error:
            return refused(str(error), error.code)
        except ValueError as error:
            return refused(str(error))

    async def _fail(
        self, request: web.BaseRequest, fault: InjectedFault, reply: StandInReply | None, noted: dict[str, object]
    ) -> web.StreamResponse:
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            reply = reply or StandInReply(HTTP_OK, {})
            noted["status"] = reply.status
            return _response(reply)
        if fault.kind is FaultKind.HANG:
            await asyncio.sleep(3600)  # the caller leaves first: that cancels this
        if fault.kind in {FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER} and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if fault.kind is FaultKind.MALFORMED:
            noted["status"] = HTTP_OK
            return web.Response(body=b'{"status": true, "respon', content_type=JSON)
        if fault.kind is FaultKind.REFUSE:
            noted["status"] = HTTP_OK
            return _response(refused("refused by a fault that is switched on"))
        noted["status"] = fault.status
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        return _response(refused("a fault that is switched on", fault.status, fault.status), headers)

    async def _control(self, request: web.BaseRequest) -> web.Response:
        what = request.path.strip("/")
        if what == "_reset" and request.method == "POST":
            await self.webhooks.close()
            self.state, self.faults = StandInState(tell=self.webhooks.tell), InjectedFaults()
            return _response(StandInReply(200, {"reset": True}))
        switches = {
            "_faults": self._switch,
            "_webhooks": self._subscribe,
            "_answers": self._teach,
            "_facts": self._told,
        }
        if what in switches:
            return await switches[what](request)
        parts = self.state.parts()
        if what == "_state":
            return _response(StandInReply(200, parts))
        name = what.removeprefix("_state/")
        if name in parts:
            return web.Response(body=orjson.dumps(parts[name]), content_type=JSON)
        there = ", ".join(("/_state[/PART]", "/_reset", *(f"/{one}" for one in switches)))
        return _response(crm.problem(404, f"nothing is at {request.path!r}: {there} are"))

    async def _subscribe(self, request: web.BaseRequest) -> web.Response:
        if request.method == "DELETE":
            await self.webhooks.close()
        elif request.method == "POST":
            try:
                self.webhooks.subscribe(Subscription.model_validate_json(await request.read()))
            except ValidationError as error:
                return _response(crm.problem(422, _told(error)))
        return _response(StandInReply(200, self.webhooks.shown))

    async def _teach(self, request: web.BaseRequest) -> web.Response:
        """Answers of endpoints that this stand-in does not know: path below /v2/ → first object of responseData."""
        if request.method == "POST":
            try:
                taught = ANSWERS.validate_json(await request.read())
            except ValidationError as error:
                return _response(crm.problem(422, _told(error)))
            self.answers |= {
                name: answer for path, answer in taught.items() if (name := path.strip("/")) not in v2.ENDPOINTS
            }
        return _response(StandInReply(200, self.answers))

    async def _told(self, request: web.BaseRequest) -> web.Response:
        """What closum.yaml says: from now on it answers so (other_form.py)."""
        if request.method == "POST":
            try:
                self.form = OtherForm.model_validate_json(await request.read())
            except ValidationError as error:
                return _response(crm.problem(422, _told(error)))
            self.webhooks.form = self.form
        return _response(StandInReply(200, self.form.model_dump(mode="json")))

    async def _switch(self, request: web.BaseRequest) -> web.Response:
        if request.method == "DELETE":
            self.faults.active.clear()
        elif request.method == "POST":
            try:
                self.faults.active.append(InjectedFault.model_validate_json(await request.read()))
            except ValidationError as error:
                return _response(crm.problem(422, _told(error)))
        return _response(StandInReply(200, {"faults": [fault.model_dump(mode="json") for fault in self.faults.active]}))


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def _response(reply: StandInReply, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(reply.body), status=reply.status, content_type=JSON, headers=headers)


@contextlib.asynccontextmanager
async def serving(host: str, port: int, stand_in: StandIn | None = None) -> AsyncIterator[int]:
    """Serve a stand-in on this event loop, answer its port; 0 takes a free one. Raises OSError: the port is taken."""
    served = stand_in or StandIn()
    server = web.Server(served.handle, access_log=None, handler_cancellation=True, keepalive_timeout=75)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield int(runner.addresses[0][1])
    finally:
        await served.webhooks.close()
        await runner.cleanup()
