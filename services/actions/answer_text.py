"""What an answer says to a person: the words inside it, not its JSON.

| answer | what is taken |
|---|---|
| problem details (RFC 9457), or JSON like it | `detail`, else `title`; then what `errors` says of fields |
| other JSON | `message`, `error_description`, `error` or `msg`, also one level down in `error` |
| JSON without these | the JSON as it is |
| HTML | its text |
| text | itself |

White space is folded, and it is cut to a length that fits a line of a dead letter.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator

import orjson

LENGTH = 300
MOST_FAULTS = 5
READ = 65_536  # characters: whoever says more is not read to the end
WORDS = ("detail", "message", "error_description", "title", "error", "msg", "reason", "errorMessage")
PLACES = ("pointer", "field", "name", "param", "path", "loc")
HIDDEN_HTML = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def said(media_type: str, text: str) -> str:
    """The words of an answer; `no text` when there are none."""
    text = text[:READ]
    kind = media_type.partition(";")[0].strip().lower()
    if kind.endswith("json") or text.lstrip()[:1] in {"{", "["}:
        with contextlib.suppress(orjson.JSONDecodeError):
            text = _words(orjson.loads(text)) or text
    elif kind == "text/html":
        text = html.unescape(HIDDEN_HTML.sub(" ", text))
    return " ".join(text.split())[:LENGTH] or "no text"


def _words(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_faults(value))
    if not isinstance(value, dict):
        return str(value) if isinstance(value, str) else ""
    main = next((words for name in WORDS if (words := _text(value.get(name)))), "")
    faults = [fault for fault in _faults(value.get("errors")) if fault not in main]
    return f"{main} ({'; '.join(faults)})" if main and faults else main or "; ".join(faults)


def _text(value: object) -> str:
    """A text, or the words of an object one level down, as `{"error": {"message": …}}` has them."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        return next(
            (found.strip() for name in WORDS if isinstance(found := value.get(name), str) and found.strip()), ""
        )
    if isinstance(value, list):
        return "; ".join(_faults(value))
    return ""


def _faults(errors: object) -> Iterator[str]:
    """What is wrong with which field: a list of texts or objects, or an object by field."""
    if isinstance(errors, dict):
        errors = [{"field": name, "detail": _text(told)} for name, told in errors.items()]
    if not isinstance(errors, list):
        return
    for one in errors[:MOST_FAULTS]:
        words = _text(one)
        place = next((found for name in PLACES if (found := _place(one, name))), "")
        if words:
            yield f"{place}: {words}" if place else words


def _place(fault: object, name: str) -> str:
    value = fault.get(name) if isinstance(fault, dict) else None
    if isinstance(value, list):
        return "/".join(str(part) for part in value)
    return value if isinstance(value, str) else ""
