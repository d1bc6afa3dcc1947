"""A form with files, multipart/form-data (RFC 7578): the same parts give the same bytes, on every repetition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.ids import stable_id
from services.actions.action_call import RequestBody


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part that is a file."""

    filename: str
    content_type: str
    content: bytes


def multipart(parts: Mapping[str, str | FilePart]) -> RequestBody:
    """The body. Names are quoted as browsers do it (WHATWG, multipart/form-data encoding algorithm)."""
    made = [
        (_head(name, part), part.content if isinstance(part, FilePart) else part.encode())
        for name, part in parts.items()
    ]
    # Out of the content, so that a repetition is the same request; long enough never to stand inside it by chance.
    boundary = f"flows-{stable_id(*(piece for part in made for piece in part))}"
    lines = [b"--" + boundary.encode() + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in made]
    return RequestBody(b"".join(lines) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def _head(name: str, part: str | FilePart) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(part, FilePart):
        head += f'; filename="{_quoted(part.filename)}"\r\nContent-Type: {part.content_type}'
    return head.encode()


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
