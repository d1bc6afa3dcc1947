"""number.parse, number.format, number.round."""

from __future__ import annotations

import pytest

from services.tools.catalog.number_format import number_format
from services.tools.catalog.number_parse import number_parse
from services.tools.catalog.number_round import number_round
from tests.support.tools import use


@pytest.mark.parametrize(
    ("text", "language", "exact"),
    [
        ("1.234,56", "pt-PT", "1234.56"),
        ("1 234,56", "pt-PT", "1234.56"),
        ("1\u00a0234\u00a0567", "fr", "1234567"),
        ("1,234.56", "en-US", "1234.56"),
        ("1'234.50", "de-CH", "1234.50"),
        ("1’234.50", "de-CH", "1234.50"),
        ("−12,5", "pt-PT", "-12.5"),
        ("1.500", "pt-PT", "1500"),
        ("1.500", "en", "1.500"),
        (",5", "pt-BR", "0.5"),
        ("R$ 10,90", "pt-BR", "10.90"),
        ("- € 5", "pt-PT", "-5"),
    ],
)
def test_marks_are_the_languages_own(text: str, language: str, exact: str) -> None:
    """A point groups in Portuguese and divides in English."""
    assert use(number_parse, text=text, language=language)["text"] == exact


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1.5", "1.23.456", "12 34", "1,2,3", "1.234,56 € kg", "€ 5 kg", "5-", "٣", "1e5", "1" * 31, "5 3 x"],
)
def test_what_could_be_two_numbers_is_none(text: str) -> None:
    """`1.5` in Portuguese is a typing error or English: never 15."""
    found = use(number_parse, text=text, language="pt-PT")
    assert (found["valid"], found["text"], found["value"]) == (False, "", 0.0)
    assert "is no number in pt-PT" in found["reason"]


@pytest.mark.parametrize(
    ("text", "language", "currency"),
    [
        ("5 €", "pt-PT", "EUR"),
        ("$5", "en-US", "USD"),
        ("£5", "pt-PT", "GBP"),
        ("5 EUR", "en", "EUR"),
        ("5 kg", "en", ""),
    ],
)
def test_currencies(text: str, language: str, currency: str) -> None:
    """By sign or by letters."""
    assert use(number_parse, text=text, language=language)["currency"] == currency


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"value": 1234.5, "style": "currency"}, "1\u00a0234,50\u00a0€"),
        ({"value": 1234.5, "style": "currency", "currency": "JPY", "language": "en"}, "¥1,235"),
        ({"value": 1.005, "decimals": 2, "language": "en"}, "1.01"),
        ({"value": 0.125, "decimals": 2, "language": "en"}, "0.13"),
        ({"value": 1234567, "grouping": False, "language": "en"}, "1234567"),
        ({"value": 0.1255, "style": "percent", "decimals": 1, "language": "en"}, "12.6%"),
        ({"value": -1e15, "decimals": 10, "language": "en"}, "-1,000,000,000,000,000.0000000000"),
    ],
)
def test_writing(inputs: dict[str, object], text: str) -> None:
    """Halves go up, as people expect of a price; yen have no cents."""
    assert use(number_format, **inputs)["text"] == text


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"value": 2.5}, "3"),
        ({"value": -2.5}, "-3"),
        ({"value": 2.5, "way": "half_even"}, "2"),
        ({"value": -2.1, "way": "floor"}, "-3"),
        ({"value": -2.9, "way": "ceiling"}, "-2"),
        ({"value": -2.1, "way": "up"}, "-3"),
        ({"value": -2.9, "way": "down"}, "-2"),
        ({"value": 1.005, "decimals": 2}, "1.01"),
        ({"value": 7, "step": 2.5}, "7.5"),
        ({"value": 1e-300, "decimals": 15}, "0.000000000000000"),
    ],
)
def test_rounding(inputs: dict[str, object], text: str) -> None:
    """On decimal digits, not on binary ones: 1.005 is what was written."""
    assert use(number_round, **inputs)["text"] == text
