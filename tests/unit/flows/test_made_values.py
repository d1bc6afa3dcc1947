"""Made values: the form and type of the real ones, and nothing of what they say."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.triggers.sent_times import moment
from services.flows.made_values import made
from services.flows.schema_from_example import schema_of
from services.runtime.documents import json_schema

REAL: dict[str, Any] = {
    "id": 84723,
    "order": "ORD-2025-00981",
    "email": "rui.silva@closum.example",
    "name": "Rui Silva",
    "phone": "+351 961 222 333",
    "plain": "351961222333",
    "national": "961 222 333",
    "paid": "1.299,90",
    "amount": 1299.9,
    "at": "2025-12-24T18:00:05.123+01:00",
    "day": "24/12/2025",
    "epoch": 1766599205,
    "millis": "1766599205123",
    "uuid": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "link": "https://shop.example/orders/981?token=s3cr3t",
    "ip": "203.0.113.77",
    "iban": "PT50000201231234567890154",
    "vip": False,
    "none": None,
    "empty": "",
    "lines": [{"sku": "A-1", "count": 3}, {"sku": "A-1", "count": 3}],
}


def leaves(value: object) -> list[object]:
    """All values but objects and lists."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for each in inner for leaf in leaves(each)]
    return [value]


def test_nothing_of_the_real_example_is_left() -> None:
    """No name, number, address, time or token of it; what was equal stays equal; and again the same."""
    text = json.dumps(made(REAL))
    for real in leaves(REAL):
        if real not in {None, "", False, 3}:
            assert str(real) not in text
    assert not re.search("rui|silva|961|981|s3cr3t|2025|1299", text, re.IGNORECASE)
    assert made(REAL)["lines"][0] == made(REAL)["lines"][1]
    assert made(REAL) == made(json.loads(json.dumps(REAL)))


def test_forms_stay() -> None:
    """So that an id is found, a time is read, and a phone is one."""
    found = made(REAL)
    assert datetime.fromisoformat(found["at"]).utcoffset() == datetime.fromisoformat(REAL["at"]).utcoffset()
    assert all(moment(found[name]) is not None for name in ("at", "epoch", "millis"))
    assert date(*map(int, reversed(found["day"].split("/"))))
    assert (found["phone"], found["plain"], found["national"]) == ("+351 912 345 678", "351912345678", "912 345 678")
    assert (found["email"], found["ip"], found["paid"]) == ("person1@example.com", "192.0.2.1", "9.123,45")
    assert (found["empty"], found["none"], found["vip"]) == ("", None, True)


@pytest.mark.parametrize("zone", ["", "Z", "+01:00", "+0100"])
@pytest.mark.parametrize("clock", ["T18:00", "T18:00:05", "T18:00:05.1", " 18:00:05.123456"])
def test_times_keep_how_they_are_written(clock: str, zone: str) -> None:
    """To the fraction and the zone."""
    real = f"2025-12-24{clock}{zone}"
    found = made(real)
    assert (len(found), found[:10], found.endswith(zone)) == (len(real), "2026-03-02", True)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
@example([1e-7, -0.0, 1e300, 10**30, -(2**63), "٣٤", "0x1f", "-1", "12:30", "\x00"])
def test_whatever_stands_in_an_example_its_schema_takes_what_is_made(real: Any) -> None:
    """The schema is made from the real one; nothing is raised."""
    found = made({"a": real})
    assert json_schema.validator(schema_of({"a": real})).is_valid(json.loads(json.dumps(found)))
    assert [type(leaf) for leaf in leaves(found)] == [type(leaf) for leaf in leaves({"a": real})]
