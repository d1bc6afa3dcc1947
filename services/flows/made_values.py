"""Made values in place of real ones: an example of what a system sends holds somebody's e-mail, phone and money.

A made value has the type and the form of the real one, so that the same schema takes it, the same pointers find an id
and a time, and the same tools read it. Equal values stay equal, different ones of most forms stay different; the same
example always gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import cycle
from typing import Any

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}(?P<sep>[T ])?"
    r"(?(sep)\d{2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d+)?)?(?P<zone> ?Z|[+-]\d{2}:?\d{2})?)"
)
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
PHONE = re.compile(r"(\+|00)[\d\s().-]{8,24}")
CODE = re.compile(r"[A-Z]{2,3}|[a-z]{2}([-_][A-Za-z]{2})?")
HEX = re.compile(r"(?=.*\d)[0-9a-f]{12,}", re.IGNORECASE)
DAY = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{4}")
ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
SPELT = re.compile(r"(?=.*\d)[\d\s.,:;/()+-]+")
CODES = {2: "pt", 3: "eur", 5: "pt_PT"}
DIGITS = "1234567890"
TELEPHONE = "351912345678"
MOMENT = 1_772_443_800
"""2026-03-02T09:30:00Z."""
SECONDS, MILLISECONDS = (10**9, 4 * 10**9), (10**12, 4 * 10**12)


def made(example: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The example with made values; fields, lists and types are as they were.

    >>> made({"id": 84723, "email": "rui@closum.example", "paid": "19.90", "at": "2025-12-24T18:00:05Z"})
    {'id': 12345, 'email': 'person1@example.com', 'paid': '12.34', 'at': '2026-03-02T09:30:00Z'}
    """
    return _Maker().value(example)


class _Maker:
    """One example's values, so that what was equal stays so."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def value(self, real: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The value that stands for this one."""
        if isinstance(real, dict):
            return {name: self.value(inner) for name, inner in real.items()}
        if isinstance(real, list):
            return [self.value(inner) for inner in real]
        if isinstance(real, bool) or real is None:
            return True if real is not None else None
        if isinstance(real, int):
            return _whole(real)
        return _decimal(real) if isinstance(real, float) else self._text(real)

    def _text(self, real: str) -> str:
        if real not in self._texts:
            self._texts[real] = self._made(real.strip()) if real.strip() else real
        return self._texts[real]

    def _made(self, real: str) -> str:
        for form, make in self._forms():
            if (found := form.fullmatch(real)) is not None:
                return make(found)
        return self._numbered("text", "text {}")

    def _forms(self) -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]:
        return (
            (EMAIL, lambda _: self._numbered("email", "person{}@example.com")),
            (URL, lambda _: self._numbered("url", "https://example.com/{}")),
            (UUID, lambda _: self._numbered("uuid", "00000000-0000-4000-8000-{:012d}")),
            (TIME, _time),
            (NUMBER, lambda found: _number(found.group())),
            (PHONE, lambda found: _digits(found.group(), TELEPHONE)),
            (DAY, lambda found: f"02{found[1]}03{found[1]}2026"),
            (ADDRESS, lambda _: "192.0.2.1"),
            (SPELT, lambda found: _digits(found.group(), TELEPHONE[3:])),
            (HEX, lambda found: self._numbered("hex", f"{{:0{len(found.group())}x}}")),
            (CODE, lambda found: _code(found.group())),
        )

    def _numbered(self, form: str, text: str) -> str:
        self._counts[form] = self._counts.get(form, 0) + 1
        return text.format(self._counts[form])


def _whole(real: int) -> int:
    """As many digits, and a moment for a moment."""
    size = abs(real)
    if SECONDS[0] <= size < SECONDS[1]:
        return MOMENT
    if MILLISECONDS[0] <= size < MILLISECONDS[1]:
        return MOMENT * 1000
    if not size:
        return 0
    return int(_digits(str(size), DIGITS)) * (-1 if real < 0 else 1)


def _decimal(real: float) -> float:
    if real.is_integer():
        return float(_whole(int(real)))
    text = repr(abs(real))
    plain = text if "e" not in text else "1.5"
    return float(_digits(plain, DIGITS)) * (-1 if real < 0 else 1)


def _number(real: str) -> str:
    if real.isdecimal() and (
        SECONDS[0] <= int(real[:20]) < SECONDS[1] or MILLISECONDS[0] <= int(real[:20]) < MILLISECONDS[1]
    ):
        return str(_whole(int(real)))
    return _digits(real, TELEPHONE if len(real) >= len(TELEPHONE) else DIGITS)


def _digits(real: str, instead: str) -> str:
    """The same layout with other digits."""
    others = cycle(instead)
    return "".join(next(others) if sign.isdecimal() else sign for sign in real)


def _time(found: re.Match[str]) -> str:
    clock = ""
    if found["sep"]:
        fraction = "0" * (len(found["fraction"]) - 1) if found["fraction"] else ""
        seconds = ":00" + (f".{fraction}" if fraction else "") if found["seconds"] else ""
        clock = f"{found['sep']}09:30{seconds}{found['zone'] or ''}"
    return f"2026-03-02{clock}"


def _code(real: str) -> str:
    code = CODES[len(real)]
    return code.upper() if real.isupper() else code.replace("_", real[2]) if len(real) == 5 else code  # noqa: PLR2004 - pt_PT
