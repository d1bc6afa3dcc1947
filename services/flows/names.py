"""Which names a flow may give, and which are taken."""

from __future__ import annotations

import re

FLOW_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
STEP_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}")

# What every expression sees beside the names of steps.
TRIGGER = "trigger"
EVENT = "event"
ERRORS = "errors"
VARS = "vars"  # where the project declares some
ROOTS = frozenset({TRIGGER, EVENT, ERRORS})

# Keywords, reserved words and names of types and macros.
# Source: https://github.com/google/cel-spec/blob/v0.24.0/doc/langdef.md#syntax
_CEL = """
    as break const continue else false for function if import in let loop namespace null package return true var void
    while has all exists exists_one map filter bool bytes double duration dyn int list null_type optional string
    timestamp type uint cel math google base64 strings
"""
CEL_WORDS = frozenset(_CEL.split())

# What expressions can call: CEL's own functions and macros, and those of its extensions strings, optional, encoders.
_CALLS = """
    has all exists exists_one map filter size contains startsWith endsWith matches lowerAscii upperAscii trim split join
    replace substring charAt indexOf lastIndexOf format quote reverse string int uint double bool bytes dyn type
    duration timestamp getFullYear getMonth getDate getDayOfWeek getDayOfYear getHours getMinutes getSeconds orValue or
    value hasValue optMap optFlatMap
"""
CALLS = frozenset(_CALLS.split())


def id_fault(name: str) -> str | None:
    """Why a step cannot have this name, or None when it can."""
    if not STEP_NAME.fullmatch(name):
        return f"{name!r} is no name: use letters, digits and _, not beginning with a digit, such as `phone_2`"
    if name in ROOTS:
        return f"{name!r} is taken: every expression knows it already. Choose another name"
    if name in CEL_WORDS:
        return f"{name!r} is a word of the expression language: choose another name"
    return None
