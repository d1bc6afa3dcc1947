"""User templates (minijinja): strict about names, and ended by fuel that counts loops and the sizes of what is made."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import minijinja

from services.flows.catalogue import ToolError
from services.tools.toolkit.size_bounds import bounded

MAX_TEMPLATE = 20_000
FUEL = 1_000_000
OPEN = re.compile(r"\{[{%]")
# A text (to its end, or to that of the template), an end of code, braces, and the star.
TOKEN = re.compile(r"""\"(?:[^"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|%\}|[{}*]""", re.DOTALL)


def multiplies(template: str) -> bool:
    """Whether any code of the template has a `*` outside of texts. One pass: linear."""
    at = 0
    while opened := OPEN.search(template, at):
        at, depth = opened.end(), 0
        while token := TOKEN.search(template, at):
            at = token.end()
            if token[0] == "*":
                return True
            if token[0] == "{":
                depth += 1
            elif token[0] == "%}" or (token[0] == "}" and not depth):
                break
            elif token[0] == "}":
                depth -= 1
        else:
            return False
    return False


@lru_cache(maxsize=8)
def environment(fuel: int) -> minijinja.Environment:
    """Where templates run. `debug` is taken away: it would show the engine's inside."""
    made = minijinja.Environment(undefined_behavior="strict", fuel=fuel)
    made.remove_global("debug")
    return made


def render(template: str, values: dict[str, Any], *, fuel: int = FUEL) -> str:
    """The template filled. Raises ToolError with what is wrong, and in which line of the template.

    `*` is refused: minijinja makes the whole list of `[1]*99999999` before its fuel ends it
    (https://github.com/mitsuhiko/minijinja/issues/924); flows calculate in `${ }`.
    """
    if multiplies(template):
        raise ToolError("the template multiplies with *: calculate in an expression, and give the template the result")
    try:
        text = environment(fuel).render_str(template, **values)
    except minijinja.TemplateError as error:
        raise ToolError(f"the template cannot be filled: {str(error).splitlines()[0]}") from None
    bounded(len(text), "text")
    return text
