"""A JSON file that a person names: an example, a schema, a payload."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import orjson

from services.runtime.documents.bounds import (
    MAX_CHARACTERS,
    MAX_EXPORT_BYTES,
    TooLargeError,
    check_export,
    check_text,
    check_value,
)


def read(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """The value. Raises OSError, and ValueError that says what is wrong: no UTF-8, no JSON, too long, too deep."""
    with path.open("rb") as file:
        content = file.read(4 * MAX_CHARACTERS + 1)  # a character of UTF-8 has up to four bytes
    if len(content) > 4 * MAX_CHARACTERS:
        raise TooLargeError.length()
    return parse(content.decode("utf-8-sig"))


def parse(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a text. Raises ValueError that says what is wrong."""
    check_text(text)
    try:
        value = json.loads(text)
    except RecursionError:
        raise TooLargeError.depth() from None
    check_value(value)
    return value


def read_export(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a file that another program has exported, which may be larger. Raises as `read` does."""
    with path.open("rb") as file:
        content = file.read(MAX_EXPORT_BYTES + 1)
    check_export(content)
    value = orjson.loads(content.removeprefix(codecs.BOM_UTF8))  # the text itself would take four times as much memory
    check_value(value)
    return value
