"""XML bodies, as SOAP messages are: elements become the JSON object that they stand for.

Names lose their namespace; an element that comes more than once is a list; one without elements is its text; `xsi:nil`
is null. Attributes that are not XML Schema's own stand under `@name` beside the elements, or with the text under
`#text`. A document with a DOCTYPE is refused: what it declares could make a small body a large one.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NoReturn
from xml.parsers import expat

from contracts.errors import ErrorCode
from services.ingest.body import DEEPEST
from services.ingest.http_problems import Refused

INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SEPARATOR = " "


def is_xml(content_type: str) -> bool:
    """Whether a body of this type is XML."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in {"text/xml", "application/xml"} or kind.endswith("+xml")


def parse(body: bytes) -> dict[str, object]:
    """The object with the document's element in it. Raises Refused: 400."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise _refused(f"line {error.lineno}, column {error.offset + 1}: {reason}") from None
    except (LookupError, ValueError):
        raise _refused("its encoding is not known here") from None
    return reader.found


def _doctype(*_arguments: object) -> NoReturn:
    raise _refused("it has a DOCTYPE, which is not taken")


def _refused(reason: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, ErrorCode.JSON_INVALID, f"The body is XML that cannot be read: {reason}.")


class _Reader:
    """Elements on the way: of each what is in it, its text, and whether it is nil."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str], bool]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= DEEPEST:
            raise _refused(f"it is nested more than {DEEPEST} deep")
        inside, nil = {}, False
        for key, value in attributes.items():
            space, _, local = key.rpartition(SEPARATOR)
            if space == INSTANCE:
                nil = nil or (local == "nil" and value in {"true", "1"})
            else:
                inside[f"@{local}"] = value
        self._open.append((name.rpartition(SEPARATOR)[2], inside, [], nil))

    def text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, _name: str) -> None:
        name, inside, texts, nil = self._open.pop()
        text = "".join(texts)
        value: Any = inside
        if not inside:
            value = None if nil else text
        elif text.strip():
            inside["#text"] = text.strip()
        parent = self._open[-1][1] if self._open else self.found
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]
