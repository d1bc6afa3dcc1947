"""What each kind of update of WhatsApp Cloud API says, as the payload of its trigger. Pure.

Each trigger's file names the document of its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from contracts.triggers.payload import Payload
from contracts.triggers.whatsapp_account_updated import WhatsAppAccountUpdated
from contracts.triggers.whatsapp_call_updated import WhatsAppCallUpdated
from contracts.triggers.whatsapp_changed import WhatsAppChanged
from contracts.triggers.whatsapp_contact_changed import WhatsAppContactChanged
from contracts.triggers.whatsapp_error_reported import WhatsAppErrorReported
from contracts.triggers.whatsapp_message_deleted import WhatsAppMessageDeleted
from contracts.triggers.whatsapp_message_echoed import WhatsAppMessageEchoed
from contracts.triggers.whatsapp_message_edited import WhatsAppMessageEdited
from contracts.triggers.whatsapp_message_received import WhatsAppMessageReceived
from contracts.triggers.whatsapp_message_unsupported import WhatsAppMessageUnsupported
from contracts.triggers.whatsapp_preference_changed import WhatsAppPreferenceChanged
from contracts.triggers.whatsapp_reaction_received import WhatsAppReactionReceived
from contracts.triggers.whatsapp_status_updated import GROUP, WhatsAppStatusUpdated
from contracts.triggers.whatsapp_template_updated import WhatsAppTemplateUpdated

USER_ID = re.compile(r"[A-Z]{2}\.\S+")
"""WhatsApp's id of a person with a business: a country, a point, letters and digits; a parent's has `.ENT.` too."""
Json = dict[str, Any]
Made = tuple[type[Payload], Json]
LONGEST_ERROR = 4096
ACCOUNT = "business_account_id"
NOTHING: Mapping[str, Any] = {}

WRITTEN = frozenset(
    {
        "audio",
        "button",
        "contacts",
        "document",
        "image",
        "interactive",
        "location",
        "order",
        "sticker",
        "text",
        "video",
        "voice",
    }
)
"""The types of messages that a person wrote; whatever Meta adds is told as `whatsapp.changed`, and answered by no flow
of messages before somebody said that it is one."""
NO_MESSAGES = frozenset({"call_permission_reply"})
"""Kinds of `interactive` that say nothing."""
TEMPLATES = {
    "message_template_status_update": ("event", "reason"),
    "message_template_quality_update": ("new_quality_score", ""),
    "message_template_components_update": ("", ""),
    "template_category_update": ("new_category", ""),
    "template_correct_category_detection": ("correct_category", ""),
}
"""Fields of templates, and where each says what is new, and why."""
ACCOUNTS = frozenset(
    {
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "business_capability_update",
        "business_status_update",
        "business_username_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
    }
)


class Around(NamedTuple):
    """What stands around an update: its entry, its change, and the people that the change names.

    `ours`: which of our numbers it is about.
    """

    field: str = ""
    at: Any = None
    ours: Mapping[str, Any] = NOTHING
    contacts: Sequence[Json] = ()
    senders: int = 0

    @classmethod
    def of(cls, entry: Any, change: Any = None) -> Around:  # noqa: ANN401 - any JSON value
        """Read from a body, whatever stands there."""
        entry, change = _object(entry), _object(change)
        value = _object(change.get("value"))
        metadata = _object(value.get("metadata"))
        told = (
            ("phone_number_id", metadata.get("phone_number_id")),
            ("display_phone_number", metadata.get("display_phone_number") or value.get("display_phone_number")),
            (ACCOUNT, entry.get("id")),
        )
        senders = [one.get("from") or one.get("from_user_id") for one in _objects(value.get("messages"))]
        return cls(
            _word(change.get("field")),
            _plain(entry.get("time")),
            {name: part for name, part in told if _plain(part) is not None},
            _objects(value.get("contacts")),
            len(senders) if len(senders) <= 1 else len(set(map(str, senders))),
        )

    @property
    def entry(self) -> Json:
        """What of its entry says where and when."""
        told = (("id", self.ours.get(ACCOUNT)), ("time", self.at))
        return {name: part for name, part in told if part is not None}

    def said(self, update: Any) -> Json:  # noqa: ANN401 - any JSON value
        """What of its change says whom it concerns: alone it must be nobody's but whose it was among the others."""
        numbers = {name: part for name, part in self.ours.items() if name != ACCOUNT}
        contacts = self.contacts
        if len(contacts) != 1 or self.senders > 1:
            named = [value for value in _object(update).values() if isinstance(value, str)]
            contacts = [one for one in contacts if one.get("wa_id") in named or one.get("user_id") in named]
        return {"metadata": numbers, "contacts": list(contacts)}

    def person(self, number: Any, user_id: Any) -> Json:  # noqa: ANN401 - any JSON value
        """The contact with this number or id; the only one there is, where nobody else wrote."""
        for key, wanted in (("wa_id", number), ("user_id", user_id)):
            for contact in self.contacts:
                if wanted and contact.get(key) == wanted:
                    return contact
        return self.contacts[0] if len(self.contacts) == 1 and self.senders <= 1 else {}


def payload_of(name: str, value: Json, around: Around) -> Payload:
    """The event of an update: `name` is its list's, empty for a whole change. Raises pydantic.ValidationError."""
    trigger, made = LISTS[name](value, around) if name else _change(value, around)
    spellings = trigger.spellings
    known: Json = {}
    raw: Json = {}
    for key, part in made.items():
        if key not in spellings:
            raw[key] = part
        elif part is not None:  # null is absent, and each field that is there costs its validator
            known[key] = part
    return trigger.read({**known, **around.ours, "raw": raw})


def trigger_of(name: str) -> str:
    """What an update of a list mostly is: for one that cannot be read."""
    return (USUAL.get(name) or WhatsAppChanged).trigger


def _message(message: Json, around: Around) -> Made:
    kind = _word(message.get("type"))
    if kind == "system":
        return _system(message, around)
    inner = _word(_object(message.get("interactive")).get("type"))
    if kind == "interactive" and inner in NO_MESSAGES:
        return _other(message, around, inner)
    known = MESSAGES.get(kind)
    if known is not None:
        trigger, more = known[0], known[1](message)
        who = {"message_id": message.get("id"), **_person(message, around)}
        return trigger, {**_rest(message, trigger, kind), **who, **more}
    if message.get("type") is None or kind in WRITTEN:
        return WhatsAppMessageReceived, _written(message, around)
    return _other(message, around, kind)


def _written(message: Json, around: Around) -> Json:
    return {
        **_others(message, WhatsAppMessageReceived, WRITTEN_TAKEN),
        **_person(message, around),
        "message_id": message.get("id"),
        "text": _text_of(message),
        "group_id": message.get("group_id"),
    }


TAKEN = frozenset({"id", "from", "from_user_id", "user_id", "timestamp"})
WRITTEN_TAKEN = TAKEN | {"text", "contact", "group_id"}


def _person(message: Json, around: Around) -> Json:
    """Who it is from, and when it was."""
    number, user_id = message.get("from"), message.get("from_user_id") or message.get("user_id")
    contact = around.person(number, user_id)
    profile = _object(contact.get("profile"))
    user_id = user_id or _plain(contact.get("user_id")) or (number if USER_ID.fullmatch(_word(number)) else None)
    told = (
        ("name", _plain(profile.get("name"))),
        ("user_id", user_id),
        ("username", _plain(profile.get("username") or contact.get("username"))),
    )
    return {
        "from": number or user_id or _plain(contact.get("wa_id")),
        "user_id": user_id,
        "at": message.get("timestamp"),
        "contact": {name: part for name, part in told if part is not None},
    }


def _rest(message: Json, trigger: type[Payload], *taken: Any) -> Json:  # noqa: ANN401 - any JSON value
    """What nobody reads of it: it stands under `raw`, and takes the place of no field."""
    return _others(message, trigger, {*TAKEN, *(one for one in taken if isinstance(one, str)), "type"})


def _others(message: Json, trigger: type[Payload], known: AbstractSet[str]) -> Json:
    spellings = trigger.spellings
    return {f"whatsapp_{key}" if key in spellings else key: item for key, item in message.items() if key not in known}


def _text_of(message: Json) -> str | None:
    """What was written; the text of a button, of a chosen list item, or under a picture."""
    if isinstance(message.get("text"), dict):
        written: str | None = message["text"].get("body")
        return written
    kind = message.get("type")
    part = message.get(kind) if isinstance(kind, str) else None
    if not isinstance(part, dict):
        return None
    reply = part.get(str(part.get("type"))) if kind == "interactive" else part
    found = [reply.get(name) for name in ("text", "title", "caption")] if isinstance(reply, dict) else []
    return next((text for text in found if isinstance(text, str)), None)


def _deleted(message: Json) -> Json:
    return {"original_message_id": _object(message.get("revoke")).get("original_message_id")}


def _edited(message: Json) -> Json:
    edit = _object(message.get("edit"))
    return {
        "original_message_id": edit.get("original_message_id"),
        "text": _text_of(_object(edit.get("message"))),
        "edit": edit,
    }


def _reacted(message: Json) -> Json:
    reaction = _object(message.get("reaction"))
    return {"reacted_to": reaction.get("message_id"), "emoji": reaction.get("emoji")}


def _unsupported(message: Json) -> Json:
    return {
        "kind": _object(message.get("unsupported")).get("type"),
        "error": _told(message.get("errors")),
        "errors": message.get("errors"),
    }


MESSAGES: dict[str, tuple[type[Payload], Callable[[Json], Json]]] = {
    "revoke": (WhatsAppMessageDeleted, _deleted),
    "edit": (WhatsAppMessageEdited, _edited),
    "reaction": (WhatsAppReactionReceived, _reacted),
    "unsupported": (WhatsAppMessageUnsupported, _unsupported),
    "unknown": (WhatsAppMessageUnsupported, _unsupported),
}
"""What comes as a message without being one."""


def _system(message: Json, around: Around) -> Made:
    """A change of number or identity; as Meta sent them first, also a stop of marketing."""
    system = _object(message.get("system"))
    kind, person = system.get("type"), _person(message, around)
    if kind == "user_preference_changed":
        told = {"value": system.get("marketing"), "category": "marketing_messages", "detail": system.get("body")}
        rest = _rest(message, WhatsAppPreferenceChanged, "system")
        return WhatsAppPreferenceChanged, {**rest, **person, **told}
    return WhatsAppContactChanged, {
        **_rest(message, WhatsAppContactChanged),
        **person,
        "message_id": message.get("id"),
        "from": message.get("from") or system.get("customer") or person["from"],
        "kind": kind,
        "new_number": system.get("wa_id") or system.get("new_wa_id"),
        "new_user_id": system.get("user_id"),
        "previous_user_id": system.get("previous_user_id"),
        "detail": system.get("body"),
    }


def _user_id_update(update: Json, around: Around) -> Made:
    ids = update.get("user_id")
    ids = ids if isinstance(ids, dict) else {"current": ids, "previous": update.get("previous_user_id")}
    return WhatsAppContactChanged, {
        **_rest(update, WhatsAppContactChanged, "wa_id", "detail"),
        **_person({**update, "from": update.get("wa_id"), "user_id": ids.get("current")}, around),
        "kind": "user_id_update",
        "new_user_id": ids.get("current"),
        "previous_user_id": ids.get("previous"),
        "detail": update.get("detail"),
    }


def _other(message: Json, around: Around, kind: str) -> Made:
    return WhatsAppChanged, {**_person(message, around), "field": around.field, "kind": kind, "value": message}


STATUS_TAKEN = WhatsAppStatusUpdated.spellings | {
    *("id", "recipient_id", "status", "timestamp", "recipient_type", "recipient_user_id"),
    *("recipient_participant_id", "recipient_participant_user_id"),
}


def _status(status: Json, around: Around) -> Made:
    if status.get("type") == "call":
        return _call({**status, "from": status.get("recipient_id"), "user_id": status.get("recipient_user_id")}, around)
    errors = _objects(status.get("errors"))
    rest = {key: item for key, item in status.items() if key not in STATUS_TAKEN}
    in_group = status.get("recipient_type") == GROUP
    participant = status.get("recipient_participant_id") or status.get("recipient_participant_user_id")
    return WhatsAppStatusUpdated, {
        **rest,
        "message_id": status.get("id"),
        "recipient": status.get("recipient_id") or status.get("recipient_user_id"),
        "recipient_type": status.get("recipient_type"),
        "recipient_user_id": status.get("recipient_participant_user_id" if in_group else "recipient_user_id"),
        "participant": participant,
        "status": status.get("status"),
        "at": status.get("timestamp"),
        "error": _told(errors),
        "error_codes": [error["code"] for error in errors if isinstance(error.get("code"), str | int)],
    }


def _told(errors: Any) -> str:  # noqa: ANN401 - any JSON value
    """Meta's errors in words."""
    texts = (str(one.get("title") or one.get("message") or one.get("code")) for one in _objects(errors))
    return "; ".join(texts)[:LONGEST_ERROR]


def _echo(message: Json, around: Around) -> Made:
    kind = _word(message.get("type"))
    changed = _object(message.get(kind)) if kind in {"edit", "revoke"} else {}
    inner = _object(changed.get("message")) or message
    return WhatsAppMessageEchoed, {
        **_rest(message, WhatsAppMessageEchoed, "to", "to_user_id", "text"),
        "message_id": message.get("id"),
        "to": message.get("to") or message.get("to_user_id"),
        "to_user_id": message.get("to_user_id") or around.person(message.get("to"), None).get("user_id"),
        "kind": kind,
        "original_message_id": changed.get("original_message_id"),
        "text": _text_of(inner),
        "at": message.get("timestamp"),
    }


def _call(call: Json, around: Around) -> Made:
    business = call.get("direction") == "BUSINESS_INITIATED"
    number = call.get("to" if business else "from")
    user_id = call.get("to_user_id" if business else "from_user_id") or call.get("user_id")
    return WhatsAppCallUpdated, {
        **_rest(call, WhatsAppCallUpdated, "event", "status", "direction"),
        **_person({**call, "from": number, "from_user_id": user_id}, around),
        "call_id": call.get("id"),
        **{name: call.get(name) for name in ("event", "status", "direction")},
    }


def _preference(preference: Json, around: Around) -> Made:
    told = ("category", "value", "detail")
    return WhatsAppPreferenceChanged, {
        **_rest(preference, WhatsAppPreferenceChanged, "wa_id", *told),
        **_person({**preference, "from": preference.get("wa_id")}, around),
        **{name: preference.get(name) for name in told},
    }


def _error(error: Json, around: Around) -> Made:
    details = _object(error.get("error_data")).get("details")
    return WhatsAppErrorReported, {
        **_rest(error, WhatsAppErrorReported, "code"),
        "code": error.get("code"),
        "error": _told([error]),
        "detail": details or error.get("message"),
        "at": around.at,
    }


def _change(value: Json, around: Around) -> Made:
    """A change that holds no list that is known: of a template, of the account, or any other."""
    if around.field in TEMPLATES:
        status, reason = TEMPLATES[around.field]
        return WhatsAppTemplateUpdated, {
            **_rest(value, WhatsAppTemplateUpdated),
            "field": around.field,
            "template_id": value.get("message_template_id"),
            "template": value.get("message_template_name"),
            "language": value.get("message_template_language"),
            "status": value.get(status),
            "reason": value.get(reason),
            "at": around.at,
        }
    if around.field in ACCOUNTS:
        told = {"field": around.field, "event": value.get("event"), "at": around.at}
        return WhatsAppAccountUpdated, {**_rest(value, WhatsAppAccountUpdated, "event"), **told}
    group = next((one.get("group_id") for one in _objects(value.get("groups"))), None)
    contact = around.person(None, None)
    person = {"from": contact.get("wa_id"), "user_id": contact.get("user_id")}
    return WhatsAppChanged, {**person, "field": around.field, "subject_id": group, "value": value, "at": around.at}


LISTS: Mapping[str, Callable[[Json, Around], Made]] = {
    "messages": _message,
    "statuses": _status,
    "message_echoes": _echo,
    "calls": _call,
    "user_preferences": _preference,
    "user_id_update": _user_id_update,
    "errors": _error,
}
"""The lists of updates that a change can hold."""
USUAL: Mapping[str, type[Payload]] = {
    "messages": WhatsAppMessageReceived,
    "statuses": WhatsAppStatusUpdated,
    "message_echoes": WhatsAppMessageEchoed,
    "calls": WhatsAppCallUpdated,
    "user_preferences": WhatsAppPreferenceChanged,
    "user_id_update": WhatsAppContactChanged,
    "errors": WhatsAppErrorReported,
}
TRIGGERS: tuple[type[Payload], ...] = (
    WhatsAppMessageReceived,
    WhatsAppStatusUpdated,
    *(one for one, _ in list(MESSAGES.values())[:4]),
    WhatsAppContactChanged,
    WhatsAppPreferenceChanged,
    WhatsAppMessageEchoed,
    WhatsAppCallUpdated,
    WhatsAppErrorReported,
    WhatsAppTemplateUpdated,
    WhatsAppAccountUpdated,
    WhatsAppChanged,
)


def _word(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else ""


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A text or a number; what stands around an update and is neither takes no update with it."""
    return value if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) else None


def _object(value: Any) -> Json:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Json]:  # noqa: ANN401 - any JSON value
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
