"""Forms: urlencoded, and the fields of multipart. A form becomes the JSON object that it stands for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MOST_FIELDS = 1000
DEEPEST = 20
LONGEST_NUMBER = 18  # of digits
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
KEYS = re.compile(r"\[([^\[\]]*)\]")
NUL = "\x00"

# It warns of each broken form: strangers must not fill our log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def is_form(content_type: str, body: bytes) -> bool:
    """Whether a body of this type is a form. JSON that is called an urlencoded form, as `curl -d` does, is none."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == MULTIPART or (kind == URLENCODED and body.lstrip()[:1] not in {b"{", b"["})


def parse(body: bytes, content_type: str) -> dict[str, object]:
    """Field → text. What a name's brackets mean is as PHP, and what is made with it, writes them.

    A field that comes more than once, or is named `tags[]`, is a list; so are `tags[1]` and `tags[0]`, in the order of
    their numbers. `a[b]` and `a[b][c]` are objects.

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
    made: _Branch = _Branch()
    for name, value in fields:
        match = NAME.fullmatch(name)
        keys = KEYS.findall(match[2]) if match else []
        if match is None or len(keys) > DEEPEST or not _put(made, [match[1], *keys], value):
            _put(made, [name], value)
    return {name: _plain(value) for name, value in made.items()}


class _Branch(dict[str, Any]):
    """What stands below a name: under keys, or numbered, or both on the way. `free`: the number after the highest."""

    free = 0

    def key(self, written: str) -> str:
        """The key that is meant: an empty one is the next number."""
        key = written or str(self.free)
        if key.isdecimal() and len(key) <= LONGEST_NUMBER:
            self.free = max(self.free, int(key) + 1)
        return key


def _put(branch: _Branch, path: list[str], value: str) -> bool:
    """Put a value where its name says; False where the name of another one stands in its way."""
    *way, last = path
    for key in way:
        inner = branch.setdefault(branch.key(key), _Branch())
        if not isinstance(inner, _Branch):
            return False
        branch = inner
    before = branch.get(last)
    if isinstance(before, _Branch):
        return _put(before, [""], value)
    if isinstance(before, list):
        before.append(value)
    elif last and before is not None:
        branch[last] = [before, value]
    else:
        branch[branch.key(last)] = value
    return True


def _plain(value: object) -> object:
    """Numbered ones are a list, in the order of their numbers."""
    if not isinstance(value, _Branch):
        return value
    if all(key.isdecimal() and len(key) <= LONGEST_NUMBER for key in value):
        return [_plain(value[key]) for key in sorted(value, key=int)]
    return {key: _plain(inner) for key, inner in value.items()}
