"""Bodies that are forms: which they are, and what a sender is told of one that cannot be read."""

from __future__ import annotations

from http import HTTPStatus

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused
from services.runtime.documents import forms

URLENCODED = forms.URLENCODED


def is_form(content_type: str, body: bytes) -> bool:
    """Whether a body of this type is a form. JSON that is called an urlencoded form, as `curl -d` does, is none."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == forms.MULTIPART or (kind == forms.URLENCODED and body.lstrip()[:1] not in {b"{", b"["})


def parse(body: bytes, content_type: str) -> dict[str, object]:
    """The object that a form stands for. Raises Refused: 400 with the cause."""
    try:
        return forms.parse(body, content_type)
    except forms.FormError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, ErrorCode.JSON_INVALID, f"The form cannot be read: {error}.") from None
