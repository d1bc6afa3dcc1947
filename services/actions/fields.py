"""Types and fields that several actions share. A text that is empty counts as absent: tools give such for nothing."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import phonenumbers
from pydantic import BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from contracts.contact_fields import MOST_ID, MOST_NAME, MOST_TAG
from contracts.texts import cut
from services.flows.catalogue import BaseInputs
from services.flows.proved import Proved
from services.flows.refined import Digits, Email, Phone


def _absent(value: object) -> object:
    return None if value == "" else value


def _whole(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Absent(BeforeValidator):
    """With its mark in the schema, which the type checker reads."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), "empty": "absent"}


Absent = _Absent(_absent)
"""Before an optional text: the empty one is None. Its constraints belong inside the option, where no None comes."""


def _filled(given: object) -> object:
    return [text for text in given if text != ""] if isinstance(given, list) else given


WithoutEmpty = BeforeValidator(_filled)
"""Before a list of texts: an empty one counts as absent, as everywhere in actions."""

Id = Annotated[str, BeforeValidator(_whole), Field(min_length=1, max_length=MOST_ID)]
"""An id as the other side gave it; a whole number is its digits."""

Tag = Annotated[str, Field(min_length=1, max_length=MOST_TAG)]
"""A tag's name."""

AnswerId = Annotated[str, Field(max_length=MOST_ID)]
"""An id in an answer, which `ClosumAnswer.an_id` gives."""

AnswerName = Annotated[str, BeforeValidator(lambda text: cut(text, MOST_NAME)), Field(max_length=MOST_NAME)]
AnswerTag = Annotated[str, BeforeValidator(lambda text: cut(text, MOST_TAG)), Field(max_length=MOST_TAG)]
"""What Closum answers, as long as we take it: of a longer one what fits."""

Tags = Annotated[list[Annotated[str, Field(max_length=MOST_TAG)]], Field(max_length=200), WithoutEmpty]
"""Names of tags; an empty one is none."""


def prove_mobile(mobile: str) -> None:
    """Raise ValueError for a number that no country has."""
    try:
        right = phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits(mobile)}"))
    except phonenumbers.NumberParseException:
        right = False
    if not right:
        raise ValueError(f"{mobile!r} is no number of any country: begin with the country code, as in +351912345678")


Mobile = Annotated[
    Annotated[Phone, Field(min_length=7, max_length=16)] | Annotated[Digits, Field(min_length=6, max_length=15)],
    Proved(prove_mobile),
]
"""A phone with its country code: E.164, or its digits alone."""


def digits(mobile: str) -> str:
    """The digits of a phone, as Closum and WhatsApp want them."""
    return mobile.removeprefix("+")


LEAD = (
    "name",
    "email",
    "mobile_number",
    "consent_email",
    "consent_sms",
    "contact_lifecycle_stage_id",
    "tags",
    "birth_date",
)
NESTED = ("custom_fields", "custom_data")
"""The fields of a lead, and those that hold more of them, for `writes` of what sets them."""


class StrictInputs(BaseInputs):
    """The base of inputs: a misspelled name is a mistake, and is told."""

    model_config = ConfigDict(extra="forbid")


class LeadFields(StrictInputs):
    """What a lead has, all of it optional."""

    name: Annotated[Annotated[str, Field(max_length=MOST_NAME)] | None, Absent] = Field(
        default=None, description="the full name"
    )
    email: Annotated[Email | None, Absent] = Field(default=None, description="e-mail address")
    mobile_number: Annotated[Mobile | None, Absent] = Field(default=None, description="phone with country code")
    consent_email: bool | None = Field(default=None, description="whether e-mail campaigns may be sent")
    consent_sms: bool | None = Field(default=None, description="whether SMS campaigns may be sent")
    contact_lifecycle_stage_id: int | None = Field(
        default=None,
        ge=1,
        le=9,
        description="1 Não Qualificado, 2 Subscritor, 3 Lead … 7 Cliente, 8 Evangelista, 9 Outro",
    )
    custom_data: dict[str, Any] | None = Field(default=None, description="anything, kept with the lead")
    tags: Tags | None = Field(default=None, description="names of tags")
    birth_date: Annotated[date | None, Absent] = Field(default=None, description="year-month-day")
    custom_fields: dict[str, Any] | None = Field(default=None, description="values of the account's own fields")


def given(lead: LeadFields, *but: str) -> dict[str, Any]:
    """What was given of a lead, as Closum takes it, without these fields."""
    found = lead.model_dump(mode="json", exclude_none=True, exclude={*but})
    if lead.mobile_number:
        found["mobile_number"] = digits(lead.mobile_number)
    return found
