"""What the updates of WhatsApp Cloud API have in common, read by a source with `platform: whatsapp_cloud`.

Sources of the shapes, read 2026-11-30: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
with a reference for each field below it, and for people with usernames
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

import orjson
from pydantic import Field, model_validator

from contracts.contact_fields import MOST_EMAIL, MOST_NAME
from contracts.ids import stable_id
from contracts.triggers.payload import Absent, Payload, Prose, Text, TolerantModel, spelled
from contracts.triggers.phones import E164, WhatsAppId, e164, number_subject
from contracts.triggers.sent_times import Moment

USER_ID = "WhatsApp's id of the person with this business, such as PT.13491208655302741918; empty where none was sent"

UserId = Annotated[Text, Field(max_length=512, description=USER_ID)]


class Contact(TolerantModel):
    """Who it is, as far as their profile tells."""

    name: Prose = Field(default="", validation_alias=spelled("name", "full_name", "profile_name"), max_length=MOST_NAME)
    email: Text = Field(default="", max_length=MOST_EMAIL)
    user_id: UserId = ""
    username: Prose = Field(default="", max_length=512, description="the name that they show instead of a phone")


class WhatsAppAccount(Payload):
    """Which of our numbers it is about. All empty where it did not come from WhatsApp Cloud API."""

    phone_number_id: Text = Field(default="", max_length=512, description="which of our numbers: its id at Meta")
    display_phone_number: Prose = Field(default="", max_length=64, description="the same number as people see it")
    business_account_id: Text = Field(default="", max_length=512, description="the WhatsApp Business Account")


class WhatsAppUpdate(WhatsAppAccount):
    """Something that happened in a business account."""

    at: Moment = Field(default=None, validation_alias=spelled("at", "timestamp", "time"))

    def subject(self) -> str | None:
        """Our number, else the account."""
        return self.phone_number_id.strip() or self.business_account_id.strip() or None

    def happened(self) -> datetime | None:
        """When it was."""
        return self.at

    def told_once(self) -> str | None:
        """An id of what it says and of its time, where Meta gives none; without a time the same can be told again."""
        if self.at is None:
            return None
        return stable_id(orjson.dumps(orjson.loads(self.to_json()), option=orjson.OPT_SORT_KEYS))


class WhatsAppPersonUpdate(WhatsAppUpdate):
    """Something that a person did, or that happened to them."""

    from_: WhatsAppId = Field(
        default="", validation_alias=spelled("from", "from_", "wa_id"), serialization_alias="from"
    )
    from_e164: E164 = ""
    user_id: UserId = ""
    contact: Annotated[Contact, Absent] = Contact()

    @model_validator(mode="before")
    @classmethod
    def _someone(cls, value: object) -> object:
        return identified(value, ("from", "from_", "wa_id"))

    @model_validator(mode="after")
    def _phone(self) -> Self:
        self.__dict__["from_e164"] = e164(self.from_, international=True)
        return self

    def subject(self) -> str | None:
        """The phone's digits, else WhatsApp's id of the person; without both, our number."""
        return number_subject(self.from_) or super().subject()


def identified(value: object, spellings: tuple[str, ...]) -> object:
    """The same with `from`, where it is empty: of people with a username there is only `user_id`."""
    if not isinstance(value, dict):
        return value
    for name in spellings:
        if name in value and _said(value[name]):
            return value
    found = next((value[name] for name in ("user_id", "from_user_id") if _said(value.get(name))), None)
    if found is None:
        return value
    rest: dict[str, Any] = {name: item for name, item in value.items() if name not in spellings}
    return {**rest, "from": found}


def _said(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None
