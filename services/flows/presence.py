"""Which values are surely there. Reading one that may be absent is a fault, unless `has()` or a default guards it.

A fact is a key such as `phone` (the step ran), `trigger.contact.email` (the field is there), `errors.crm` (the step
failed) or `?crm` (the step was tried: it ran or it failed).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from services.flows.cel_tree import OPTIONAL_SELECT, Expr, Tree, bound, children
from services.flows.logic import UNSURE, Atom, Both, Fixed, Formula, Not, Truth, either, verdict
from services.flows.names import ERRORS
from services.flows.shapes import Field, Kind, Shapes
from services.flows.types import TypedEnvironments
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion

Facts = frozenset[str]
NOTHING: Facts = frozenset()
FILLED = "!"
"""Behind a key: that text is not empty."""
_SAME_LENGTH = frozenset({"trim", "lower", "upper", "lowerAscii", "upperAscii"})
"""What is not empty after these was not empty before."""
Report = Callable[[tuple[int, int], FaultCode, str], None]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a flow: where steps and variables stand, and which steps can fail without ending the run."""

    steps: Mapping[str, Location]
    variables: Mapping[str, Location]
    survivable: frozenset[str]


@dataclass(frozen=True, slots=True)
class PresenceState:
    """What is known at one point of a flow. `may`: what can have run; `reachable`: whether a run can come here.

    `waited_seconds`: how long a run has waited at least when it comes here.
    """

    facts: Facts = NOTHING
    may: frozenset[str] = frozenset()
    reachable: bool = True
    truths: tuple[Truth, ...] = ()
    waited_seconds: float = 0.0

    def with_facts(self, facts: Facts) -> PresenceState:
        """This, and these facts."""
        return replace(self, facts=self.facts | facts)

    def with_truth(self, truth: Truth) -> PresenceState:
        """This, where a condition holds."""
        return self if truth.formula == UNSURE else replace(self, truths=(*self.truths, truth))

    def changed(self, names: Collection[str]) -> PresenceState:
        """This, where these names can have other values than were known: what a loop gives again and again."""
        kept = frozenset(fact for fact in self.facts if fact in names or _root(fact) not in names)
        truths = self.truths
        for name in (*names, ERRORS):
            truths = without(truths, name)
        return replace(self, facts=kept, truths=truths)

    def without(self, names: Collection[str]) -> PresenceState:
        """This, where these names have no value any more."""
        state = self.changed(names)
        return replace(state, facts=state.facts - frozenset(names), may=state.may - frozenset(names))

    def done(self, name: str) -> PresenceState:
        """This, after a step or a `set` gave `name` a value: what was known of its old fields is forgotten."""
        kept = frozenset(fact for fact in self.facts if not fact.startswith((f"{name}.", f"{name}[")))
        return replace(self, facts=kept | {name}, may=self.may | {name}, truths=without(self.truths, name))


def _root(fact: str) -> str:
    """The step or variable that a fact is about."""
    head, *rest = fact.lstrip("?").split("[")[0].split(".")
    return rest[0] if head == ERRORS and rest else head


def without(truths: tuple[Truth, ...], name: str) -> tuple[Truth, ...]:
    """The truths that do not speak of a name."""
    return tuple(truth for truth in truths if name not in truth.roots)


def join(ways: list[PresenceState]) -> PresenceState:
    """What is known where ways meet again."""
    open_ways = [way for way in ways if way.reachable]
    may = frozenset().union(*(way.may for way in ways))
    if not open_ways:
        return replace(ways[0], may=may, reachable=False)
    truths = tuple(truth for truth in open_ways[0].truths if all(truth in way.truths for way in open_ways[1:]))
    facts = frozenset.intersection(*(way.facts for way in open_ways))
    return PresenceState(facts, may, truths=truths, waited_seconds=min(way.waited_seconds for way in open_ways))


def key_of(expr: Expr) -> str | None:
    """The fact that says that this part is there; None for what has no name."""
    kind = expr.WhichOneof("kind")
    if kind == "ident":
        return str(expr.ident.name)
    if kind == "select" and not expr.select.test_only:
        inner = key_of(expr.select.operand)
        return inner and f"{inner}.{expr.select.field}"
    if kind == "call" and expr.call.function == "_[_]" and expr.call.args[1].WhichOneof("kind") == "constant":
        inner = key_of(expr.call.args[0])
        constant = expr.call.args[1].constant
        return inner and f"{inner}[{getattr(constant, constant.WhichOneof('kind'))!r}]"
    return None


class Presence:
    """Walks one expression."""

    def __init__(
        self, tree: Tree, types: TypedEnvironments, names: Names, state: PresenceState, report: Report
    ) -> None:
        self.tree = tree
        self.types = types
        self.shapes: Shapes = types.shapes
        self.names = names
        self.state = state
        self.report = report
        self.unasked: dict[int, str] = {}
        """Parts that are empty where what stands here is false, and it was not asked."""
        self.filled: set[int] = set()
        """Parts that are texts, and not empty, by what was asked before."""
        self._inside: list[Formula] = []
        """What holds where the walk is, by the conditions around it."""

    def facts(self) -> tuple[Facts, Facts]:
        """The facts that hold when the expression is true, and when it is false. Reports what may be absent."""
        return self.visit(self.tree.root, self.state.facts)

    def visit(self, expr: Expr, facts: Facts) -> tuple[Facts, Facts]:
        """The facts of a part; reports what it reads that may be absent."""
        kind = expr.WhichOneof("kind")
        if facts and (key := _named(expr)) is not None and f"{key}.{FILLED}" in facts:
            self.filled.add(expr.id)
        if kind == "call":
            return self.call(expr, facts)
        if kind == "select":
            return self.select(expr, facts)
        if kind == "ident":
            self.name(expr, facts, field=None)
            return NOTHING, NOTHING
        for child in children(expr):
            self.visit(child, facts)
        names, inner = bound(expr)
        if names:
            below = self.hidden(names)
            visible = frozenset(fact for fact in facts if fact.split(".")[0].split("[")[0] not in names) | names
            for child in inner:
                below.visit(child, visible)
        return NOTHING, NOTHING

    def hidden(self, names: frozenset[str]) -> Presence:
        """This, inside a comprehension that binds `names`: they are no steps there."""
        steps = {name: location for name, location in self.names.steps.items() if name not in names}
        variables = {name: location for name, location in self.names.variables.items() if name not in names}
        inner = Names(steps, variables, self.names.survivable)
        below = Presence(self.tree, self.types, inner, self.state, self.report)
        below.unasked, below.filled = self.unasked, self.filled
        return below

    def call(self, expr: Expr, facts: Facts) -> tuple[Facts, Facts]:
        """Logic passes facts on; everything else only reads."""
        name, args = expr.call.function, expr.call.args
        if name == "!_":
            true, false = self.visit(args[0], facts)
            return false, true
        if name == "_&&_":
            left = self.visit(args[0], facts)
            right = self.where(_condition(args[0]), args[1], facts | left[0])
            return left[0] | right[0], left[1] & right[1]
        if name == "_||_":
            left = self.visit(args[0], facts)
            right = self.where(Not(_condition(args[0])), args[1], facts | left[1])
            return left[0] & right[0], left[1] | right[1]
        if name == "_?_:_":
            condition = self.visit(args[0], facts)
            then = self.where(_condition(args[0]), args[1], facts | condition[0])
            otherwise = self.where(Not(_condition(args[0])), args[2], facts | condition[1])
            return then[0] & otherwise[0], then[1] & otherwise[1]
        if name == OPTIONAL_SELECT:
            self.ask(expr, args[0], args[1].constant.string, facts)
        if name == OPTIONAL_SELECT and args[0].WhichOneof("kind") == "ident":
            # A step that did not run is an empty map: `phone.?e164` is then an empty optional.
            self.name(args[0], facts, field=args[1].constant.string, guarded=True)
            return NOTHING, NOTHING
        for child in children(expr):
            self.visit(child, facts)
        if name == "_[_]" and (field := _text(args[1])) is not None:
            self.sparse(expr, args[0], field, facts)
        return self.compared(name, args)

    def sparse(self, expr: Expr, operand: Expr, field: str, facts: Facts) -> None:
        """`a["b"]` of a map whose keys can be absent."""
        inner = key_of(operand)
        if self.maybe(operand, field) and facts.isdisjoint({f"{inner}.{field}", f"{inner}[{field!r}]"}):
            self.absent(expr, inner and f"{inner}.{field}", field)

    def compared(self, name: str, args: Sequence[Expr]) -> tuple[Facts, Facts]:
        """What a comparison with texts says: that a text is not empty, and so what is empty together with it is not."""
        if name in ("_==_", "_!=_"):
            for subject, other in ((args[0], args[1]), (args[1], args[0])):
                if (text := _text(other)) is not None:
                    said = self.not_empty(subject)
                    if name == "_!=_":
                        return (NOTHING, said) if text else (said, NOTHING)
                    return (said, NOTHING) if text else (NOTHING, said)
        if name == "@in" and args[1].WhichOneof("kind") == "list":
            texts = [_text(each) for each in args[1].list.elements]
            return (self.not_empty(args[0]), NOTHING) if texts and all(texts) else (NOTHING, NOTHING)
        if name in ("_>_", "_>=_", "_<_", "_<=_"):
            one, least = args if name in ("_>_", "_>=_") else reversed(args)
            enough = least.WhichOneof("kind") == "constant" and least.constant.int64 >= (name in ("_>=_", "_<=_"))
            if enough and one.WhichOneof("kind") == "call" and one.call.function == "size":
                return self.not_empty(one.call.target if one.call.HasField("target") else one.call.args[0]), NOTHING
        return NOTHING, NOTHING

    def where(self, formula: Formula, expr: Expr, facts: Facts) -> tuple[Facts, Facts]:
        """As `visit`, of a part that counts only where this holds."""
        self._inside.append(formula)
        try:
            return self.visit(expr, facts)
        finally:
            self._inside.pop()

    def _truths(self) -> list[Truth]:
        """What is known here, by the conditions before the expression and by those around this part of it."""
        here: Formula = Fixed(value=True)
        for each in self._inside:
            here = Both(here, each)
        before = [replace(truth, formula=Both(truth.formula, here)) for truth in self.state.truths]
        return [*before, Truth(here, 0, NOTHING)]

    def not_empty(self, expr: Expr) -> Facts:
        """What follows from it that this text is not empty."""
        said: Facts = NOTHING
        while (key := _named(expr)) is not None:
            if self.types.shape(self.tree.type_of(expr)).kind not in (Kind.TEXT, Kind.ANY):
                return NOTHING
            said |= {f"{key}.{FILLED}"}
            if expr.WhichOneof("kind") != "call" or expr.call.function not in _SAME_LENGTH:
                break
            expr = expr.call.target
        if expr.WhichOneof("kind") == "select" and (field := self.field(expr.select.operand, expr.select.field)):
            inner = key_of(expr.select.operand)
            said |= self.given_by(expr.select.operand, field.given_when, inner) if field.given_when else NOTHING
        return said

    def ask(self, expr: Expr, operand: Expr, name: str, facts: Facts) -> None:
        """A field is read: note whether it is empty unless something was asked. Reports what is known to be empty."""
        field = self.field(operand, name)
        if field is None or not (field.given_when or field.blank) or field.maybe:
            return
        inner = key_of(operand)
        if field.blank:
            if f"{inner}.{name}.{FILLED}" not in facts:
                self.unasked[expr.id] = f'{inner or "…"}.{name} != ""'
            return
        if f"{inner}.{name}" in facts:
            return
        condition = f"{inner or '…'}.{field.given_when}"
        found = verdict(Atom(condition), self._truths()) if inner else None
        if found is not None and found.value:
            return
        self.unasked[expr.id] = condition
        if found is not None:
            lines = " and ".join(str(line) for line in found.lines if line)
            why = f", by the condition in line {lines}" if lines else ""
            text = f"`{inner}.{name}` is empty here: `{condition}` is false{why}"
            self.report(self.tree.location(expr), FaultCode.FIELD_MAY_BE_ABSENT, text)

    def select(self, expr: Expr, facts: Facts) -> tuple[Facts, Facts]:
        """`a.b`, and `has(a.b)`."""
        operand, field, test = expr.select.operand, expr.select.field, expr.select.test_only
        if operand.WhichOneof("kind") == "ident":
            self.name(operand, facts, field=field, guarded=test)
        else:
            self.visit(operand, facts)
        inner = key_of(operand)
        key = inner and f"{inner}.{field}"
        if test:
            return self.tested(inner, key)
        self.ask(expr, operand, field, facts)
        found = self.given_by(operand, field, inner)
        if inner == ERRORS:
            self.error_of(expr, field, facts)
        elif self.maybe(operand, field) and key not in facts:
            self.absent(expr, key, field)
        return found, NOTHING

    def absent(self, expr: Expr, key: str | None, field: str) -> None:
        """Report a field that is read and can be absent."""
        written = key or f"….{field}"
        self.report(
            self.tree.location(expr),
            FaultCode.FIELD_MAY_BE_ABSENT,
            f"`{written}` can be absent: ask `has({written})` first, or give a default:"
            f' `{_optional(written)}.orValue("")`',
        )

    def given_by(self, operand: Expr, field: str, inner: str | None) -> Facts:
        """What is there when this field is true: `parsed.valid` says that `parsed.value` is."""
        shape = self.types.shape(self.tree.type_of(operand))
        if inner is None or shape.kind is not Kind.OBJECT:
            return NOTHING
        fields = self.shapes.fields(shape)
        return frozenset(f"{inner}.{name}" for name, each in fields.items() if each.given_when == field)

    def tested(self, inner: str | None, key: str | None) -> tuple[Facts, Facts]:
        """What `has(inner.field)` says."""
        if inner is None or key is None:
            return NOTHING, NOTHING
        there = frozenset({inner, key})
        root, _, field = key.partition(".")
        if root == ERRORS and f"?{field}" in self.state.facts:
            return there, frozenset({field})
        return there, NOTHING

    def certain(self, test: Expr) -> bool | None:
        """Whether a `has(…)` can only be true, or only be false; None where it can be both."""
        operand, field = test.select.operand, test.select.field
        if operand.WhichOneof("kind") == "ident":
            root = operand.ident.name
            if root == ERRORS:
                return True if f"{ERRORS}.{field}" in self.state.facts else self.never_fails(field)
            if (root in self.names.steps or root in self.names.variables) and root not in self.state.facts:
                return None
        shape = self.types.shape(self.tree.type_of(operand))
        known = self.shapes.fields(shape).get(field) if shape.kind is Kind.OBJECT else None
        if known is None or known.maybe or known.shape.kind in (Kind.ANY, Kind.NULL, Kind.UNION):
            return None
        return True

    def never_fails(self, step: str) -> bool | None:
        """False (no error is held) for a step whose failure ends the run, and for one that comes later."""
        held = step in self.names.survivable and step in self.state.may
        return False if step in self.names.steps and not held else None

    def field(self, operand: Expr, name: str) -> Field | None:
        """What is known of a field of an object, or of one that may be absent."""
        shape = self.types.shape(self.tree.type_of(operand))
        if shape.kind is Kind.OPTIONAL and shape.item is not None:
            shape = shape.item
        return self.shapes.fields(shape).get(name) if shape.kind is Kind.OBJECT else None

    def maybe(self, operand: Expr, field: str) -> bool:
        """Whether a field can be absent although its owner is there."""
        if operand.WhichOneof("kind") == "select" and not operand.select.test_only:
            owner = self.field(operand.select.operand, operand.select.field)
            if owner is not None and owner.sparse:
                return True
        known = self.field(operand, field)
        return known is not None and known.maybe

    def error_of(self, expr: Expr, step: str, facts: Facts) -> None:
        """`errors.crm`, read without `has()`."""
        if step not in self.names.survivable:
            self.report(
                self.tree.location(expr),
                FaultCode.FIELD_UNKNOWN,
                f"`errors` never holds {step!r}: it holds steps with an `id` and `on_error: continue` or steps;"
                f" {suggestion(step, self.names.survivable)}",
            )
        elif f"{ERRORS}.{step}" not in facts:
            self.report(
                self.tree.location(expr),
                FaultCode.FIELD_MAY_BE_ABSENT,
                f"`{step}` may not have failed here: ask `has(errors.{step})` first",
            )

    def name(self, expr: Expr, facts: Facts, *, field: str | None, guarded: bool = False) -> None:
        """A variable is read. `guarded`: by has() or `.?`, for which it is enough that it can have run."""
        name = expr.ident.name
        given = self.names.steps.get(name) or self.names.variables.get(name)
        if given is None or name in facts:
            return
        at = self.tree.location(expr)
        if name not in self.state.may:
            self.report(
                at,
                FaultCode.STEP_NOT_RUN,
                f"`{name}` has no value here: it gets it in line {given.line}, which does not come before. Move one",
            )
        elif name in self.names.variables and not guarded:
            self.report(
                at,
                FaultCode.STEP_MAY_NOT_HAVE_RUN,
                f"`{name}` may have no value here: it is set in line {given.line}, on one way only. Set it before, too",
            )
        elif not guarded:
            shown = field or "…"
            self.report(
                at,
                FaultCode.STEP_MAY_NOT_HAVE_RUN,
                f"`{name}` (line {given.line}) may not have run, or failed, here: ask `has({name}.{shown})` first, or"
                f' give a default: `{name}.?{shown}.orValue("")`',
            )


def _named(expr: Expr) -> str | None:
    """One text for the same part, also for `trigger.name.trim()`: of a part with a name, and constants beside it."""
    if expr.WhichOneof("kind") != "call" or not expr.call.HasField("target"):
        return key_of(expr)
    inner, constants = _named(expr.call.target), [each.constant for each in expr.call.args]
    if inner is None or any(each.WhichOneof("kind") != "constant" for each in expr.call.args):
        return None
    return f"{inner}.{expr.call.function}({', '.join(str(each).strip() for each in constants)})"


def _condition(expr: Expr) -> Formula:
    """What of a condition is made of names: `phone.valid && !mail.valid`."""
    if (key := key_of(expr)) is not None:
        return Atom(key)
    if expr.WhichOneof("kind") == "call":
        parts = [_condition(each) for each in expr.call.args]
        if expr.call.function == "!_":
            return Not(parts[0])
        if expr.call.function in ("_&&_", "_||_"):
            return Both(*parts) if expr.call.function == "_&&_" else either(*parts)
    return UNSURE


def _text(expr: Expr) -> str | None:
    """A text that stands there."""
    constant = expr.WhichOneof("kind") == "constant" and expr.constant.WhichOneof("kind") == "string"
    return str(expr.constant.string) if constant else None


def _optional(written: str) -> str:
    head, _, last = written.rpartition(".")
    return f"{head}.?{last}"
