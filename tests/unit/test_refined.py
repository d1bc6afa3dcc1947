"""Refined texts: what each takes and refuses, and how the type checker finds them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.flows.refined import (
    CheckedText,
    Digits,
    Duration,
    Email,
    Language,
    Pattern,
    Phone,
    Refined,
    Region,
    Timestamp,
    TimeZone,
    Url,
    mark_of,
)

CASES = [
    (Phone, ["+351912345678"], ["351912345678", "+0123456", "+1", "+351 912 345 678", "", "+351912345678\n"]),
    (Digits, ["0", "351912345678"], ["", "+1", "1 2", "٣"]),
    (Email, ["ana@x.pt", "ção@é.pt"], ["", "ana", "ana@", "a b@x.pt"]),
    (Url, ["https://x.pt", "http://localhost:8090/a?b#c"], ["", "x.pt", "ftp://x", "https://", "http://a b"]),
    (
        Timestamp,
        ["2026-05-31T14:30:00+01:00", "2026-05-31T14:30:00Z"],
        ["", "2026-05-31", "2026-05-31T14:30:00", "now"],
    ),
    (Duration, ["30s", "2h30m", "500ms", "30d"], ["", "30", "s", "-5s", "1 h"]),
    (TimeZone, ["UTC", "Europe/Lisbon"], ["", "Lisbon", "Europe", "../x", "/etc/hostname"]),
    (Region, ["PT", "BR"], ["", "pt", "XX", "PRT"]),
    (Language, ["pt", "pt-PT", "pt_BR"], ["", "portuguese", "xx", "pt-PT\n"]),
    (Pattern, ["", "a+", "(?i)x"], ["(", "(?=a)", r"(a)\1", "a" * 501, "(a{1000}){1000}"]),
]


@pytest.mark.parametrize(("kind", "right", "wrong"), CASES)
def test_what_each_takes(kind: Any, right: list[str], wrong: list[str]) -> None:
    """The right ones unchanged, the wrong ones never."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    for text in right:
        assert adapter.validate_python(text) == text
    for text in wrong:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


class Model(BaseModel):
    """A model as tools have them."""

    phone: Phone = ""
    zone: TimeZone = "UTC"
    phones: list[Phone] = []
    text: str = ""


def test_marks_are_found_in_fields_and_in_the_schema() -> None:
    """The checker reads JSON Schema, where they stand as `refined` and `checked`, also of a list's items."""
    fields = Model.model_fields
    assert mark_of(fields["phone"]) == Refined("phone")
    assert mark_of(fields["zone"]) == CheckedText("time_zone")
    assert mark_of(fields["text"]) is None
    properties = Model.model_json_schema()["properties"]
    assert properties["phone"]["refined"] == "phone"
    assert properties["zone"]["checked"] == "time_zone"
    assert properties["phones"]["items"]["refined"] == "phone"


def test_an_output_may_be_empty_by_default_but_no_input_is() -> None:
    """A tool that found nothing gives an empty text, which no tool takes as a phone."""
    assert Model().phone == ""
    with pytest.raises(ValidationError):
        Model(phone="")
