"""Contact Updated. The shape is assumed: Closum publishes none. What changed is read in the forms that CRMs use."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator

from contracts.contact_fields import MOST_COUNTRY, MOST_EMAIL, MOST_ID, MOST_NAME, MOST_PHONE
from contracts.triggers.payload import Payload, Prose, Tags, Text, spelled
from contracts.triggers.phones import E164, contact_subject, e164
from contracts.triggers.sent_times import Moment

MOST_CHANGES = 500
SENT = ("changes", "changed", "changed_fields", "diff", "modified")
FIELD = ("field", "name", "key", "property")
BEFORE = ("before", "old", "old_value", "previous", "from")
AFTER = ("after", "new", "new_value", "current", "to", "value")


class Change(BaseModel):
    """One field's values, as they were sent; null where they were not."""

    model_config = ConfigDict(frozen=True)

    before: Any = None
    after: Any = None


class ContactUpdated(Payload):
    """A contact was changed in Closum."""

    trigger: ClassVar[str] = "closum.contact.updated"
    title: ClassVar[str] = "Contact Updated"
    example: ClassVar[dict[str, Any]] = {
        "event_id": "evt-5521",
        "contact_id": "8841",
        "name": "João Gonçalves",
        "email": "Joao.Goncalves@Example.com",
        "mobile_number": "+351 912 345 678",
        "tags": ["feira"],
        "updated_at": "2026-03-02T09:30:00Z",
        "changes": {"email": {"before": "jg@example.com", "after": "Joao.Goncalves@Example.com"}},
    }

    event_id: Text = Field(default="", validation_alias=spelled("event_id", "webhook_id"), max_length=512)
    contact_id: Text = Field(default="", validation_alias=spelled("contact_id", "lead_id", "id"), max_length=MOST_ID)
    name: Prose = Field(default="", validation_alias=spelled("name", "full_name"), max_length=MOST_NAME)
    email: Text = Field(default="", validation_alias=spelled("email", "e_mail", "mail"), max_length=MOST_EMAIL)
    mobile_number: Text = Field(
        default="", validation_alias=spelled("mobile_number", "phone", "mobile", "phone_number"), max_length=MOST_PHONE
    )
    mobile_number_e164: E164 = ""
    country: Prose = Field(default="", max_length=MOST_COUNTRY)
    tags: Tags = Field(default_factory=list)
    updated_at: Moment = Field(default=None, validation_alias=spelled("updated_at", "time", "timestamp"))
    changed: Annotated[list[str], FailFast()] = Field(
        default_factory=list, description="names of the fields that changed, where sent"
    )
    changes: dict[str, Change] = Field(default_factory=dict, description="before and after of each, where sent")

    @model_validator(mode="before")
    @classmethod
    def _what_changed(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for name in SENT:
            found |= {
                field: change for field, change in _changes(value.get(name)).items() if change or field not in found
            }
        before, after = value.get("before"), value.get("after")
        if isinstance(before, dict) and isinstance(after, dict):
            for field in dict.fromkeys((*before, *after)):
                if before.get(field) != after.get(field):
                    found[field] = {"before": before.get(field), "after": after.get(field)}
        rest = {key: item for key, item in value.items() if key not in SENT}
        if not found:
            sent = {name: value[name] for name in SENT if value.get(name) not in (None, [], {}, "")}
            return rest if not sent else {**rest, "raw": {**sent, **_object(value.get("raw"))}}
        kept = dict(list(found.items())[:MOST_CHANGES])
        return {**rest, "changed": list(kept), "changes": {field: change for field, change in kept.items() if change}}

    @model_validator(mode="after")
    def _phone(self) -> Self:
        self.__dict__["mobile_number_e164"] = e164(self.mobile_number, self.country)
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.subject():
            raise ValueError("contact_id, email or mobile_number is needed")
        return self

    def subject(self) -> str | None:
        """As `contact_subject`."""
        return contact_subject(self.contact_id, self.email, self.mobile_number)

    def own_id(self) -> str | None:
        """The event's id, where one was sent: a contact is updated many times."""
        return self.event_id.strip() or None

    def happened(self) -> datetime | None:
        """When it was updated."""
        return self.updated_at


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _changes(sent: object) -> dict[str, Any]:
    """Field → {before, after}, or an empty object where only the name was sent."""
    if isinstance(sent, str):
        return {word: {} for part in sent.split(",") if (word := part.strip())}
    if isinstance(sent, dict):
        return {str(field): _pair(change) for field, change in sent.items()}
    if not isinstance(sent, list):
        return {}
    found: dict[str, Any] = {}
    for item in sent:
        if isinstance(item, str) and item.strip():
            found[item.strip()] = {}
        elif isinstance(item, dict):
            name = next((item[key] for key in FIELD if isinstance(item.get(key), str) and item[key]), None)
            if name is not None:
                found[name] = _pair({key: part for key, part in item.items() if key not in FIELD})
    return found


def _pair(change: object) -> dict[str, Any]:
    if isinstance(change, list) and len(change) == len(("before", "after")):
        return {"before": change[0], "after": change[1]}
    if not isinstance(change, dict):
        return {"after": change}
    before = next((key for key in BEFORE if key in change), None)
    after = next((key for key in AFTER if key in change), None)
    pair: dict[str, Any] = {}
    if before is not None:
        pair["before"] = change[before]
    if after is not None:
        pair["after"] = change[after]
    return pair if pair or not change else {"after": change}
