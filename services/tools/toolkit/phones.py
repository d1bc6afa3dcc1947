"""Phone numbers through Google's numbering plans (phonenumberslite)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from contracts import phones

INTERNATIONAL = (
    "true: the digits begin with the country code, as in a WhatsApp id such as ${ trigger.from }; `region` is not asked"
)
Kind = Literal["mobile", "fixed", "fixed_or_mobile", "toll_free", "premium", "shared_cost", "voip", "other", ""]

KINDS: dict[int, Kind] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
}


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A valid number."""

    e164: str
    international: str
    national: str
    country: str
    kind: Kind
    prefix: int


def read(text: str, region: str, *, international: bool = False) -> PhoneNumber | str:
    """The number, or why the text is none (contracts/phones.py says how it is read).

    `international`: the digits begin with the country code, as in a WhatsApp id. Else they are tried so only where the
    region has no such number, and there are 11 or more: a typing error must not become a stranger's number.
    """
    try:
        found = phones.read(text, region, international=international, guess=True)
    except phones.NoPhoneError as error:
        return str(error)
    return described(found.number, found.kind)


def described(number: phonenumbers.PhoneNumber, kind: int) -> PhoneNumber:
    """A valid number of this PhoneNumberType in its forms."""
    return PhoneNumber(
        e164=phonenumbers.format_number(number, PhoneNumberFormat.E164),
        international=phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
        national=phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        country=phonenumbers.region_code_for_number(number) or "",
        kind=KINDS.get(kind, "other"),
        prefix=number.country_code or 0,
    )
