"""Phone numbers as people, forms and WhatsApp write them, read by Google's numbering plans (phonenumberslite).

What has two forms has one here, today's (`one_form`): WhatsApp keeps accounts under the number that they once had.

- Brazil: mobiles have had a ninth digit since 2016 (Anatel, resolution 553/2010); a local number of eight digits that
  begins with 6 to 9 is an old mobile, with 2 to 5 a fixed line. wa_ids outside of São Paulo, Rio and Espírito Santo
  lack it.
- Mexico: the 1 behind +52, and 044 or 045 at home, ended in 2019 (IFT); old wa_ids have 521.
- Argentina: a mobile is +54 9 from abroad and has 15 behind its area code at home; both are written behind 54.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from contracts.contact_fields import MOST_PHONE

WITH_PREFIX = 11
"""Digits without a plus are tried with a country code when there are so many: a typing error is nobody's number."""

_NOTE = re.compile(r"\([^()]*[^\W\d_][^()]*\)|\[[^\[\]]*\]")
# Said before a number in the languages of our users. Not any word: `NIF 212345678` is no phone.
_LABEL = re.compile(
    r"^(?:tel|telef|telefone?|telephone|tel[eé]fono|t[eé]l[eé]phone|telefon|telem[oó]vel|tlm|tlf|tm|m[oó]vil|m[oó]vel|mobile?|"
    r"mob|cell|cel|celular|phone|handy|whatsapp|whats|wa|sms|callto|n[uú]mero|no|t|m)(?:\s*[.:])*\s*(?=[+(0-9])",
    re.IGNORECASE,
)
_EXTENSION = re.compile(
    r"(?:;?\s*(?:ext|extn|extension|extens[ãa]o|ramal|anexo|x)\s*[.:=]?|#)\s*[0-9]{1,7}\s*$", re.IGNORECASE
)
_PLAIN = re.compile(r"\+?[0-9]+(?: [0-9]+)*")  # as most numbers are written: there is nothing to take away
_JID = re.compile(r"(?::[0-9]{1,3})?@(?:s\.whatsapp\.net|c\.us)$", re.IGNORECASE)
_FLOAT = re.compile(r"[+-]?[0-9]{6,}[.,]0{1,2}|[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_CPF = re.compile(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}")
_CNPJ = re.compile(r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}")
_TRUNK = re.compile(r"\(\s*0\s*\)")
_OLD_BRAZIL = re.compile(r"[1-9][0-9][6-9][0-9]{7}")
_OLD_MEXICO = re.compile(r"(?:1|04[45])([0-9]{10})")
_BRAZIL, _MEXICO = 55, 52
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d_·•,]")
_PLAIN_KINDS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_REASONS: dict[int, str] = {
    ValidationResult.INVALID_COUNTRY_CODE: "no country has this prefix",
    ValidationResult.TOO_SHORT: "too few digits",
    ValidationResult.TOO_LONG: "too many digits",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
    ValidationResult.INVALID_LENGTH: "no number of this country has so many digits",
}
_UNREAD: dict[int, str] = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "no country has this prefix",
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "too few digits",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "too few digits",
    phonenumbers.NumberParseException.TOO_LONG: "too many digits",
}


class ValidPhone(NamedTuple):
    """A number of its country's numbering plan, and what kind of line it is: a PhoneNumberType, never UNKNOWN."""

    number: PhoneNumber
    kind: int


class NoPhoneError(ValueError):
    """The text is no phone number. The text of the error says why, for a person."""


def read(text: str, region: str = "", *, international: bool = False, guess: bool = False) -> ValidPhone:
    """The valid number that a text names, in today's form. Raises NoPhoneError.

    `region`: two letters; how a number without country code is meant. Without it, such a number is none.
    `international`: digits alone begin with the country code, as WhatsApp and SMS gateways write them.
    `guess`: so do 11 digits or more, where the region has no such number as it is written at home.
    """
    if len(text) > MOST_PHONE:
        raise NoPhoneError("it is longer than any number")
    given, international = _written(text, international=international)
    digits = _digits(given)
    if given.startswith("+") or international:
        return _valid("+" + digits.lstrip("0"), "")
    if given.startswith("00"):
        # Of every country, also where another prefix leads abroad (011, 810); else it may be one of that country.
        return _first(("+" + digits[2:], ""), (given, region))
    foreign = guess and len(digits) >= WITH_PREFIX and not digits.startswith("0")
    try:
        home = _valid(given, region)
    except NoPhoneError as error:
        if not foreign or _is_cpf(digits, region):
            raise
        return _first((given, region), ("+" + digits, ""), told=error)
    if foreign and not _written_at_home(home, digits):
        return _first(("+" + digits, ""), (given, region))
    return home


def one_form(digits: str) -> str:
    """Digits with country code in today's form, where WhatsApp may keep an old one; all others as they are.

    >>> one_form("551161234567"), one_form("5215512345678"), one_form("54111523456789"), one_form("351912345678")
    ('5511961234567', '525512345678', '5491123456789', '351912345678')
    """
    if not digits.startswith(("55", "52", "54")):
        return digits
    try:
        number = _valid("+" + digits, "").number
    except NoPhoneError:
        return digits
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))[1:]


def written_digits(text: str) -> str:
    """The digits of a text that is written as a number is; empty for any other, such as an id with letters.

    >>> written_digits("+351 912-345"), written_digits("PT.13491208655302741918"), written_digits("12036@g.us")
    ('351912345', '', '')
    """
    try:
        return _digits(_written(text, international=True)[0])
    except NoPhoneError:
        return ""


def without_marks(text: str) -> str:
    """Without what nobody sees (marks of direction, zero widths, soft hyphens), and with plain spaces and signs."""
    if text.isascii():
        return text
    shown = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFKC", shown)


def _written(text: str, *, international: bool) -> tuple[str, bool]:
    """The number alone, and whether it is international by how it stands there."""
    if _PLAIN.fullmatch(text):
        return text, international and not text.startswith("+")
    given = without_marks(text).strip().strip("'’`\"").strip()
    if not any(sign.isdecimal() for sign in given):
        raise NoPhoneError("no digits")
    if _FLOAT.fullmatch(given):
        raise NoPhoneError(
            "the trace of a float: a spreadsheet or program took the digits for a number; send them as text"
        )
    if _CPF.fullmatch(given) or _CNPJ.fullmatch(given):
        raise NoPhoneError("a CPF or CNPJ, not a phone number")
    given, jid = _JID.subn("", given)
    given = _EXTENSION.sub("", _LABEL.sub("", _NOTE.sub(" ", given).strip())).strip()
    given = _DASHES.sub("-", _of_rfc3966(given))
    if any(sign.isalpha() for sign in given):
        raise NoPhoneError("letters are no digits")
    if not all(sign.isdecimal() or sign in "-+./() \t\r\n" for sign in given):
        raise NoPhoneError("not a phone number")
    given = given.lstrip("-./ \t\r\n")
    if given.lstrip("( ").startswith("+"):
        return "+" + _TRUNK.sub("", given), False
    return given, international or bool(jid)


def _of_rfc3966(text: str) -> str:
    """`912345678;phone-context=+351` → `+351912345678`: parameters as RFC 3966 has them."""
    number, *parameters = text.split(";")
    context = next((each[14:] for each in parameters if each.startswith("phone-context=+")), "")
    return "+" + context + number if context and not number.startswith("+") else number


def _digits(text: str) -> str:
    decimals = filter(str.isdecimal, text)
    return "".join(decimals if text.isascii() else (str(int(sign)) for sign in decimals))


def _first(*candidates: tuple[str, str], told: NoPhoneError | None = None) -> ValidPhone:
    for text, region in candidates:
        try:
            return _valid(text, region)
        except NoPhoneError as error:
            told = told or error
    raise told or NoPhoneError("not a phone number")


def _valid(text: str, region: str) -> ValidPhone:
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException as error:
        raise NoPhoneError(_UNREAD.get(error.error_type, "not a phone number")) from None
    for each in (number, _today(number)):
        # Of no kind is what is in no plan: `is_valid_number` asks the same, and forgets the answer.
        if each is not None and (kind := phonenumbers.number_type(each)) != PhoneNumberType.UNKNOWN:
            return ValidPhone(each, kind)
    possible = phonenumbers.is_possible_number_with_reason(number)
    raise NoPhoneError(_REASONS.get(possible, "not a number of the numbering plan"))


def _today(number: PhoneNumber) -> PhoneNumber | None:
    """The number in the form that it has now, where it stands in one that ended."""
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _BRAZIL and _OLD_BRAZIL.fullmatch(national):
        return PhoneNumber(_BRAZIL, int(f"{national[:2]}9{national[2:]}"))
    if number.country_code == _MEXICO and (old := _OLD_MEXICO.fullmatch(national)):
        return PhoneNumber(_MEXICO, int(old[1]))
    return None


def _written_at_home(home: ValidPhone, digits: str) -> bool:
    """Whether a usual line of the region stands there as its people write it: with its 0, or its country code."""
    number = home.number
    if digits == f"{number.country_code}{phonenumbers.national_significant_number(number)}":
        return True  # it is the same number, at home and from abroad
    if home.kind not in _PLAIN_KINDS:
        return False
    return digits == _digits(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


def _is_cpf(digits: str, region: str) -> bool:
    """Whether a Brazilian's 11 digits are a tax number by their two check digits (Receita Federal)."""
    if region != "BR" or len(digits) != 11:  # noqa: PLR2004
        return False
    for length in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return True
