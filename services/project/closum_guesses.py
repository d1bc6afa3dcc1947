"""Other ways in which APIs of this kind are written: where to look when what is assumed is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.closum.facts_form import KeyRow

KEYS = (
    KeyRow(query="api-key"),
    KeyRow(bearer=True),
    KeyRow(header="X-Api-Key"),
    KeyRow(header="Api-Key"),
    KeyRow(header="X-Auth-Token"),
    KeyRow(query="api_key"),
    KeyRow(query="apikey"),
    KeyRow(query="key"),
    KeyRow(query="token"),
    KeyRow(query="access_token"),
)
LISTS = ("lead/", "leads", "contacts", "contact/", "sms/balance/")
"""What is asked first, as it changes nothing: a list, or the balance."""

NOUNS = ("lead", "leads", "contact", "contacts", "people")
IN_LIST = re.compile(r"(?:^|/)(?:leads|contacts|people)$")
VERBS: Mapping[str, tuple[str, ...]] = {
    "closum.lead.add": ("add", "create", "new", "store"),
    "closum.lead.view": ("view", "get", "details", "show", "find"),
    "closum.lead.update": ("update", "edit", "change"),
    "closum.lead.edit_by_email": ("edit-by-email", "update-by-email", "by-email"),
    "closum.lead.delete": ("delete", "remove", "destroy"),
    "closum.contact.remove": ("remove", "delete", "destroy"),
    "closum.contact.add_tag": ("add-tag", "tag", "tags/add"),
    "closum.contact.add_tag_by_email": ("add-tag-by-email", "tag-by-email"),
    "closum.contact.remove_tag": ("remove-tag", "delete-tag", "untag", "tags/remove"),
    "closum.contact.remove_tag_by_email": ("remove-tag-by-email", "delete-tag-by-email", "untag-by-email"),
}
REST: Mapping[str, tuple[tuple[str, str], ...]] = {
    "closum.lead.add": (("POST", "{noun}"),),
    "closum.lead.view": (("GET", "{noun}/{lead_id}"),),
    "closum.lead.update": (("PUT", "{noun}/{lead_id}"), ("PATCH", "{noun}/{lead_id}")),
    "closum.lead.delete": (("DELETE", "{noun}/{lead_id}"),),
    "closum.contact.remove": (("DELETE", "{noun}/{contact_id}"),),
    "closum.contact.add_tag": (("POST", "{noun}/{contact_id}/tags"),),
    "closum.contact.remove_tag": (("DELETE", "{noun}/{contact_id}/tags/{tag}"), ("DELETE", "{noun}/{contact_id}/tags")),
}
OTHERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "closum.tag.create": (("POST", "tag/create/"), ("POST", "tags"), ("POST", "tags/add/"), ("POST", "tag/new/")),
    "closum.sms.check_credits": (
        *(("GET", "sms/credits/"), ("GET", "sms-balance/"), ("GET", "balance/"), ("GET", "credits/")),
        *(("GET", "sms/check-credits/"), ("POST", "sms/balance/")),
    ),
    "closum.sms.send": (("POST", "sms/"), ("POST", "sms"), ("POST", "messages/sms"), ("POST", "sms/send-one/")),
    "closum.whatsapp.send_template": (
        *(
            ("POST", "whatsapp/send/"),
            ("POST", "whatsapp/template/"),
            ("POST", "whatsapp/messages"),
            ("POST", "whatsapp"),
        ),
    ),
    "closum.email.send_template": (
        *(("POST", "email/send/"), ("POST", "email/template/"), ("POST", "emails"), ("POST", "email-template/send/")),
    ),
}
VERBS_OF = {"GET": ("GET", "POST"), "POST": ("POST", "PUT", "PATCH"), "PUT": ("PUT", "PATCH", "POST")}
REMOVES = frozenset({"closum.lead.delete", "closum.contact.remove", "closum.contact.remove_tag"})
NAMES: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "full_name", "fullname", "nome", "first_name", "contact_name"),
    "email": ("email", "e_mail", "mail", "email_address", "contact_email"),
    "mobile_number": ("mobile_number", "phone", "mobile", "phone_number", "msisdn", "telemovel", "cellphone"),
    "consent_email": ("consent_email", "email_consent", "email_opt_in", "opt_in_email", "accepts_email"),
    "consent_sms": ("consent_sms", "sms_consent", "sms_opt_in", "opt_in_sms", "accepts_sms"),
    "tags": ("tags", "labels", "tag_names", "etiquetas", "segments"),
    "tag": ("tag", "tag_name", "label", "name", "tags"),
    "lead_id": ("lead_id", "id", "contact_id", "leadId", "uuid", "_id", "uid"),
    "contact_id": ("contact_id", "lead_id", "id", "contactId", "leadId", "uuid", "_id", "uid"),
    "update_enabled": ("update_enabled", "update", "upsert", "update_existing"),
    "credits": ("credits", "balance", "sms_credits", "sms_balance", "saldo", "left", "available", "remaining"),
    "message": ("message", "text", "body", "content"),
    "recipient": ("recipient", "to", "phone", "mobile_number", "number", "msisdn"),
    "sender": ("sender", "from", "sender_id", "originator"),
    "send_time": ("send_time", "scheduled_at", "schedule", "send_at"),
    "to": ("to", "recipient", "phone", "email", "mobile_number", "number"),
    "template": ("template", "template_name", "template_id", "name"),
    "language": ("language", "lang", "locale", "language_code"),
    "parameters": ("parameters", "params", "variables", "values"),
    "variables": ("variables", "params", "parameters", "data"),
    "sms_id": ("sms_id", "id", "message_id", "uuid", "uid"),
    "message_id": ("message_id", "id", "sms_id", "wamid", "uuid", "uid", "message_uid"),
    "email_id": ("email_id", "id", "message_id", "uuid", "uid"),
    "tag_id": ("tag_id", "id", "uuid", "uid"),
    "birth_date": ("birth_date", "birthday", "date_of_birth", "dob"),
    "contact_lifecycle_stage_id": ("contact_lifecycle_stage_id", "lifecycle_stage_id", "stage_id", "stage"),
    "status": ("status", "state", "delivery_status", "estado", "message_status", "event_status"),
    "error": ("error", "error_message", "reason", "error_code", "motivo"),
    "at": ("at", "time", "timestamp", "when", "date", "occurred_at", "status_time", "data_hora"),
    "from": ("from", "sender", "phone", "mobile_number", "from_number", "msisdn", "remetente"),
    "text": ("text", "message", "body", "content", "mensagem", "texto"),
    "created_at": ("created_at", "time", "timestamp", "when", "created", "criado_em"),
    "updated_at": ("updated_at", "time", "timestamp", "when", "modified_at", "updated"),
    "event_id": ("event_id", "webhook_id", "delivery_id", "notification_id"),
    "country": ("country", "country_code", "pais"),
    "event": ("event", "type", "action", "event_type"),
    "channel": ("channel", "medium", "via"),
}
"""How fields are named elsewhere, the likeliest first."""


def names_for(field: str) -> tuple[str, ...]:
    """Other names of one of our fields, and the spellings that JavaScript gives them."""
    known = NAMES.get(field, (field,))
    return tuple(dict.fromkeys((field, *known, *map(_camel, known))))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def ways_to(action: str, method: str, path: str, nouns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Verb and path, the assumed one first; then those of the places that answered before, then the rest."""
    yield method, path
    for noun in dict.fromkeys((*nouns, *NOUNS)):
        for verb, rest in REST.get(action, ()):
            if IN_LIST.search(noun):
                yield verb, rest.replace("{noun}", noun)
        for word in VERBS.get(action, ()):
            yield method, f"{noun}/{word}/"
    yield from OTHERS.get(action, ())


def walk(value: Any, at: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401 - JSON
    """Pointer, last name and value of everything in JSON that is no list's item but the first, the nearest first."""
    if depth > 6 or not isinstance(value, dict):  # noqa: PLR2004 - deeper is nobody's id
        return
    inner = []
    for name, item in value.items():
        here = f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"
        yield here, str(name), item
        first = item[0] if isinstance(item, list) and item else item
        if isinstance(first, dict):
            inner.append((f"{here}/0" if isinstance(item, list) else here, first))
    for here, item in inner:
        yield from walk(item, here, depth + 1)
