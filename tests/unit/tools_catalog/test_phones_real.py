"""Phones as they come: WhatsApp ids, old forms, notes, floats. Facts: ITU's plans by phonenumbers, Anatel, IFT."""

from __future__ import annotations

import pytest

from contracts.phones import one_form
from contracts.triggers.phones import e164
from contracts.triggers.registry import TRIGGERS
from services.flows.entities import same_key
from services.tools.catalog.phone_format import phone_format
from services.tools.catalog.phone_region import phone_region
from services.tools.catalog.phone_validate import phone_validate
from services.tools.catalog.validate import validate
from tests.support.tools import use

WHATSAPP_IDS = {
    "2389912345": "+2389912345",  # Cape Verde: seven digits behind the code
    "4520123456": "+4520123456",  # Denmark: eight
    "6738123456": "+6738123456",  # Brunei: seven
    "29812345": "",  # the Faroes have six digits
    "298212345": "+298212345",
    "551161234567": "+5511961234567",  # Brazil, as WhatsApp keeps old accounts
    "554884123456": "+5548984123456",
    "5511961234567": "+5511961234567",
    "551133334444": "+551133334444",  # a fixed line has eight digits
    "5215512345678": "+525512345678",  # Mexico, before 2019
    "525512345678": "+525512345678",
    "5491123456789": "+5491123456789",  # Argentina
    "54111523456789": "+5491123456789",  # and with the 15 of its home
    "54351156123456": "+5493516123456",
    "351912345678": "+351912345678",
    "+351 912 345 678": "+351912345678",
    "12025550123": "+12025550123",
    "351912345678@s.whatsapp.net": "+351912345678",
    "351912345678:12@s.whatsapp.net": "+351912345678",
    "whatsapp:+5215512345678": "+525512345678",
    "PT.13491208655302741918": "",  # a business-scoped id, of somebody with a username
}


@pytest.mark.parametrize(("sent", "expected"), WHATSAPP_IDS.items())
def test_a_whatsapp_id_is_of_every_country(sent: str, expected: str) -> None:
    """And what WhatsApp keeps in an old form is the number of today, in the trigger and in the tools."""
    found = use(phone_format, number=sent, international=True)
    assert (found["e164"], found["valid"]) == (expected, bool(expected))
    trigger = TRIGGERS["closum.whatsapp.message_received"].read({"from": sent})
    assert trigger.model_dump()["from_e164"] == expected
    assert use(phone_validate, number=sent, international=True)["valid"] is bool(expected)
    assert use(phone_region, number=sent, international=True)["valid"] is bool(expected)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("551161234567", "5511961234567"),
        ("+55 11 6123-4567", "5511961234567"),
        ("5215512345678", "525512345678"),
        ("54111523456789", "+54 9 11 2345-6789"),
        ("00 55 11 6123 4567", "5511961234567"),
        ("Joa\u0303o@x.pt", "João@x.pt"),
    ],
)
def test_keys_of_old_and_new_forms_are_one(old: str, new: str) -> None:
    """So that a wait, an echo or a second message finds the same person; and one form of a form is itself."""
    assert same_key(old) == same_key(new) == same_key(same_key(old))
    received = TRIGGERS["closum.whatsapp.message_received"]
    if old[0] != "J":
        assert received.read({"from": old}).subject() == received.read({"from": new}).subject()


@pytest.mark.parametrize("digits", ["351912345678", "551133334444", "541123456789", "5512", "", "7", "520000000000"])
def test_other_numbers_keep_their_form(digits: str) -> None:
    """A fixed line gets no ninth digit, and what is no number stays as it is."""
    assert one_form(digits) == digits


TYPED = {
    # as typed, region → E.164, or a word of the reason
    ("11 6123-4567", "BR"): "+5511961234567",
    ("(011) 96123-4567", "BR"): "+5511961234567",
    ("0 15 11 96123 4567", "BR"): "+5511961234567",
    ("11 3333-4444", "BR"): "+551133334444",
    ("044 55 1234 5678", "MX"): "+525512345678",
    ("011 15 2345-6789", "AR"): "+5491123456789",
    ("912 345 678 (casa)", "PT"): "+351912345678",
    ("(mãe) 912 345 678", "PT"): "+351912345678",
    ("912 345 678 [depois das 18h]", "PT"): "+351912345678",
    ("912 345 678 (depois das 18h)", "PT"): "+351912345678",
    ("Tel.: 912 345 678", "PT"): "+351912345678",
    ("telemóvel 912345678", "PT"): "+351912345678",
    ("tel:912345678;phone-context=+351", "BR"): "+351912345678",
    ("+351 (0) 912345678", "PT"): "+351912345678",
    ("+44 (0)20 7946 0958", "PT"): "+442079460958",
    ("\u202a+351\u00a0912\u200b345 678\u202c", "PT"): "+351912345678",
    ("\ufeff912345678\u200e", "PT"): "+351912345678",
    ("９１２ ３４５ ６７８", "PT"): "+351912345678",
    ("'912345678", "PT"): "+351912345678",
    ("912.345.678", "PT"): "+351912345678",
    ("912–345–678", "PT"): "+351912345678",
    ("+351 912 345 678 ext. 12", "PT"): "+351912345678",
    ("210 000 000 ramal 5", "PT"): "+351210000000",
    # with a country code: never of another country
    ("351 912 345 678", "DE"): "+351912345678",
    ("351912345678", "AT"): "+351912345678",
    ("351912345678", "IT"): "+351912345678",
    ("351912345678", "BR"): "+351912345678",
    ("00351912345678", "US"): "+351912345678",
    ("011 351 912 345 678", "US"): "+351912345678",
    ("+912345678", "PT"): "the area code is missing",  # India's plus, not a Portuguese mobile
    ("4915112345678", "AT"): "+4915112345678",
    # and without one, of the region as it is written there
    ("15012345678", "CN"): "+8615012345678",
    ("0351 912345678", "DE"): "+49351912345678",
    # no phones
    ("911CALLME", "PT"): "letters",
    ("1-800-FLOWERS", "US"): "letters",
    ("912345678 ou 913456789", "PT"): "letters",
    ("NIF 212345678", "PT"): "letters",
    ("912345678/913456789", "PT"): "too many digits",
    ("912345678.0", "PT"): "float",
    ("351912345678.0", "PT"): "float",
    ("351912345678,00", "PT"): "float",
    ("3.51912E+11", "PT"): "float",
    ("3,51912345678e11", "PT"): "float",
    ("9.12345678E8", "PT"): "float",
    ("123.456.789-09", "BR"): "CPF",
    ("119.876.543-21", "BR"): "CPF",
    ("123.456.789-09", "PT"): "CPF",
    ("12345678909", "BR"): "not a number",
    ("12.345.678/0001-90", "BR"): "CNPJ",
    ("31/05/2026 14:30", "PT"): "not a phone number",
    ("352271234", "PT"): "not a number",
    ("()", "PT"): "no digits",
}


@pytest.mark.parametrize(("given", "expected"), TYPED.items(), ids=[f"{text} {region}" for text, region in TYPED])
def test_a_number_as_people_and_programs_write_it(given: tuple[str, str], expected: str) -> None:
    """It is the right one, or none with the reason; `validate` and `phone.validate` think the same."""
    number, region = given
    found = use(phone_format, number=number, region=region)
    if expected.startswith("+"):
        assert (found["e164"], found["reason"]) == (expected, "")
    else:
        assert (found["e164"], found["valid"]) == ("", False)
        assert expected in found["reason"]
    assert use(phone_validate, number=number, region=region)["valid"] is expected.startswith("+")
    rule = {"values": {"n": number}, "rules": [{"field": "n", "test": "phone"}], "region": region}
    assert use(validate, **rule)["valid"] is expected.startswith("+")


def test_a_trigger_guesses_less_than_a_tool() -> None:
    """Without a region, or with another one, digits alone are no phone."""
    assert [e164("912345678"), e164("34612345678", "PT"), e164("911CALLME", "PT"), e164("912345678.0", "PT")] == [
        ""
    ] * 4
