"""phone.format, email.normalize, json.parse, text.format: what flows rely on, with texts as people really send them."""

from __future__ import annotations

from typing import Any

import pytest

import services.tools.catalog
from services.flows.catalogue import ToolError, collect
from services.flows.needs import Need
from services.flows.run_tool import run_tool

TOOLS = collect(services.tools.catalog)


def outputs(tool: str, **inputs: Any) -> dict[str, Any]:
    """What a tool gives, as a flow sees it."""
    made = run_tool(TOOLS[tool], TOOLS[tool].inputs.model_validate(inputs), ())
    assert not isinstance(made, Need)
    return made.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.mark.parametrize(
    ("number", "region", "e164"),
    [
        ("912 345 678", "PT", "+351912345678"),
        ("(+351) 912-345-678", "PT", "+351912345678"),
        ("00351 912345678", "PT", "+351912345678"),
        ("351912345678", "PT", "+351912345678"),
        ("11 96123-4567", "BR", "+5511961234567"),
        ("+44 20 7946 0958", "PT", "+442079460958"),
        ("٩١٢٣٤٥٦٧٨", "PT", "+351912345678"),
    ],
)
def test_a_phone_as_people_type_it(number: str, region: str, e164: str) -> None:
    """One form whatever was typed; its digits are E.164 without plus."""
    found = outputs("phone.format", number=number, region=region)
    assert (found["valid"], found["e164"], found["digits"]) == (True, e164, e164[1:])


@pytest.mark.parametrize("number", ["", "12", "abc", "999 999 999 999 999 999", "912 345 67"])
def test_what_is_no_phone(number: str) -> None:
    """It is no error: `valid` is false, the texts are empty, and the flow decides."""
    found = outputs("phone.format", number=number)
    assert (found["valid"], found["e164"], found["digits"]) == (False, "", "")


@pytest.mark.parametrize(
    ("email", "normalized"),
    [
        ("  Ana.Sousa@Example.PT ", "ana.sousa@example.pt"),
        ("joão@exemplo.pt", "joão@exemplo.pt"),
        ("a+b@x.pt", "a+b@x.pt"),
    ],
)
def test_an_address_has_one_form(email: str, normalized: str) -> None:
    """Trimmed and in lower case; normalising again changes nothing."""
    assert outputs("email.normalize", email=email)["email"] == normalized
    assert outputs("email.normalize", email=normalized)["email"] == normalized


@pytest.mark.parametrize("email", ["", "ana", "ana@", "@x.pt", "a b@x.pt", "ana@x..pt"])
def test_what_is_no_address(email: str) -> None:
    """`valid` is false, and the reason is for people."""
    found = outputs("email.normalize", email=email)
    assert (found["valid"], found["email"]) == (False, "")
    assert found["reason"]


def test_json_becomes_a_value() -> None:
    """An object, a list or a plain value; nulls inside stay."""
    assert outputs("json.parse", text='{"a": [1, null, {"b": "é"}]}')["value"] == {"a": [1, None, {"b": "é"}]}
    assert outputs("json.parse", text="5") == {"valid": True, "value": 5, "reason": ""}


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", "NaN", '{"a": 1} x'])
def test_what_is_no_json(text: str) -> None:
    """There is no `value`, and the reason says where it broke."""
    found = outputs("json.parse", text=text)
    assert not found["valid"]
    assert "value" not in found
    assert found["reason"]


def test_a_template_is_filled() -> None:
    """With values and filters; letters keep their accents."""
    values = {"name": "joão", "items": [1, 2]}
    text = "Olá {{ name | title }}: {% for i in items %}{{ i }};{% endfor %}"
    assert outputs("text.format", template=text, values=values) == {"text": "Olá João: 1;2;"}


LONG = "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}"


@pytest.mark.parametrize("template", ["{{ missing }}", "{{ name", LONG])
def test_a_template_that_cannot_be_filled(template: str) -> None:
    """A name without value, a broken template, a loop without end: an error for the flow's author, at once."""
    with pytest.raises(ToolError, match=r"."):
        outputs("text.format", template=template, values={"name": "a"})
