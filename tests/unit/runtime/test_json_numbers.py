"""No digit of a number is lost: what no number type holds is a text."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.documents import json_numbers
from services.runtime.documents.json_numbers import double, loads

HELD = [
    "0",
    "-0",
    "12",
    "12.0",
    "1e3",
    "19.90",
    "0.1",
    "18446744073709551615",
    "-9223372036854775808",
    "1.5e22",
    "0.0000",
]
EXACT = {
    "18446744073709551616": "18446744073709551616",
    "-9223372036854775809": "-9223372036854775809",
    "12345678901234567890123": "12345678901234567890123",
    "12345678901234567890123.00": "12345678901234567890123",
    "0.1234567890123456789": "0.1234567890123456789",
    "9007199254740993.5": "9007199254740993.5",
    "1e400": "1e400",
    "-1.5E+400": "-1.5E+400",
    "1e-400": "1e-400",
    "1.2345678e-320": "1.2345678e-320",
    "1E-4000000000000000000000": "1E-4000000000000000000000",
}


@pytest.mark.parametrize("text", HELD)
def test_what_a_number_holds_is_one(text: str) -> None:
    """As orjson reads it."""
    found = loads(f'{{"n": {text}}}'.encode())["n"]
    assert (type(found), found) == (type(orjson.loads(text)), orjson.loads(text))
    assert double(text) is double("x") is None


@pytest.mark.parametrize(("text", "digits"), EXACT.items())
def test_what_no_number_holds_is_a_text_of_its_digits(text: str, digits: str) -> None:
    """At any depth, and written as a text."""
    found = loads(f'{{"a": [{text}, 1], "b": "{text}"}}'.encode())
    assert found == {"a": [digits, 1], "b": text}
    assert orjson.loads(orjson.dumps(found)) == found
    nearest = float(text)
    assert double(digits) == (nearest if abs(nearest) != float("inf") else None)


@pytest.mark.parametrize("text", [b'{"a": NaN, "b": 12345678901234567890123}', b"[1e400", b"", b"-", b'{"a": 1e400, }'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    """As without such numbers."""
    with pytest.raises(orjson.JSONDecodeError):
        loads(text)


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
def test_every_number_keeps_its_value(number: Decimal | int) -> None:
    """Exactly, whatever it is read as."""
    found = loads(str(number).encode())
    assert Decimal(found if isinstance(found, str) else repr(found)) == number


@pytest.mark.parametrize("around", ["{}", "[{}]", "[1,{}]", '{{"a":{}}}', '{{"a" :\n\t{} }}'])
@pytest.mark.parametrize("number", ["1234567890123456789012", "-0.12345678901234567890123", "1e00000000000000000001"])
def test_a_long_number_is_exact_wherever_it_stands(around: str, number: str) -> None:
    """Alone, in a list or an object, with white space around it."""
    found = loads(around.format(number).encode())
    while isinstance(found, list | dict):
        found = list(found.values() if isinstance(found, dict) else found)[-1]
    assert Decimal(str(found)) == Decimal(number)


def test_long_digits_in_texts_cost_no_second_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of 17 digits and more are in most bodies of WhatsApp."""
    monkeypatch.setattr(json_numbers, "_exact", None)
    assert loads(b'{"id":"102290129340398123","who": "PT.13491208655302741918"}')["id"] == "102290129340398123"
