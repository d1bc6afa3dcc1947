"""Forms: urlencoded, and the fields of multipart. A form becomes the JSON object that it stands for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MOST_FIELDS = 1000
BRACKETS = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
NUL = "\x00"

# It warns of each broken form: strangers must not fill our log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def is_form(content_type: str, body: bytes) -> bool:
    """Whether a body of this type is a form. JSON that is called an urlencoded form, as `curl -d` does, is none."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == MULTIPART or (kind == URLENCODED and body.lstrip()[:1] not in {b"{", b"["})


def parse(body: bytes, content_type: str) -> dict[str, object]:
    """Field → text; a field that comes more than once, or is named `tags[]` or `tags[1]`, is a list; `a[b]` an object.

    Files of a multipart form are left out. Raises Refused: 400, also for a multipart form without its closing boundary.
    """
    try:
        if content_type.partition(";")[0].strip().lower() == URLENCODED:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        else:
            fields = _multipart(body, content_type)
    except (ValueError, FormParserError):
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            ErrorCode.JSON_INVALID,
            f"The form cannot be read: at most {MOST_FIELDS} fields and files, in UTF-8, as its Content-Type says, to "
            "its end.",
        ) from None
    return _object((name.replace(NUL, ""), value.replace(NUL, "")) for name, value in fields)


def _multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    parts = 0

    def count() -> None:
        nonlocal parts
        parts += 1
        if parts > MOST_FIELDS:
            raise ValueError

    def on_field(field: Field) -> None:
        count()
        found.append(((field.field_name or b"").decode(), (field.value or b"").decode()))

    def on_file(file: File) -> None:
        file.close()
        count()

    ends: list[bool] = []
    _, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary")
    parser = FormParser(MULTIPART, on_field, on_file, on_end=lambda: ends.append(True), boundary=boundary)
    parser.write(body)
    parser.finalize()
    # The parser takes a form without its closing boundary for whole, and a field that was cut for shorter.
    if not ends:
        raise ValueError
    return found


def _object(fields: Iterable[tuple[str, str]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in fields:
        match = BRACKETS.fullmatch(name)
        if match and match[2] and not match[2].isdecimal():
            inner = made.setdefault(match[1], {})
            if isinstance(inner, dict):
                inner[match[2]] = value
                continue
        elif match:
            _append(made, match[1], value)
            continue
        if name in made:
            _append(made, name, value)
        else:
            made[name] = value
    return made


def _append(made: dict[str, object], name: str, value: str) -> None:
    before = made.get(name)
    if isinstance(before, list):
        before.append(value)
    else:
        made[name] = [value] if before is None else [before, value]
