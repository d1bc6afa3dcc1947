"""A null counts as absent in `has()` and `.?`, at any depth: the tree of an expression, with that said in it.

CEL has a null for a value: `has(crm.json.next)` is true of `{"next": null}`, and `crm.json.?next.?page` fails there. So
before it is evaluated

    has(a.b.c)      becomes  a.?b.?c.hasValue()
    a.b.?c          becomes  a.?b.?c

and so for elements, where each `.?` gives nothing for a null. What is read without `has()` or `.?` is as it was: flows
compare with null.
"""

from __future__ import annotations

import re

from google.protobuf.message import DecodeError

from services.flows.cel_tree import (
    OPTIONAL_SELECT,
    DepthError,
    Expr,
    bound,
    checked_of,
    every_part,
    new_part,
    serialized,
)

_ASKS = re.compile(r"\bhas\s*\(|\.\s*\?|\[\s*\?")
_INDEX, _OPTIONAL_INDEX = "_[_]", "_[?_]"
_NAME = "@given"


def with_nulls_absent(source: str, tree: bytes) -> bytes:
    """The serialized tree of a source, with this rule in it."""
    if not _ASKS.search(source):
        return tree
    try:
        checked = checked_of(tree)
        _Rule(checked.expr).apply()
        changed = serialized(checked)
        checked_of(changed)
    except (DepthError, DecodeError):
        return tree  # what was deployed goes on as it was
    return changed


class _Rule:
    """Of one tree."""

    def __init__(self, root: Expr) -> None:
        self._parts = list(every_part(root))
        self._last_id: int = max(part.id for part in self._parts)
        self._inner = frozenset(name for part in self._parts for name in bound(part)[0])

    def apply(self) -> None:
        """Change all that asks, the innermost first."""
        for part in reversed(self._parts):
            kind = part.WhichOneof("kind")
            if kind == "select" and part.select.test_only and not self._is_variable(part.select.operand):
                self._test(part)
            elif kind == "call" and part.call.function in (OPTIONAL_SELECT, _OPTIONAL_INDEX):
                self._lenient(part.call.args[0])
                if part.call.function == _OPTIONAL_INDEX or not self._is_variable(part.call.args[0]):
                    self._drop_null(part)

    def _is_variable(self, expr: Expr) -> bool:
        """A name of the run. Its own fields that are null are left out before an expression sees them."""
        return bool(expr.WhichOneof("kind") == "ident") and expr.ident.name not in self._inner

    def _test(self, part: Expr) -> None:
        """`has(a.b.c)`."""
        chosen = self._new()
        chosen.CopyFrom(part)
        chosen.select.test_only = False
        self._lenient(chosen)
        part.call.Clear()  # in place of the select
        part.call.function = "hasValue"
        part.call.target.CopyFrom(chosen)

    def _lenient(self, part: Expr) -> None:
        """`a.b.c` as `a.?b.?c`: what is not there on the way is absent, as what is not there at its end."""
        if part.WhichOneof("kind") == "call" and part.call.function == _INDEX:
            self._lenient(part.call.args[0])
            part.call.function = _OPTIONAL_INDEX
            self._drop_null(part)
            return
        if part.WhichOneof("kind") != "select" or part.select.test_only:
            return
        operand, field = self._new(), self._new()
        operand.CopyFrom(part.select.operand)
        field.constant.string = part.select.field
        of_variable = self._is_variable(operand)
        self._lenient(operand)
        part.call.Clear()
        part.call.function = OPTIONAL_SELECT
        part.call.args.extend([operand, field])
        if not of_variable:
            self._drop_null(part)

    def _drop_null(self, part: Expr) -> None:
        """`part` as `cel.bind(x, part, x.hasValue() && x.value() == null ? optional.none() : x)`."""
        inner = self._new()
        inner.CopyFrom(part)
        inner.id = self._id()
        part.comprehension.Clear()
        bind = part.comprehension
        bind.iter_var, bind.accu_var = "#unused", _NAME
        bind.iter_range.CopyFrom(self._new())
        bind.iter_range.list.SetInParent()
        bind.accu_init.CopyFrom(inner)
        bind.loop_condition.CopyFrom(self._new())
        bind.loop_condition.constant.bool = False
        bind.loop_step.CopyFrom(self._name())
        null = self._new()
        null.constant.null = 0
        nothing = self._call("_&&_", self._member("hasValue"), self._call("_==_", self._member("value"), null))
        bind.result.CopyFrom(self._call("_?_:_", nothing, self._call("optional.none"), self._name()))

    def _call(self, function: str, *arguments: Expr) -> Expr:
        made = self._new()
        made.call.function = function
        made.call.args.extend(arguments)
        return made

    def _member(self, function: str) -> Expr:
        made = self._call(function)
        made.call.target.CopyFrom(self._name())
        return made

    def _name(self) -> Expr:
        made = self._new()
        made.ident.name = _NAME
        return made

    def _new(self) -> Expr:
        return new_part(self._id())

    def _id(self) -> int:
        self._last_id += 1
        return self._last_id
