"""Phones in E.164, beside the text that was sent. What does not parse is empty, never refused."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import phonenumbers
from pydantic import Field

from contracts.contact_fields import MOST_PHONE
from contracts.phones import NoPhoneError, one_form, read, written_digits
from contracts.triggers.payload import Text

E164 = Annotated[
    str,
    Field(
        default="",
        # Made of the number that was sent, whatever stands there: so nothing is refused for its length.
        json_schema_extra={"refined": "phone", "maxLength": 16, "longer": "made anew"},
        description="in E.164; empty: no phone",
    ),
]
"""A phone in E.164, or an empty text. The type checker of flows takes it where a phone is needed."""

WhatsAppId = Annotated[
    Text,
    Field(
        max_length=MOST_PHONE,
        json_schema_extra={"refined": "whatsapp_id"},
        description="as WhatsApp writes it: digits with country code, of every country. Of a person with a username who"
        " shows no phone, the id that WhatsApp has for them with this business, such as PT.13491208655302741918",
    ),
]
"""Who is meant on WhatsApp, as it was sent. International by nature: tools read it with `international: true`."""

LONGEST = 64
REGION_LETTERS = 2


@lru_cache(maxsize=16_384)
def e164(text: str, region: str = "", *, international: bool = False) -> str:
    """The phone in E.164 when it is a valid one, else an empty text.

    `region` (two letters) says how a number without country code is meant; without it such a number is not guessed at.
    `international`: digits alone begin with the country code, as SMS and WhatsApp send them.

    >>> e164("912 345 678", "PT"), e164("351912345678", international=True), e164("912 345 678")
    ('+351912345678', '+351912345678', '')
    """
    if len(text) > LONGEST:
        return ""
    home = region.strip().upper()
    try:
        number = read(text, home if len(home) == REGION_LETTERS else "", international=international).number
    except NoPhoneError:
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def number_subject(text: str) -> str:
    """The order's key of a phone: its digits, in today's form where they begin with the country code.

    What is no number is its own key: a group's id, a person's id (`PT.1349…`), the name of a sender.
    """
    return one_form(written_digits(text).removeprefix("00")) or text.strip()


def contact_subject(contact_id: str, email: str, number: str) -> str | None:
    """The order's key of a contact: its id, else the e-mail, else the phone's digits. None: there is none of them."""
    return contact_id.strip() or email.strip().lower() or number_subject(number) or None
