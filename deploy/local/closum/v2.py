"""Closum's API V2, as far as docs/closum.md describes it.

`lead/add`, `lead/` and `sms/send` are confirmed, the rest is assumed. V2 does not honour Idempotency-Key (nothing
public says so): the same `sms/send` twice is two messages.
"""

from __future__ import annotations

from datetime import date

from deploy.local.closum.stand_in_state import Json, StandInState
from deploy.local.closum.wire_format import Endpoint, ReceivedCall, RefusedError, StandInReply, done, phone_digits

STAGES = range(1, 10)
LEAD_FIELDS = frozenset(
    {
        "name",
        "email",
        "mobile_number",
        "consent_email",
        "consent_sms",
        "contact_lifecycle_stage_id",
        "custom_data",
        "tags",
        "birth_date",
        "custom_fields",
    }
)
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("^{}\\[~]|€")


def _check(fields: Json) -> Json:
    """The fields of a lead, checked. Raises RefusedError."""
    kept = {name: value for name, value in fields.items() if name in LEAD_FIELDS}
    if kept.get("mobile_number"):
        kept["mobile_number"] = phone_digits(kept["mobile_number"])
    if kept.get("email") and "@" not in str(kept["email"]):
        raise RefusedError(f"email {kept['email']!r} is not valid")
    for consent in ("consent_email", "consent_sms"):
        if consent in kept and not isinstance(kept[consent], bool):
            raise RefusedError(f"{consent} must be true or false")
    if "contact_lifecycle_stage_id" in kept and kept["contact_lifecycle_stage_id"] not in STAGES:
        raise RefusedError("contact_lifecycle_stage_id must be 1 to 9")
    if kept.get("birth_date"):
        try:
            date.fromisoformat(str(kept["birth_date"]))
        except ValueError:
            raise RefusedError("birth_date must be Y-m-d") from None
    return kept


def _store(state: StandInState, lead: Json, fields: Json) -> None:
    before = lead.copy()
    lead.update(fields)
    state.tell("closum", lead, before, fields)
    if lead.get("mobile_number"):
        state.lead_by_mobile[lead["mobile_number"]] = lead["lead_id"]
    if lead.get("email"):
        state.lead_by_email[str(lead["email"]).lower()] = lead["lead_id"]
    for name in lead.get("tags") or ():
        state.tags.setdefault(str(name), str(len(state.tags) + 1))


def _find(state: StandInState, call: ReceivedCall) -> Json:
    """The lead that a call names, by id, e-mail or mobile number. Raises RefusedError."""
    number = call.text("lead_id", "contact_id", "id")
    email, mobile = call.text("email"), call.text("mobile_number")
    number = (
        number or state.lead_by_email.get(email.lower(), "") or ("" if email else state.lead_by_mobile.get(mobile, ""))
    )
    if number not in state.leads:
        raise RefusedError(f"no lead {number or email or mobile!r}", 404)
    return state.leads[number]


def lead_add(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`lead/add/`: with update_enabled an existing lead is updated, without it is refused.

    Public callers leave out the name, and the consent that they do not ask for; one adds `lead_opt_in`.
    """
    if "consent_email" not in call.body and "consent_sms" not in call.body:
        raise RefusedError("consent_email or consent_sms is needed")
    if "name" in call.body and not call.text("name"):
        raise RefusedError("name is empty")
    fields = _check(call.body)
    mobile, email = str(fields.get("mobile_number") or ""), str(fields.get("email") or "").lower()
    if not mobile and not email:
        raise RefusedError("email or mobile_number is needed")
    known = (mobile and state.lead_by_mobile.get(mobile)) or (email and state.lead_by_email.get(email))
    if known and not call.body.get("update_enabled"):
        raise RefusedError(f"lead already exists: {known}", 409)
    lead = state.leads[known] if known else {"lead_id": state.number()}
    state.leads[lead["lead_id"]] = lead
    _store(state, lead, fields)
    state.effect("lead.updated" if known else "lead.added", mobile or email, call.key, call.body)
    return done("Lead updated" if known else "Lead added", {"lead_id": lead["lead_id"]})


def lead_list(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`lead/`: all leads, in pages of `limit` (100)."""
    page, limit = int(call.text("page") or 1), int(call.text("limit") or 100)
    leads = list(state.leads.values())
    return done("Leads", *leads[(page - 1) * limit : page * limit])


def lead_view(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`lead/view/`."""
    return done("Lead", _find(state, call))


def lead_update(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`lead/update/` and `lead/edit-by-email/`."""
    lead = _find(state, call)
    _store(state, lead, _check(call.body))
    state.effect("lead.updated", lead["lead_id"], call.key, call.body)
    return done("Lead updated", {"lead_id": lead["lead_id"]})


def lead_delete(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`lead/delete/` and `contact/remove/`."""
    lead = _find(state, call)
    del state.leads[lead["lead_id"]]
    for index in (state.lead_by_mobile, state.lead_by_email):
        for name in [name for name, number in index.items() if number == lead["lead_id"]]:
            del index[name]
    state.effect("lead.deleted", lead["lead_id"], call.key, call.body)
    return done("Lead deleted", {"lead_id": lead["lead_id"]})


def add_tag(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`contact/add-tag/` and `contact/add-tag-by-email/`: twice is once."""
    lead, tag = _find(state, call), call.text("tag", "tag_name", "name")
    if not tag:
        raise RefusedError("tag is needed")
    there = lead.get("tags") or []
    _store(state, lead, {"tags": there if tag in there else [*there, tag]})
    state.effect("tag.added", lead["lead_id"], call.key, call.body)
    return done("Tag added", {"lead_id": lead["lead_id"]})


def remove_tag(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`contact/remove-tag/` and `contact/remove-tag-by-email/`: twice is once."""
    lead, tag = _find(state, call), call.text("tag", "tag_name", "name")
    _store(state, lead, {"tags": [name for name in lead.get("tags") or [] if name != tag]})
    state.effect("tag.removed", lead["lead_id"], call.key, call.body)
    return done("Tag removed", {"lead_id": lead["lead_id"]})


def tag_add(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`tag/add/`: a name that exists is refused."""
    name = call.text("name", "tag")
    if not name:
        raise RefusedError("name is needed")
    if name in state.tags:
        raise RefusedError(f"tag already exists: {name}", 409)
    state.tags[name] = str(len(state.tags) + 1)
    state.effect("tag.created", name, call.key, call.body)
    return done("Tag added", {"tag_id": state.tags[name]})


def sms_parts(message: str) -> int:
    """How many SMS a text takes: GSM-7 160 characters (153 when several), else UCS-2 70 (67)."""
    if all(sign in GSM_7 or sign in GSM_7_EXTENSION for sign in message):
        length, one, several = sum(1 + (sign in GSM_7_EXTENSION) for sign in message), 160, 153
    else:
        length, one, several = len(message.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= one else -(-length // several)


def sms_send(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`sms/send/`: costs a credit a part."""
    message, recipient = call.text("message"), phone_digits(call.text("recipient"))
    if not message:
        raise RefusedError("message is needed")
    parts = sms_parts(message)
    if parts > state.credits:
        raise RefusedError("not enough SMS credits", 402)
    state.credits -= parts
    sent = {"sms_id": str(len(state.sms) + 1), "recipient": recipient, "message": message, "parts": parts}
    state.sms.append({**sent, "sender": call.text("sender"), "send_time": call.text("send_time")})
    state.effect("sms.sent", recipient, call.key, call.body)
    return done("SMS sent", {"sms_id": sent["sms_id"], "parts": parts})


def sms_balance(state: StandInState, _call: ReceivedCall) -> StandInReply:
    """`sms/balance/`."""
    return done("Balance", {"balance": state.credits})


def whatsapp_send(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`whatsapp/send-template/`."""
    to = phone_digits(call.text("to", "recipient"))
    template = call.text("template", "template_name")
    if not template:
        raise RefusedError("template is needed")
    number = f"wamid.{len(state.whatsapp) + 1}"
    sent = {"message_id": number, "to": to, "template": template, "language": call.text("language")}
    state.whatsapp.append({**sent, "parameters": call.body.get("parameters") or []})
    state.effect("whatsapp.sent", to, call.key, call.body)
    return done("Message sent", {"message_id": number})


def email_send(state: StandInState, call: ReceivedCall) -> StandInReply:
    """`email/send-template/`."""
    to, template = call.text("to", "email", "recipient"), call.text("template", "template_id")
    if "@" not in to or not template:
        raise RefusedError("email and template are needed")
    number = str(len(state.emails) + 1)
    state.emails.append({"email_id": number, "to": to, "template": template})
    state.effect("email.sent", to.lower(), call.key, call.body)
    return done("E-mail sent", {"email_id": number})


READ, WRITE = frozenset({"GET", "POST"}), frozenset({"POST"})
CHANGE, REMOVE = frozenset({"POST", "PUT"}), frozenset({"POST", "DELETE"})

# Path without slashes at its ends → methods, endpoint.
ENDPOINTS: dict[str, tuple[frozenset[str], Endpoint]] = {
    "lead": (frozenset({"GET"}), lead_list),
    "lead/add": (WRITE, lead_add),
    "lead/view": (READ, lead_view),
    "lead/update": (CHANGE, lead_update),
    "lead/edit-by-email": (CHANGE, lead_update),
    "lead/delete": (REMOVE, lead_delete),
    "contact/add-tag": (WRITE, add_tag),
    "contact/add-tag-by-email": (WRITE, add_tag),
    "contact/remove": (REMOVE, lead_delete),
    "contact/remove-tag": (REMOVE, remove_tag),
    "contact/remove-tag-by-email": (REMOVE, remove_tag),
    "tag/add": (WRITE, tag_add),
    "sms/send": (WRITE, sms_send),
    "sms/balance": (READ, sms_balance),
    "whatsapp/send-template": (WRITE, whatsapp_send),
    "email/send-template": (WRITE, email_send),
}
