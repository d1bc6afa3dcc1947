"""User templates (minijinja): strict about names, and ended by fuel that counts loops and the sizes of what is made.

What people read is told as people write: nothing for null, `true`, `12`; never `None`, `True`, `12.0`. minijinja tells
Python's words where a value is put out (hence the finalizer), and where a filter of text or `~` takes one (hence
template_values.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise
from typing import Any

import minijinja

from contracts.texts import one_text
from services.flows.catalogue import ToolError
from services.runtime.documents.suggestion import suggestion
from services.tools.toolkit.letter_cases import sentence, title
from services.tools.toolkit.size_bounds import bounded
from services.tools.toolkit.template_values import SHOWN, put_out, shown, shown_text, with_shown

MAX_TEMPLATE = 20_000
FUEL = 1_000_000
MAX_CODE = 2000
"""Signs and words of one code. minijinja's parser ends the process for 20,000 minus signs: its stack is full."""
OPEN = re.compile(r"\{[{%#]")
# A text (to its end, or to that of the template), an end of code, a name, or one sign.
TOKEN = re.compile(r"""\"(?:[^"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[-+]?%\}|\w+|\s+|.""", re.DOTALL)
# What is no code though it looks like it: to the end of the template where nothing ends it.
RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
RAW_END = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
COMMENT_END = re.compile("#}")


def codes(template: str) -> list[tuple[str, list[str]]]:
    """The template in parts: text, and the code behind it as tokens with its braces. One pass: linear."""
    found: list[tuple[str, list[str]]] = []
    at = 0
    while opened := OPEN.search(template, at):
        raw = RAW.match(template, opened.start())
        if raw is not None or opened[0] == "{#":
            end = (RAW_END if raw else COMMENT_END).search(template, opened.end())
            past = end.end() if end else len(template)
            found.append((template[at:past], []))
            at = past
            continue
        text, tokens, depth, at = template[at : opened.start()], [opened[0]], 0, opened.end()
        while token := TOKEN.match(template, at):
            at = token.end()
            tokens.append(token[0])
            depth += (token[0] == "{") - (token[0] == "}")
            if token[0].endswith("%}") or (opened[0] == "{{" and depth == -2):  # noqa: PLR2004 (two braces)
                break
        found.append((text, tokens))
    return [*found, (template[at:], [])]


def multiplies(template: str) -> bool:
    """Whether any code of the template has a `*` outside of texts."""
    return any("*" in tokens for _, tokens in codes(template))


@lru_cache(maxsize=256)
def prepared(template: str) -> str:
    """The template with `shown` where minijinja would tell a value in Python's words."""
    return "".join(text + with_shown(tokens) for text, tokens in codes(template))


def default(value: Any, other: Any = "", boolean: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 (Jinja's own)
    """Jinja's `default`; null counts as absent, as everywhere in flows."""
    return other if value is None or (boolean and not value) else value


@lru_cache(maxsize=8)
def environment(fuel: int) -> minijinja.Environment:
    """Where templates run. `debug` is taken away: it would show the engine's inside."""
    made = minijinja.Environment(
        undefined_behavior="strict",
        fuel=fuel,
        finalizer=put_out,
        filters={
            SHOWN: shown,
            "title": lambda value: title(shown_text(value)),
            "capitalize": lambda value: sentence(shown_text(value)),
            "upper": lambda value: one_text(one_text(shown_text(value)).upper()),
            "lower": lambda value: one_text(one_text(shown_text(value)).lower()),
            "string": shown_text,
            "default": default,
            "d": default,
        },
    )
    made.remove_global("debug")
    return made


def render(template: str, values: dict[str, Any], *, fuel: int = FUEL) -> str:
    """The template filled. Raises ToolError with what is wrong, and in which line of the template.

    `*` is refused: minijinja makes the whole list of `[1]*99999999` before its fuel ends it
    (https://github.com/mitsuhiko/minijinja/issues/924); flows calculate in `${ }`.
    """
    if any(len(tokens) > MAX_CODE for _, tokens in codes(template)):
        raise ToolError(f"the template has a code of more than {MAX_CODE:,} words and signs: make several of it")
    if multiplies(template):
        raise ToolError("the template multiplies with *: calculate in an expression, and give the template the result")
    try:
        text = environment(fuel).render_str(prepared(template), **values)
    except (
        minijinja.TemplateError,
        ToolError,
        TypeError,
        ValueError,
    ) as error:  # the last two: of our filters' arguments
        raise ToolError(f"the template cannot be filled: {str(error).splitlines()[0]}") from None
    bounded(len(text), "text")
    return text


def prove(template: str, names: Collection[str] | None = None) -> None:
    """Raise ToolError for a template that can never be filled, with values of these names only; None: of any."""
    try:
        used = environment(FUEL).undeclared_variables_in_str(prepared(template))
    except minijinja.TemplateError as error:
        raise ToolError(f"the template cannot be filled: {str(error).splitlines()[0]}") from None
    words = [token for _, tokens in codes(template) for token in tokens if token.strip()]
    for before, name in pairwise(words):
        if before == "|" and not _is_filter(name):
            raise ToolError(f"the template has a filter that is not there: {name!r}")
    if names is None or {"default", "d", "defined", "undefined"}.intersection(words):
        return
    known = {*names, *environment(FUEL).globals}
    unknown = next((name for name in sorted(used) if name not in known), None)
    if unknown is not None:
        raise ToolError(f"the template names {unknown!r}, which has no value: {suggestion(unknown, names)}")


@lru_cache(maxsize=256)
def _is_filter(name: str) -> bool:
    try:
        environment(FUEL).render_str("{{ '' | " + name + " }}")
    except minijinja.TemplateError as error:
        return "unknown filter" not in str(error)
    except Exception:  # noqa: BLE001 - it is there, and wants another value
        return True
    return True
