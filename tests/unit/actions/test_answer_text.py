"""A refusal is told in the destination's own words, not in its JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.answer_text import LENGTH, said

PROBLEM = "application/problem+json"
JSON = "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("media_type", "text", "told"),
    [
        (PROBLEM, '{"title": "Unprocessable Entity", "status": 422, "detail": "phone is taken"}', "phone is taken"),
        (PROBLEM, '{"title": "Unprocessable Entity", "status": 422}', "Unprocessable Entity"),
        (
            PROBLEM,
            '{"detail": "1 field is wrong", "errors": [{"pointer": "/phone", "detail": "is no number"}]}',
            "1 field is wrong (/phone: is no number)",
        ),
        (JSON, '{"message": "phone is taken", "code": 17}', "phone is taken"),
        (JSON, '{"error": {"code": 17, "message": "phone is taken"}}', "phone is taken"),
        (JSON, '{"error": "invalid_client", "error_description": "unknown client"}', "unknown client"),
        (JSON, '{"error": "invalid_client"}', "invalid_client"),
        (JSON, '{"errors": {"phone": ["is taken"], "name": "is empty"}}', "phone: is taken; name: is empty"),
        (JSON, '{"detail": [{"loc": ["body", "phone"], "msg": "is missing"}]}', "body/phone: is missing"),
        (JSON, '["phone is taken", "name is empty"]', "phone is taken; name is empty"),
        (JSON, '"phone is taken"', "phone is taken"),
        (JSON, '{"code":  17}', '{"code": 17}'),
        (JSON, '{"message": "half', '{"message": "half'),
        ("", '{"message": "phone is taken"}', "phone is taken"),
        ("text/html", "<html><head><title>x</title></head><body><h1>Bad&nbsp;Gateway</h1>\n</body>", "Bad Gateway"),
        ("text/plain", "  phone\n is taken ", "phone is taken"),
        ("text/plain", "", "no text"),
        (JSON, "", "no text"),
    ],
)
def test_the_words_are_taken(media_type: str, text: str, told: str) -> None:
    """Problem details (RFC 9457), the usual fields of other APIs, HTML and plain text."""
    assert said(media_type, text) == told


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["error", "errors", "detail", "field", "x"]), inner)
    ),
)


@given(JSON_VALUES, st.sampled_from([PROBLEM, JSON, "text/html", ""]))
def test_whatever_comes_is_one_short_line(value: object, media_type: str) -> None:
    """A destination may answer anything."""
    line = said(media_type, json.dumps(value))
    assert 0 < len(line) <= LENGTH
    assert "\n" not in line
