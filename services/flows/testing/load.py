"""Test files → suites with locations. Every mistake is a fault with its line and column; nothing raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.flows.testing.suite import Expected, ExpectedCall, GivenEvent, ScriptedAnswer, Suite, SuiteCase
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping, Scalar, Tree, read

_KEYS = sorted(
    {
        field.alias or name
        for model in (Suite, SuiteCase, GivenEvent, ScriptedAnswer, Expected, ExpectedCall)
        for name, field in model.model_fields.items()
    }
)


@dataclass(frozen=True, slots=True)
class SuiteSource:
    """A suite as it stands in a file: `lines[n]` is where its case n begins, which is case `numbers[n]` of the file."""

    file: str
    suite: Suite
    lines: tuple[int, ...]
    numbers: tuple[int, ...] = ()
    """Empty: all cases of the file."""


def read_suite(text: str, file: str) -> tuple[SuiteSource | None, list[Fault]]:
    """The suite of a test file, or what is wrong with it."""
    trees, faults = read(file, text)
    if faults:
        return None, faults
    if len(trees) != 1:
        what = "it is empty" if not trees else "it holds several documents"
        return None, [Fault(file, 1, 1, FaultCode.VALUE_INVALID, f"a test file is one map with `cases`: {what}")]
    tree = trees[0]
    content, lines = plain(tree), _places_of_cases(tree)
    try:
        return SuiteSource(file, Suite.model_validate(content), tuple(lines)), []
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
    faults = sorted(_fault(file, tree, tuple(each["loc"]), each["type"], each["msg"]) for each in wrong)
    return _without(content, lines, {each["loc"][:2] for each in wrong}, file), faults


def _without(content: Any, lines: Sequence[int], wrong: set[Any], file: str) -> SuiteSource | None:  # noqa: ANN401
    """The suite without its broken cases; None where more is broken than cases, or no other is left."""
    broken = {place[1] for place in wrong if len(place) > 1 and place[0] == "cases" and isinstance(place[1], int)}
    left = [number for number in range(len(lines)) if number not in broken]
    if len(broken) != len(wrong) or not left:
        return None
    suite = Suite.model_validate(content | {"cases": [content["cases"][number] for number in left]})
    return SuiteSource(file, suite, tuple(lines[number] for number in left), tuple(left))


def plain(tree: Tree) -> Any:  # noqa: ANN401 - JSON is anything
    """The values of a tree, without locations. Keys are texts, as in JSON."""
    if isinstance(tree, Mapping):
        return {key.text: plain(value) for key, value in tree.items}
    if isinstance(tree, Scalar):
        return tree.value
    return [plain(item) for item in tree.items]


def _fault(file: str, tree: Tree, path: Sequence[int | str], kind: str, message: str) -> Fault:
    location, reached = _location(tree, path)
    where = ".".join(str(part) for part in reached)
    if kind == "extra_forbidden":
        name = str(path[-1])
        text = f"a test file has no key {name!r} here: {suggestion(name, _KEYS)}"
        return Fault(file, location.line, location.col, FaultCode.KEY_UNKNOWN, text)
    if kind == "missing":
        return Fault(
            file, location.line, location.col, FaultCode.KEY_MISSING, f"{where or 'a test file'} needs `{path[-1]}`"
        )
    what = message.removeprefix("Value error, ")
    return Fault(
        file, location.line, location.col, FaultCode.VALUE_INVALID, f"`{path[-1] if path else 'the file'}`: {what}"
    )


def _location(tree: Tree, path: Sequence[int | str]) -> tuple[Location, list[int | str]]:
    """Where the thing at a path stands, or the last thing on the way that is there."""
    location = tree.location
    reached: list[int | str] = []
    for part in path:
        if isinstance(tree, Mapping):
            found = next(((key, value) for key, value in tree.items if key.text == str(part)), None)
            if found is None:
                continue  # pydantic names the kind of value here, not a key
            location, tree = found[0].location, found[1]
        elif not isinstance(tree, Scalar) and isinstance(part, int) and part < len(tree.items):
            tree = tree.items[part]
            location = tree.location
        else:
            continue
        reached.append(part)
    return location, reached


def _places_of_cases(tree: Tree) -> list[int]:
    cases = tree.get("cases") if isinstance(tree, Mapping) else None
    if cases is None or isinstance(cases, Scalar | Mapping):
        return []
    return [case.location.line for case in cases.items]
