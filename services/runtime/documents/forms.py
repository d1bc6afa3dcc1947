"""Forms: urlencoded, and the fields of multipart. A form becomes the JSON object that it stands for."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from services.runtime.documents.characters import decoded

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MOST_FIELDS = 1000
DEEPEST = 20
LONGEST_NUMBER = 18  # of digits
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
KEYS = re.compile(r"\[([^\[\]]*)\]")
NUL = "\x00"
SHOWN = 60
CHARSET = b"_charset_"
UTF_8 = frozenset({"", "utf-8", "utf8"})
WESTERN = frozenset({"iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "us-ascii", "ascii", "windows-1252"})
"""What browsers call so is Windows' own: https://encoding.spec.whatwg.org/#names-and-labels."""
NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"})


class FormError(ValueError):
    """A form that cannot be read. The text says which of its causes it was, and never a value."""


# It warns of each broken form: strangers must not fill our log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def parse(body: bytes, content_type: str) -> dict[str, object]:
    """Field → text. What a name's brackets mean is as PHP, and what is made with it, writes them.

    A field that comes more than once, or is named `tags[]`, is a list; so are `tags[1]` and `tags[0]`, in the order of
    their numbers. `a[b]` and `a[b][c]` are objects.

    Texts are in the charset that the content type names, or a field `_charset_`, as browsers send it; else in UTF-8.
    Files of a multipart form are left out. Raises FormError, also for a multipart form without its closing boundary.
    """
    kind, parameters = parse_options_header(content_type)
    fields = _urlencoded(body) if kind.decode().lower() == URLENCODED else _multipart(body, parameters.get(b"boundary"))
    if len(fields) > MOST_FIELDS:
        raise FormError(f"it has more than {MOST_FIELDS} fields and files")
    charset = parameters.get(b"charset") or next((value for name, value in fields if name == CHARSET and value), b"")
    read = _reader(charset.decode("latin-1"))
    return _object((_text(name, name, read), _text(name, value, read)) for name, value in fields)


def _urlencoded(body: bytes) -> list[tuple[bytes, bytes]]:
    pairs = (pair.partition(b"=") for pair in body.split(b"&", MOST_FIELDS + 1) if pair)
    return [(_unquoted(name), _unquoted(value)) for name, _, value in pairs]


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _text(name: bytes, content: bytes, read: Callable[[bytes], str]) -> str:
    try:
        return read(content).replace(NUL, "")
    except UnicodeDecodeError as error:
        shown = name.decode("ascii", "replace")[:SHOWN]
        raise FormError(
            f"byte 0x{content[error.start]:02x} of the field {shown!r} is not {error.encoding}: name the charset in "
            "Content-Type, or send UTF-8"
        ) from None


def _western(content: bytes) -> str:
    """Windows-1252; the five bytes that it leaves open are control characters, as browsers have it."""
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _reader(charset: str) -> Callable[[bytes], str]:
    """What reads bytes in a charset that a form names."""
    label = charset.strip().strip("\"'").lower()
    if label in UTF_8:
        return decoded
    if label in WESTERN:
        return _western
    try:
        codec = codecs.lookup(label)
        "".encode(label)  # a codec of Python that is no charset fails here
    except (LookupError, ValueError):
        codec = None
    if codec is None or codec.name in NO_CHARSETS:
        raise FormError(f"its charset {charset[:SHOWN]!r} is not known here: send UTF-8")
    return lambda content: content.decode(label)


def _multipart(body: bytes, boundary: bytes | None) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    parts = 0

    def count() -> None:
        nonlocal parts
        parts += 1
        if parts > MOST_FIELDS:
            raise FormError(f"it has more than {MOST_FIELDS} fields and files")

    def on_field(field: Field) -> None:
        count()
        found.append((field.field_name or b"", field.value or b""))

    def on_file(file: File) -> None:
        file.close()
        count()

    ends: list[bool] = []
    if not boundary:
        raise FormError("its Content-Type names no boundary")
    try:
        parser = FormParser(MULTIPART, on_field, on_file, on_end=lambda: ends.append(True), boundary=boundary)
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise FormError(
            "a part of it is malformed: no boundary of its Content-Type, or headers that are none"
        ) from None
    # The parser takes a form without its closing boundary for whole, and a field that was cut for shorter.
    if not ends:
        raise FormError("it ends before its closing boundary")
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
