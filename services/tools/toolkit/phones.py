"""Phone numbers through Google's numbering plans (phonenumberslite)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, ValidationResult

WITH_PREFIX = 11
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
REASONS: dict[int, str] = {
    ValidationResult.INVALID_COUNTRY_CODE: "no country has this prefix",
    ValidationResult.TOO_SHORT: "too few digits",
    ValidationResult.TOO_LONG: "too many digits",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
    ValidationResult.INVALID_LENGTH: "no number of this country has so many digits",
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


def read(text: str, region: str) -> PhoneNumber | str:
    """The number, or why the text is none.

    What is no number of the region is tried as an international one when it begins with 00, or has 11 digits or more
    (WhatsApp writes `351912345678`). A shorter one is not: a typing error must not become a stranger's number.
    """
    count = sum(character.isdecimal() for character in text)
    if not count:
        return "no digits"
    digits = text.strip()
    candidates = [digits]
    if digits.startswith("00"):
        candidates.append("+" + digits[2:])
    elif count >= WITH_PREFIX:
        candidates.append("+" + digits)
    for candidate in candidates:
        number = parsed(candidate, region)
        # A number is valid when it has a type: asking for both runs a country's patterns twice.
        if not isinstance(number, str) and (kind := phonenumbers.number_type(number)) != PhoneNumberType.UNKNOWN:
            return described(number, kind)
    number = parsed(digits, region)
    if isinstance(number, str):
        return number
    possible = phonenumbers.is_possible_number_with_reason(number)
    return REASONS.get(possible, "not a number of the numbering plan")


def parsed(text: str, region: str) -> phonenumbers.PhoneNumber | str:
    """What phonenumbers reads, or why it reads nothing."""
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        return {
            phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "no country has this prefix",
            phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "too few digits",
            phonenumbers.NumberParseException.TOO_SHORT_NSN: "too few digits",
            phonenumbers.NumberParseException.TOO_LONG: "too many digits",
        }.get(error.error_type, "not a phone number")


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
