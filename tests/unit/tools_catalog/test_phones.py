"""phone.format, phone.validate, phone.region."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.tools.catalog.phone_format import phone_format
from services.tools.catalog.phone_region import phone_region
from services.tools.catalog.phone_validate import phone_validate
from tests.support.tools import use


@pytest.mark.parametrize(
    "number",
    [
        "912345678",
        "912 345 678",
        "+351 912-345-678",
        "00351912345678",
        "351912345678",
        "(+351) 912345678",
        "tel:+351912345678",
    ],
)
def test_every_way_to_write_a_number_gives_one_e164(number: str) -> None:
    """People, forms and WhatsApp write it differently; the CRM sees one number."""
    assert use(phone_format, number=number)["e164"] == "+351912345678"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("", "no digits"),
        ("hello", "no digits"),
        ("12", "too few digits"),
        ("+999 123 456 789", "no country has this prefix"),
        ("1" * 40, "too many digits"),
        ("+351 000 000 000", "not a number of the numbering plan"),
    ],
)
def test_what_is_no_number_says_why(number: str, reason: str) -> None:
    """All texts stay empty, and the reason is for a person."""
    found = use(phone_format, number=number)
    assert (found["valid"], found["e164"], found["digits"], found["reason"]) == (False, "", "", reason)


def test_a_short_wrong_number_never_becomes_a_foreign_one() -> None:
    """352 12 34 56 exists in Luxembourg; typed in Portugal it is a typing error, not Luxembourg."""
    assert use(phone_format, number="+352 27 12 34 56")["valid"]
    assert not use(phone_format, number="352271234")["valid"]


def test_type_tells_mobile_from_fixed() -> None:
    """An SMS goes to a mobile only."""
    assert use(phone_format, number="912345678")["type"] == "mobile"
    assert use(phone_format, number="210000000")["type"] == "fixed"
    assert use(phone_format, number="+1 650 253 0000")["type"] == "fixed_or_mobile"


def test_an_unknown_region_is_refused_before_the_run() -> None:
    """The message names the country and shows how to write one."""
    with pytest.raises(ValidationError, match=r"'XX' is no country\. Write its two capital letters, such as PT"):
        use(phone_format, number="1", region="XX")


def test_a_number_that_may_be_mobile_passes_as_mobile() -> None:
    """American numbers do not tell."""
    assert use(phone_validate, number="+1 650 253 0000", type="mobile")["valid"]
    assert use(phone_validate, number="+1 650 253 0000", type="fixed")["valid"]


def test_where_no_language_is_official_the_likely_one_is_given() -> None:
    """The United States have English by use."""
    found = use(phone_region, number="+1 650 253 0000")
    assert (found["country"], found["language"], found["locale"]) == ("US", "en", "en_US")
