"""A CRM as small as one can be: contacts by E.164 phone. It honours Idempotency-Key, as the IETF draft describes it.

The same key with the same body is answered as the first time and changes nothing; with another body it is
refused (422).
"""

from __future__ import annotations

import re
from http import HTTPStatus

from deploy.local.closum.stand_in_state import Json, StandInState
from deploy.local.closum.wire_format import ReceivedCall, StandInReply

E164 = re.compile(r"\+[1-9]\d{6,14}")
NAME_LIMIT = 100


def problem(status: int, detail: str) -> StandInReply:
    """An error as RFC 9457 has it."""
    return StandInReply(status, {"title": HTTPStatus(status).phrase, "status": status, "detail": detail})


def contacts(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`/crm/contacts` and `/crm/contacts/{id}`."""
    if call.key and call.method in {"POST", "PATCH"}:
        return _once(state, call, call.key)
    return _contacts(state, call)


def _once(state: StandInState, call: ReceivedCall, key: str) -> StandInReply:
    if key in state.answers:
        request, status, body = state.answers[key]
        if request != call.raw:
            return problem(422, f"Idempotency-Key {key!r} came before with another body")
        return StandInReply(status, body)
    reply = _contacts(state, call)
    if reply.status < HTTPStatus.BAD_REQUEST:
        state.answers[key] = (call.raw, reply.status, reply.body)
    return reply


def _contacts(state: StandInState, call: ReceivedCall) -> StandInReply:
    number = call.path.removeprefix("/crm/contacts").strip("/")
    return _one(state, call, number) if number else _all(state, call)


def _all(state: StandInState, call: ReceivedCall) -> StandInReply:
    if call.method == "POST":
        return _upsert(state, call)
    if call.method == "GET":
        phone = call.query.get("phone")
        found = [contact for contact in state.contacts.values() if phone in (None, contact["phone"])]
        return StandInReply(200, {"contacts": found})
    return problem(405, "GET and POST are known here")


def _one(state: StandInState, call: ReceivedCall, number: str) -> StandInReply:
    if number not in state.contacts:
        return problem(404, f"no contact {number!r}")
    if call.method == "GET":
        return StandInReply(200, state.contacts[number])
    if call.method == "DELETE":
        contact = state.contacts.pop(number)
        state.by_phone.pop(contact["phone"], None)
        state.effect("contact.deleted", contact["phone"], call.key, {})
        return StandInReply(200, contact)
    if call.method in {"PUT", "PATCH"}:
        return _change(state, call, state.contacts[number])
    return problem(405, "GET, PUT, PATCH and DELETE are known here")


def _fault(body: Json) -> str:
    """What is wrong with a contact's fields; empty when nothing is."""
    if "phone" in body and not E164.fullmatch(str(body["phone"])):
        return f"phone {body['phone']!r} is not an E.164 number"
    if len(str(body.get("name") or "")) > NAME_LIMIT:
        return f"name has {len(str(body['name']))} characters, at most {NAME_LIMIT} are allowed"
    return ""


def _upsert(state: StandInState, call: ReceivedCall) -> StandInReply:
    if "phone" not in call.body:
        return problem(422, "phone is needed")
    if fault := _fault(call.body):
        return problem(422, fault)
    phone = call.body["phone"]
    number = state.by_phone.get(phone)
    status = HTTPStatus.OK if number else HTTPStatus.CREATED
    number = number or f"c{state.number()}"
    contact = state.contacts.setdefault(number, {"id": number, "writes": 0})
    before = contact.copy()
    contact.update({**call.body, "id": number, "writes": contact["writes"] + 1})
    state.tell("crm", contact, before, call.body)
    state.by_phone[phone] = number
    state.effect("contact.upserted", phone, call.key, call.body)
    return StandInReply(status, contact.copy())


def _change(state: StandInState, call: ReceivedCall, contact: Json) -> StandInReply:
    if fault := _fault(call.body):
        return problem(422, fault)
    before = contact.copy()
    state.by_phone.pop(contact["phone"], None)
    if call.method == "PUT":
        for name in set(contact) - {"id", "writes", "phone"}:
            del contact[name]
    contact.update({**call.body, "id": contact["id"], "writes": contact["writes"] + 1})
    state.tell("crm", contact, before, call.body)
    state.by_phone[contact["phone"]] = contact["id"]
    state.effect("contact.changed", contact["phone"], call.key, call.body)
    return StandInReply(200, contact.copy())
