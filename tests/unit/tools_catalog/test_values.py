"""Values and money: sums without a lost digit, groups and differences that lose no item, merges, percent-encoding."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

import services.tools.catalog
from services.flows.catalogue import collect
from tests.support.tools import use

TOOLS = collect(services.tools.catalog)
AMOUNTS = st.decimals(-(10**12), 10**12, places=4).map(lambda amount: f"{amount:f}")
NUMBERS = AMOUNTS | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9).map(lambda number: round(number, 6))
ITEMS = st.lists(
    st.fixed_dictionaries({"id": st.none() | st.integers(0, 5) | st.sampled_from(["", "a", "1"]), "n": NUMBERS})
)


def exact(value: Any) -> Fraction:
    """What a number means as it is written."""
    return Fraction(str(value))


@given(st.lists(NUMBERS, max_size=50))
def test_a_sum_is_exact(values: list[Any]) -> None:
    """Of texts, whole numbers and others together; in lists and in `number.calculate`."""
    told = use(TOOLS["list.sum"], items=values)
    assert Fraction(told["sum_text"]) == sum(map(exact, values), Fraction(0))
    assert (told["count"], told["skipped"]) == (len(values), 0)
    if values:
        assert (told["min"], told["max"]) == (float(min(map(exact, values))), float(max(map(exact, values))))
        made = use(TOOLS["number.calculate"], values=values)
        assert made["valid"]
        assert Fraction(made["text"]) == Fraction(told["sum_text"])


@given(AMOUNTS, st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), st.sampled_from(["half_up", "half_even"]))
def test_money_is_rounded_once_to_what_its_currency_has(amount: str, currency: str, way: str) -> None:
    """As the decimal module of Python does it; `minor` is the same amount in the smallest unit."""
    digits = get_currency_precision(currency)
    rule = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}[way]
    wanted = Decimal(amount).quantize(Decimal(1).scaleb(-digits), rule)
    made = use(TOOLS["number.calculate"], values=[amount], currency=currency, way=way)
    assert (Decimal(made["text"]), made["minor"]) == (wanted, int(wanted.scaleb(digits)))
    assert len(made["text"].partition(".")[2]) == digits


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"values": ["10", 3], "how": "divide", "decimals": 3}, "3.333"),
        ({"values": ["1e5"]}, None),
        ({"values": ["1" * 31]}, None),
        ({"values": [1e29, 1e29], "how": "multiply"}, None),
        ({"values": [5, 3, "1.5"], "how": "subtract"}, "0.5"),
        ({"values": [0, -1], "how": "multiply"}, "0"),
        ({"values": [1], "currency": "XQX"}, None),
        ({"values": [float("inf")]}, None),
    ],
)
def test_what_is_calculated(inputs: dict[str, Any], text: str | None) -> None:
    """What has no exact answer of a usual size is not valid, and says why."""
    made = use(TOOLS["number.calculate"], **inputs)
    assert made.get("text") == (text or "")
    assert made["valid"] is (text is not None)
    assert bool(made["reason"]) is (text is None)


@given(ITEMS)
def test_groups_lose_no_item(items: list[Any]) -> None:
    """Each is in one group, sums of groups are the sum of all, and keys stand once with their type."""
    told = use(TOOLS["list.group"], items=items, field="id", value="n")
    assert sorted(map(repr, (each for group in told["groups"] for each in group["items"]))) == sorted(map(repr, items))
    whole = use(TOOLS["list.sum"], items=items, field="n")
    assert sum((Fraction(group["sum_text"]) for group in told["groups"]), Fraction(0)) == Fraction(whole["sum_text"])
    for group in told["groups"]:
        assert {("" if item["id"] is None else str(item["id"])) for item in group["items"]} == {group["key"]}


@given(ITEMS, ITEMS)
def test_a_difference_is_told_once(before: list[Any], after: list[Any]) -> None:
    """What is new is not gone; of a list with itself nothing is; what has no key is counted."""
    told = use(TOOLS["list.difference"], before=before, after=after, field="id")
    keys = [{repr(item["id"]) for item in items if item["id"] not in (None, "")} for items in (before, after)]
    assert {repr(item["id"]) for item in told["added"]} == keys[1] - keys[0]
    assert {repr(item["id"]) for item in told["removed"]} == keys[0] - keys[1]
    assert len(told["changed"]) + told["same"] == len(keys[0] & keys[1])
    assert told["without_key"] == sum(item["id"] in (None, "") for item in [*before, *after])
    own = use(TOOLS["list.difference"], before=after, after=after, field="id")
    assert (own["added"], own["removed"], own["changed"]) == ([], [], [])


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_percent_encoding_comes_back(text: str) -> None:
    """As Python's own library writes it, in URLs and in forms."""
    for form, wanted in ((False, quote(text, safe="")), (True, quote_plus(text))):
        made = use(TOOLS["text.percent"], text=text, form=form)["text"]
        assert made == wanted
        assert use(TOOLS["text.percent"], text=made, what="decode", form=form) == {"valid": True, "text": text}


@pytest.mark.parametrize(("value", "text"), [(1.1665692669490755e-188, "0"), (1e-30, "1e-30"), (1.25e-29, "1.2e-29")])
def test_beyond_thirty_places_nothing_counts(value: float, text: str) -> None:
    """Of a float that is nearly nothing; it is a number all the same."""
    told = use(TOOLS["list.sum"], items=[value])
    assert (Decimal(told["sum_text"]), told["skipped"]) == (Decimal(text), 0)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(OBJECTS, OBJECTS, st.booleans())
def test_a_merge_keeps_what_nobody_said_again(one: dict[str, Any], other: dict[str, Any], deep: bool) -> None:  # noqa: FBT001 - drawn
    """The later counts, a null counts as absent, and merging the same again changes nothing."""
    made = use(TOOLS["json.merge"], objects=[one, other], deep=deep)["object"]
    for name, value in made.items():
        if not (deep and isinstance(one.get(name), dict) and isinstance(other.get(name), dict)):
            assert value == (other[name] if other.get(name) is not None else one[name])
    again = use(TOOLS["json.merge"], objects=[made, other], deep=deep)["object"]
    assert again == made


def test_a_merge_of_what_is_very_deep_ends() -> None:
    """Below 20 levels the later one counts whole."""
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    assert use(TOOLS["json.merge"], objects=[deep, deep], deep=True)["object"] == deep


@pytest.mark.parametrize(
    ("given_", "default", "zone"),
    [("EUROPE/LISBON", "UTC", "Europe/Lisbon"), ("\u200bUTC ", "Europe/Lisbon", "UTC"), ("../etc", "UTC", "UTC")],
)
def test_a_zone(given_: str, default: str, zone: str) -> None:
    assert use(TOOLS["time_zone"], zone=given_, default=default)["zone"] == zone


@pytest.mark.parametrize(
    ("given_", "among", "language"),
    [
        ("pt-AO", [], "pt-AO"),
        ("PT", ["en", "pt-PT"], "pt-PT"),
        ("zz-ZZ", ["en"], "en"),
        ("en_GB", ["en-US", "en-GB"], "en-GB"),
    ],
)
def test_a_language(given_: str, among: list[str], language: str) -> None:
    assert use(TOOLS["language"], language=given_, among=among, default="en")["language"] == language
