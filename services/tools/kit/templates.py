"""User templates (minijinja): strict about names, and ended by fuel that counts loops and the sizes of what is made."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import minijinja

from services.flows.catalogue import ToolError
from services.tools.kit.bounds import bounded

MAX_TEMPLATE = 20_000
FUEL = 1_000_000
CODE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")


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
    for code in CODE.findall(template):
        if "*" in QUOTED.sub("", code):
            raise ToolError(f"the template multiplies in {code.strip()[:60]!r}: calculate in an expression before it")
    try:
        text = environment(fuel).render_str(template, **values)
    except minijinja.TemplateError as error:
        raise ToolError(f"the template cannot be filled: {str(error).splitlines()[0]}") from None
    bounded(len(text), "text")
    return text
