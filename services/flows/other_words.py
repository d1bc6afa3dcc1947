"""What people write who know another language: each with the word of this one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from services.flows.names import CALLS

_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_SIGNS = (
    (r"\?\?", "a default is written `{owner}.?{field}.orValue({rest})`"),
    (r"\?\.", "`?.` is written `.?`, as in `{owner}.?{field}.orValue(…)`"),
    (r"!==", "`!==` is written `!=`"),
    (r"===", "`===` is written `==`"),
    (r"<>", "`<>` is written `!=`"),
    (r"(?<![=!<>])=(?!=)", "one `=` compares nothing: write `==`"),
    (r"(?<![.\w])and\b", "`and` is written `&&`"),
    (r"(?<![.\w])or\b(?!\s*\()", "`or` is written `||`"),
    (r"(?<![.\w])not\s+in\b", "`x not in y` is written `!(x in y)`"),
    (r"(?<![.\w])is\s+not\b", "`is not` is written `!=`"),
    (r"(?<![.\w])is\b", "`is` is written `==`"),
    (r"(?<![.\w])not\b", "`not x` is written `!x`"),
    (r"(?<![.\w])(?:if|else|then)\b", "a choice is written `condition ? one : other`"),
    (r"`", 'a text stands in quotes, as in "Olá " + trigger.name'),
    ("[“”„‘’«»]", 'quotes are straight: "…"'),
    (r"\bNone\b|\bundefined\b|\bnil\b|\bNULL\b|\bNull\b", "{nothing}"),
    (r"\bTrue\b|\bTRUE\b", "`true` is written in small letters"),
    (r"\bFalse\b|\bFALSE\b", "`false` is written in small letters"),
    (r"[^\W\d_a-zA-Z]", "`{word}` has letters that names cannot have here: write it in brackets, as `{bracket}`"),
)  # fmt: skip
_FOUND = [(re.compile(pattern), told) for pattern, told in _SIGNS]
_NOTHING = (
    'what may be absent is asked for with `has({asked})`, an empty text with `{asked} == ""`: nothing is null here'
)
_CASES = re.compile(r"\b(AND|OR|NOT)\b")
FUNCTIONS: Mapping[str, str] = {
    "len": "`size(x)`",
    "length": "`x.size()`",
    "includes": "`x.contains(y)`",
    "indexof": "`x.indexOf(y)`",
    "tolowercase": "`x.lower()`",
    "lower": "`x.lower()`",
    "touppercase": "`x.upper()`",
    "upper": "`x.upper()`",
    "strip": "`x.trim()`",
    "str": "`string(x)`",
    "tostring": "`string(x)`",
    "float": "`double(x)`",
    "number": "`double(x)`",
    "parseint": "`int(x)`",
    "parsefloat": "`double(x)`",
    "now": "`event.time`, the moment of the event",
    "today": "`event.time`, the moment of the event",
    "isempty": '`x == ""`, or `x.size() == 0`',
    "coalesce": "`x.?field.orValue(…)`",
    "concat": "`x + y`",
    "slice": "`x.substring(from, to)`",
    "substr": "`x.substring(from, to)`",
    "startswith": "`x.startsWith(y)`",
    "endswith": "`x.endsWith(y)`",
    "find": "`x.exists(each, …)`, or the tool `list.filter`",
    "some": "`x.exists(each, …)`",
    "any": "`x.exists(each, …)`",
    "every": "`x.all(each, …)`",
}
"""Functions of other languages, in small letters, and what is written for them here."""
KEYS: Mapping[str, str] = {
    "also": "steps stand one below the other: write it as the next step, `- …`",
    "and": "a second condition stands in the same one: `${ a && b }`",
    "elif": "write `else:`, and in it a step with `if`",
    "elseif": "write `else:`, and in it a step with `if`",
    "else if": "write `else:`, and in it a step with `if`",
    "otherwise": "write `else:`",
    "else": "`else` belongs to the step with `if`: write it below `then`, without `- `",
    "then": "`then` belongs to the step with `if`: write it below `if`, without `- `",
    "when": "`when` belongs to the flow: of steps, write `- if: …` with `then:`",
    "foreach": "write `for_each`",
    "catch": "write `on_error:` with steps",
    "finally": "write it as the next step, `- …`",
}
"""Keys that people look for in a step, and what is written for them here."""


def in_expression(source: str) -> tuple[int, str] | None:
    """The first thing of another language in an expression: where it is, and what is written for it here."""
    plain = _TEXT.sub(lambda text: '"' + "_" * (len(text[0]) - 2) + '"', source)
    hits = [(match, told) for pattern, told in _FOUND for match in [pattern.search(plain)] if match is not None]
    if (capitals := _CASES.search(plain)) is not None:
        sign = {"AND": "&&", "OR": "||", "NOT": "!"}[capitals[1]]
        hits.append((capitals, f"`{capitals[1]}` is written `{sign}`"))
    if not hits:
        return None
    match, told = min(hits, key=lambda hit: hit[0].start())
    return _filled(source, match, told)


def _filled(source: str, match: re.Match[str], told: str) -> tuple[int, str]:
    before, after = source[: match.start()].rstrip(), source[match.end() :].strip()
    named = re.search(r"([\w.]*?)\.?([\w]+)$", before)
    owner, field = (named[1] or "trigger", named[2]) if named else ("trigger", "field")
    compared = re.search(r"([\w.]+)\s*[=!]=+$", before)
    if "{word}" in told:
        start = len(source[: match.start()]) - len(re.search(r"\w*$", source[: match.start()])[0])  # type: ignore[index]
        word = re.match(r"\w+", source[start:])[0]  # type: ignore[index]
        above = re.search(r"([\w.]+)\.$", source[:start])
        bracket = f'dyn({above[1]})["{word}"]' if above else f'dyn(trigger)["{word}"]'
        return start, told.format(word=word, bracket=bracket)
    if told == "{nothing}":
        return match.start(), nothing(compared[1] if compared else "trigger.name")
    return match.start(), told.replace("{owner}", owner).replace("{field}", field).replace("{rest}", after or "…")


def nothing(asked: str) -> str:
    """What is written where somebody compares with null."""
    return _NOTHING.replace("{asked}", asked)


def function(name: str) -> str | None:
    """What is written here for a function of another language; None for one that nobody knows."""
    meant = FUNCTIONS.get(name.lower())
    return meant if meant is not None and name not in CALLS else None


_HOLE = re.compile(r"(?<!\$)\{\{?\s*([A-Za-z_]\w*(?:\.[\w?]+)+)\s*\}?\}")
_BARE = re.compile(r"(?:\$|(?=trigger\.))([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)")
"""`$phone.e164`, `trigger.name`. `order.id` alone may well be a path of `json.pick`."""


def meant_expressions(text: str, roots: AbstractSet[str]) -> Iterator[str]:
    """The expressions that were meant in a text without `${ }`, by the names that they begin with."""
    bare = _BARE.fullmatch(text.strip())
    for found in [bare] if bare is not None else _HOLE.finditer(text):
        if found[1].split(".")[0] in roots:
            yield found[1]
