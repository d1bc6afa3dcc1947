"""YAML as a tree of values with locations. YAML 1.2: `on`, `yes` and `no` are text; only true and false are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.runtime.documents.bounds import TooLargeError, check_text, nodes
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.locations import Location, TextOrigin

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, truth value or null. `quoted` scalars are always text."""

    value: Plain
    location: Location
    origin: TextOrigin
    text: str
    quoted: bool
    span: tuple[int, int] = (0, 0)
    """Its first character in the file, and the one after its last: quotes count, anchors and tags do not."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Tree, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with values, in the order of the file. No key stands twice."""

    items: tuple[tuple[Scalar, Tree], ...]
    location: Location

    def get(self, name: str) -> Tree | None:
        """The value under a key."""
        return next((value for key, value in self.items if key.value == name), None)


Tree = Scalar | Sequence | Mapping


def read(file: str, text: str) -> tuple[list[Tree], list[Fault]]:
    """The documents of a YAML text. What cannot be read is a fault; never raises for any text."""
    faults: list[Fault] = []
    try:
        check_text(text)
    except TooLargeError as error:
        return [], [Fault(file, 1, 1, FaultCode.FILE_UNREADABLE, str(error))]
    documents: list[Tree] = []
    try:
        for node in nodes(text):
            documents.append(_Reader(file, text, faults).tree(node))  # noqa: PERF401 - keeps those before a fault
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        faults.append(Fault(file, line, col, FaultCode.YAML_INVALID, _explained(text, line, str(error.problem))))
    except (TooLargeError, RecursionError):
        faults.append(Fault(file, 1, 1, FaultCode.YAML_INVALID, str(TooLargeError.depth())))
    except (YAMLError, ValueError, AttributeError, KeyError, IndexError, TypeError, AssertionError) as error:
        # ruamel.yaml lets these through for some malformed texts; all mean the same to the author.
        faults.append(Fault(file, 1, 1, FaultCode.YAML_INVALID, f"not YAML: {' '.join(str(error).split())[:200]}"))
    return documents, faults


_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")  # an anchor, a tag
_HALF = re.compile("[\ud800-\udfff]")  # a lone surrogate, from an escape: UTF-8 has no such text
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Plain] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_LONGEST_NUMBER = 18  # digits: what a 64-bit number surely holds


def _resolve(text: str) -> Plain:
    """A plain scalar by YAML 1.2's core schema, without octal, hexadecimal, infinity: here those are text."""
    if text in _WORDS:
        return _WORDS[text]
    digits = text.lstrip("+-")
    if _INT.fullmatch(text) and len(digits) <= _LONGEST_NUMBER and (digits == "0" or not digits.startswith("0")):
        return int(text)
    if _FLOAT.fullmatch(text) and not _INT.fullmatch(text) and abs(number := float(text)) != float("inf"):
        return number
    return text


class _Reader:
    """Turns ruamel.yaml's nodes into ours."""

    def __init__(self, file: str, text: str, faults: list[Fault]) -> None:
        self.file = file
        self.text = text
        self.faults = faults

    def fault(self, location: Location, code: FaultCode, text: str) -> None:
        self.faults.append(Fault(self.file, location.line, location.col, code, text))

    def tree(self, node: Node) -> Tree:
        location = self.location(node)
        tag = str(node.tag)
        if not tag.startswith("tag:yaml.org,2002:"):
            self.fault(
                location,
                FaultCode.YAML_TRAP,
                f"YAML reads {tag!r} as a tag, not as text: put the value in quotes, and write conditions as ${{ !x }}",
            )
        if isinstance(node, MappingNode):
            return Mapping(tuple(self.pairs(node)), location)
        if isinstance(node, SequenceNode):
            return Sequence(tuple(self.tree(item) for item in node.value), location)
        return self.scalar(cast("ScalarNode", node), location)

    def location(self, node: Node) -> Location:
        """Where it begins. YAML places a value that is not there at whatever follows: it belongs behind its colon."""
        mark = node.start_mark
        if mark.index < node.end_mark.index:
            return Location(mark.line + 1, mark.column + 1)
        before = self.text[: mark.index].rstrip()
        return Location(before.count("\n") + 1, len(before) - before.rfind("\n"))

    def pairs(self, node: MappingNode) -> Iterator[tuple[Scalar, Tree]]:
        seen: dict[tuple[bool, Plain], Location] = {}  # `true` and 1 are equal in Python, and two keys here
        for key_node, value_node in node.value:
            key = self.tree(key_node)
            value = self.tree(value_node)
            if not isinstance(key, Scalar):
                text = 'a key must be a word, not a list or a map. An expression is written "${ … }", in quotes'
                self.fault(key.location, FaultCode.YAML_INVALID, text)
            elif (same := (isinstance(key.value, bool), key.value)) in seen:
                self.fault(
                    key.location,
                    FaultCode.KEY_DUPLICATE,
                    f"{key.text!r} stands here and in line {seen[same].line}: keep one",
                )
            else:
                seen[same] = key.location
                yield key, value

    def scalar(self, node: ScalarNode, location: Location) -> Scalar:
        text = str(node.value)
        quoted = node.style in ("'", '"', "|", ">")
        if (half := _HALF.search(text)) is not None:
            what = (
                f"the text holds {half.group()!r}, half of a character: write the character itself, or \\U and 8 digits"
            )
            self.fault(location, FaultCode.YAML_INVALID, what)
            text = _HALF.sub("\N{REPLACEMENT CHARACTER}", text)
        raw = self.text[node.start_mark.index : node.end_mark.index]
        value: Plain = text if quoted else _resolve(text)
        written = raw.rstrip()
        before = _PROPERTIES.match(written)
        start = node.start_mark.index + (before.end() if before else 0)
        span = (start, node.start_mark.index + len(written))
        return Scalar(value, location, _origin(node.style, raw, text, location), text, quoted, span)


def _origin(style: str | None, raw: str, text: str, location: Location) -> TextOrigin:
    """Where the characters of a scalar stand."""
    if style == "|":
        written, read_as = raw.split("\n")[1:], text.split("\n")
        lines = zip(written, read_as, strict=False)
        indent = next((len(line.rstrip()) - len(shown.rstrip()) for line, shown in lines if line.strip()), 0)
        return TextOrigin(tuple(Location(location.line + 1 + number, indent + 1) for number in range(len(read_as))))
    if style in ("'", '"') and raw[1:-1] == text:
        return TextOrigin((Location(location.line, location.col + 1),))
    if not style and raw == text:
        return TextOrigin((location,))
    return TextOrigin((location,), exact=False)


def _explained(text: str, line: int, problem: str) -> str:
    """What YAML complains about, and what it probably is in a flow."""
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\\t" in problem:
        return "a tab stands here: YAML takes spaces only"
    if "${" in here and "expected ',' or" in problem and "got '{'" in problem:
        return f'not YAML: {problem}. Inside {{ }} and [ ], an expression stands in quotes: "${{ … }}"'
    if "mapping values are not allowed" in problem:
        return f"not YAML: {problem}. A text with `: ` in it stands in quotes; and look at the indentation"
    return f"not YAML: {problem}"
