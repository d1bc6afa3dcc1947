"""What an entity is known by, in one form for all spellings. Light: services/actions imports it too."""

from __future__ import annotations

import re
from collections.abc import Mapping

from contracts.ids import stable_id
from contracts.phones import one_form
from contracts.texts import same_text

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("contact_id", "lead_id", "id"),
    "email": ("email", "e_mail", "mail"),
    "phone": ("mobile_number_e164", "mobile_number", "phone", "mobile"),
}
"""How payloads name what an entity is known by."""
_PHONE = re.compile(r"[+(]?[\d\s().+/-]{5,}", re.ASCII)
_LEAST_DIGITS = 6


def same_key(text: str) -> str:
    """One form for all spellings of a phone or an e-mail: digits without `+` or `00`; else lower case, trimmed, in NFC.

    Old and new numbers of Brazil, Mexico and Argentina are one (contracts/phones.py).

    >>> same_key("+351 912 345 678") == same_key("00351912345678") == same_key("351912345678")
    True
    """
    text = text.strip()
    if _PHONE.fullmatch(text):
        digits = "".join(character for character in text if character.isdigit())
        if len(digits) >= _LEAST_DIGITS:
            return one_form(digits.removeprefix("00"))
    return same_text(text)


def alias_hash(account: str, system: str, kind: str, value: str) -> str:
    """An entity by one of the things that it is known by."""
    return stable_id("alias", account, system, kind, same_key(value))


def name_text(value: object) -> str | None:
    """A value that an entity is known by, as text; None where it names nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None
