"""YAML tree → words and values with the expressions in them."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as Translation
from types import MappingProxyType

from services.flows.durations import DurationError, parse_duration
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value, Word
from services.flows.templates import Hole, TemplateError, split
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import nearest, suggestion
from services.runtime.documents.yaml_tree import Mapping, Scalar, Sequence, Tree

LONGEST_EXPRESSION = 4000


class Values:
    """Reads the small parts of a document. Methods return None (or nothing) where they reported a fault."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, location: Location, code: FaultCode, text: str) -> None:
        """Report a fault of this file."""
        self.faults.append(Fault(self.file, location.line, location.col, code, text))

    def keys(
        self,
        tree: Mapping,
        what: str,
        known: tuple[str, ...],
        *,
        required: tuple[str, ...] = (),
        ignored: Collection[str] = (),
        others: Translation[str, str] = MappingProxyType({}),
    ) -> dict[str, Tree]:
        """Values by key. A key that is nearly a known one is reported, and taken as the known one.

        `others`: keys of other languages, in small letters, each with what is written for it here.
        """
        present = {str(key.value) for key, _ in tree.items}
        found: dict[str, Tree] = {}
        for key, value in tree.items:
            name = str(key.value)
            if key.value is True and "on" in known:
                self.fault(key.location, FaultCode.YAML_TRAP, "a tool for YAML 1.1 wrote `true` for `on`: write `on:`")
                name = "on"
            elif name not in known:
                if name not in ignored:
                    other = others.get(name.lower())
                    text = f"{what} has no key {name!r}: {other or suggestion(name, known)}"
                    self.fault(key.location, FaultCode.KEY_UNKNOWN, text)
                    if other is not None:
                        continue
                meant = nearest(name, known)
                if meant is None or meant in present:
                    continue
                name = meant
            found.setdefault(name, value)
        for name in required:
            if name not in found:
                self.fault(tree.location, FaultCode.KEY_MISSING, f"{what} needs `{name}`")
        return found

    def word(self, tree: Tree | None, what: str) -> Word | None:
        """A name. Absent ones were reported where the key is required."""
        if tree is None:
            return None
        if not isinstance(tree, Scalar) or not isinstance(tree.value, str) or not tree.value.strip():
            self.fault(tree.location, FaultCode.VALUE_INVALID, f"here stands {what}, a text")
            return None
        if "${" in tree.value:
            self.fault(tree.location, FaultCode.VALUE_INVALID, f"here stands {what}: it is fixed, not an expression")
            return None
        return Word(tree.value.strip(), tree.location)

    def value(self, tree: Tree) -> Value:
        """A value with the expressions in it."""
        if isinstance(tree, Sequence):
            return ListOf(tuple(self.value(item) for item in tree.items), tree.location)
        if isinstance(tree, Mapping):
            return MapOf(tuple(self.entries(tree)), tree.location)
        if isinstance(tree.value, str) and "${" in tree.value:
            return self.template(tree, tree.value)
        return Constant(tree.value, tree.location)

    def entries(self, tree: Mapping) -> list[tuple[Word, Value]]:
        """The values of a map by their keys, which are texts."""
        found: list[tuple[Word, Value]] = []
        for key, item in tree.items:
            if isinstance(key.value, str):
                found.append((Word(key.value, key.location), self.value(item)))
            else:
                self.fault(
                    key.location, FaultCode.YAML_TRAP, f'YAML reads the key {key.text!r} as no text: write "{key.text}"'
                )
        return found

    def template(self, tree: Scalar, text: str) -> Value:
        """A text with holes: one expression, if it is all there is; else a text that is put together."""
        try:
            parts = split(text)
        except TemplateError as error:
            location = tree.origin.part(text, error.at, error.at).start
            self.fault(location, FaultCode.EXPRESSION_INVALID, str(error))
            return Constant("", tree.location)
        made = [self.expression(tree, text, part) if isinstance(part, Hole) else part for part in parts]
        around = [part for part in made if not (isinstance(part, str) and not part.strip())]
        if len(around) == 1 and isinstance(around[0], Expression):
            return around[0]
        if all(isinstance(part, str) for part in made):
            return Constant("".join(str(part) for part in made), tree.location)
        return Template(tuple(made), tree.location)

    def expression(self, tree: Scalar, text: str, hole: Hole) -> Expression:
        """What stands in a hole, with the location of each of its characters."""
        origin = tree.origin.part(text, hole.start, hole.end)
        if not hole.source:
            self.fault(origin.start, FaultCode.EXPRESSION_INVALID, "there is no expression between `${` and `}`")
        elif len(hole.source) > LONGEST_EXPRESSION:
            self.fault(
                origin.start,
                FaultCode.EXPRESSION_INVALID,
                f"this expression is over {LONGEST_EXPRESSION} characters: use steps with `set`",
            )
        return Expression(hole.source, origin)

    def duration(self, tree: Tree | None, name: str) -> float | None:
        """A duration in seconds."""
        if tree is None:
            return None
        if not isinstance(tree, Scalar):
            self.fault(tree.location, FaultCode.DURATION_INVALID, f"`{name}` is a duration, such as 30s or 2h")
            return None
        try:
            return parse_duration(tree.text)
        except DurationError as error:
            self.fault(tree.location, FaultCode.DURATION_INVALID, f"`{name}`: {error}")
            return None
