"""The eight kinds of mistakes that people make in a flow. Each is a change of one that is right."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.mutants.documents import (
    REFERENCE,
    Document,
    Path_,
    at,
    component,
    expressions,
    given_by,
    in_words,
    inputs,
    kind_of,
    lists_of_steps,
    places,
    put,
    schema_of,
    steps,
    without,
)

DURATION = re.compile(r"(\d+)(ms|[smhdw])")
WHOLE = re.compile(r"\$\{\s*(.*?)\s*\}", re.DOTALL)
MOST_FIELDS = 2


@dataclass(frozen=True)
class Mistake:
    """A flow with one mistake in it. `what`: where it is, and what was made of it."""

    document: Document
    kind: str
    what: str
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The same each time."""
        return f"{self.document.name}: {self.kind}: {self.what}"


Made = Iterator[tuple[str, dict[str, Any]]]


def _changed(document: Document, path: Path_, value: Any) -> tuple[str, dict[str, Any]]:
    return f"{in_words(path)} = {value!r}", put(document.data, path, value)


def types(document: Document) -> Made:
    """A value of another type: the field beside it, a number as text, a text as list."""
    known = given_by(document)
    for each in inputs(document):
        kind = kind_of(each.schema)
        if not kind:
            continue  # it takes anything
        value = each.value
        for reference in REFERENCE.finditer(value) if isinstance(value, str) and "${" in value else ():
            fields = known.get(reference[1], {})
            others = [name for name, other in fields.items() if not _goes(other, kind, fields.get(reference[2]))]
            for name in _different(others, fields)[:MOST_FIELDS]:
                yield _changed(document, each.path, _spliced(value, reference.start(2), reference.end(2), name))
        if isinstance(value, bool) or kind in ("integer", "number"):
            yield _changed(document, each.path, "often")
        if kind == "array":
            yield _changed(document, each.path, "${ {'a': 1} }")
        if isinstance(value, str):
            yield _changed(document, each.path, [value])
            yield _changed(document, each.path, {"value": value})
        if kind in ("object", "array"):
            yield _changed(document, each.path, 7)
    for path, text in expressions(document.data):
        for found in re.finditer(r"(==|!=|<=?|>=?) (\d[\d.]*)", text):
            yield _changed(document, path, _spliced(text, found.start(2), found.end(2), f'"{found[2]}"'))
        for found in re.finditer(r'(==|!=) "([^"]*)"', text):
            yield _changed(document, path, _spliced(text, found.start(2) - 1, found.end(2) + 1, "0"))


JSON_TYPES = frozenset({"", "boolean", "integer", "number", "array", "object"})


def _goes(other: str, kind: str, own: str | None) -> bool:
    """Whether a field of another kind is right there too: what is no plain text is a text all the same."""
    return other in (kind, own) or (kind == "string" and own != "" and other not in JSON_TYPES)


def _different(names: list[str], fields: dict[str, str]) -> list[str]:
    """One field of each kind."""
    return list({fields[name]: name for name in reversed(names)}.values())[::-1]


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def nullability(document: Document) -> Made:
    """What may be absent or empty is read as if it were there."""
    for path, text in expressions(document.data):
        for found in re.finditer(r"\.orValue\([^()]*\)", text):
            yield _changed(document, path, _spliced(text, found.start(), found.end(), ""))
        for found in re.finditer(r"\.\?", text):
            yield _changed(document, path, _spliced(text, found.start(), found.end(), "."))
        for found in re.finditer(r"!?has\([^()]*\) (&&|\|\|) ", text):
            yield _changed(document, path, _spliced(text, found.start(), found.end(), ""))
        if (ternary := re.fullmatch(r"\$\{ (.*?) \? (.*?) : (.*?) \}", text)) is not None:
            yield from (_changed(document, path, f"${{ {way} }}") for way in (ternary[2], ternary[3]))
    for path, step in steps(document.data):
        if "if" in step:
            if "stop" in step["then"][0]:
                yield f"without {in_words(path)}: if {step['if']}", without(document.data, path)
            if "else" not in step:
                made = copy.deepcopy(document.data)
                at(made, path[:-1])[path[-1] : int(path[-1]) + 1] = step["then"]
                yield f"always {in_words(path)}: if {step['if']}", made
        if ("action" in step or "tool" in step) and "on_error" not in step and _is_read(document, step):
            yield _changed(document, (*path, "on_error"), "continue")
        if "default" in step.get("with", {}):
            yield f"without {in_words(path)}.with.default", without(document.data, (*path, "with", "default"))


def _is_read(document: Document, step: dict[str, Any]) -> bool:
    """Whether something reads what it gives, without asking for it."""
    name = step.get("id")
    return name is not None and any(
        re.search(rf"\b{name}\.", text) and f"has({name}." not in text for _, text in expressions(document.data)
    )


def enums(document: Document) -> Made:
    """A word that is one of a known set, misspelled."""
    for each in inputs(document):
        if each.schema.get("enum") and isinstance(each.value, str):
            yield _changed(document, each.path, _misspelled(each.value))
            yield _changed(document, each.path, each.value.swapcase())
    for path, value in places(document.data):
        if path and path[-1] in ("tool", "action", "trigger", "on", "priority", "on_error") and isinstance(value, str):
            yield _changed(document, path, _misspelled(value))
    known = given_by(document)
    for path, text in expressions(document.data):
        for found in REFERENCE.finditer(text):
            if found[2] in known.get(found[1], {}):
                yield _changed(document, path, _spliced(text, found.start(2), found.end(2), _misspelled(found[2])))
        if "trigger.status in" in text:
            for word in re.finditer(r'"(\w+)"', text):
                yield _changed(document, path, _spliced(text, word.start(1), word.end(1), _misspelled(word[1])))
    for path, step in steps(document.data):
        for case in step.get("cases", {}):
            made = copy.deepcopy(document.data)
            cases = at(made, (*path, "cases"))
            cases[_misspelled(case)] = cases.pop(case)
            yield f"{in_words(path)}.cases: {case} is {_misspelled(case)}", made


def _misspelled(word: str) -> str:
    """Two letters in the wrong order."""
    at_ = next((n for n in range(len(word) - 2, 0, -1) if word[n] != word[n + 1] and word[n : n + 2].isalpha()), 0)
    return word[:at_] + word[at_ + 1] + word[at_] + word[at_ + 2 :]


CLOSED = {
    "region": ("pt", "Portugal", "PRT", "${ trigger.%s }"),
    "language": ("portuguese", "pt_XX_", "xx", "${ trigger.%s }"),
    "time_zone": ("Lisbon", "Europe/Lisboa", "GMT+1", "${ trigger.%s }"),
}


def regions(document: Document) -> Made:
    """Countries, languages and time zones that are none."""
    texts = [name for name, kind in given_by(document)["trigger"].items() if kind == "string"]
    for path, value in places(document.data):
        kind = _closed(document, path)
        if kind is None or not isinstance(value, str):
            continue
        for wrong in CLOSED[kind]:
            yield _changed(document, path, wrong.replace("%s", texts[0]) if texts else wrong)
        for found in re.finditer(r'"([A-Z]{2})"', value):
            yield from (
                _changed(document, path, _spliced(value, found.start(1), found.end(1), word))
                for word in ("Portugal", "pt")
            )
    for path, step in steps(document.data):
        if step.get("tool") == "phone.format" and "region" not in step.get("with", {}):
            yield from (_changed(document, (*path, "with", "region"), word) for word in CLOSED["region"][:3])
            yield _changed(document, (*path, "with", "region"), f"${{ trigger.{texts[0]} }}")


def _closed(document: Document, path: Path_) -> str | None:
    if path[-2:] == ("working_hours", "zone"):
        return "time_zone"
    found = next((kind_of(each.schema) for each in inputs(document) if each.path == path), None)
    return found if found in CLOSED else None


def units(document: Document) -> Made:
    """A length of time without its unit, a number that is none, a form of dates of another system."""
    for path, value in places(document.data):
        if isinstance(value, str) and (length := DURATION.fullmatch(value)) is not None:
            yield _changed(document, path, int(length[1]))
            yield from (
                _changed(document, path, wrong)
                for wrong in (length[1], f"{length[1]} {length[2]}inutes", f"-{value}", f"{length[1]},5{length[2]}")
            )
        if path and path[-1] == "hours":
            yield from (_changed(document, path, wrong) for wrong in ("9-18", "9am-6pm", "09:00-25:00", 9))
        if path and path[-1] == "days":
            yield from (_changed(document, path, wrong) for wrong in ("weekdays", "seg-sex", 5))
    yield from _numbers(document)
    for path, step in steps(document.data):
        if "limit" in step:
            yield from (_changed(document, (*path, "limit"), wrong) for wrong in (0, -1, "all", "200 people"))
        if "schedule" in step.get("retry", {}):
            yield _changed(document, (*path, "retry", "schedule", 0), 10)
    for path, text in expressions(document.data):
        for found in re.finditer(r"[<>]=? (\d[\d.]*)", text):
            yield from (
                _changed(document, path, _spliced(text, found.start(1), found.end(1), wrong))
                for wrong in (f"{found[1]}€", f'duration("{found[1]}")', '"€ 20"')
            )


def _numbers(document: Document) -> Made:
    """Forms, counts, weights and statuses that are none."""
    for each in inputs(document):
        if each.name == "format" and isinstance(each.value, str):
            yield from (_changed(document, each.path, wrong) for wrong in ("mm-dd", "%m-%d", "MM-Tag", "day"))
        if isinstance(each.value, int) and not isinstance(each.value, bool):
            yield from (_changed(document, each.path, wrong) for wrong in (-each.value, 0, f"{each.value} a day", 0.5))
        if each.name == "weights":
            yield from (_changed(document, each.path, wrong) for wrong in ({"bia": 2}, {"ana": -1}, {"ana": 0.5}, 2))
        if each.name == "expect_status":
            yield from (_changed(document, each.path, wrong) for wrong in ([2000, 404], ["2xx"], [0]))


def missing(document: Document) -> Made:
    """A part that is needed is not there."""
    for each in inputs(document):
        if each.required:
            yield f"without {in_words(each.path)}", without(document.data, each.path)
    for path, step in steps(document.data):
        for key in ("with", "connection", "tool", "action", "then", "cases", "for_each", "do", "stop"):
            if key in step and not (key == "with" and not _needs_inputs(document, step)):
                yield f"without {in_words((*path, key))}", without(document.data, (*path, key))
        if _is_read(document, step):
            yield f"without {in_words((*path, 'id'))}", without(document.data, (*path, "id"))
            yield f"without {in_words(path)}", without(document.data, path)
    for key in ("flow", "on", "steps"):
        yield f"without {key}", without(document.data, (key,))
    for path, text in expressions(document.data):
        if (whole := WHOLE.fullmatch(text)) is not None and _typed(document, path):
            yield _changed(document, path, "${ }")
            yield _changed(document, path, f"${{ {whole[1]}")
            yield _changed(document, path, None)


def _needs_inputs(document: Document, step: dict[str, Any]) -> bool:
    known = component(step, document.catalogue)
    return known is not None and bool(schema_of(known.inputs).get("required"))


def _typed(document: Document, path: Path_) -> bool:
    """Whether something is needed there."""
    return path[-1] in ("if", "when", "key", "switch", "for_each") or any(
        each.required and each.path == path for each in inputs(document)
    )


def swapped(document: Document) -> Made:
    """Two things that have changed places."""
    yield from _inputs_swapped(document)
    for path, listed in lists_of_steps(document.data):
        for number in range(len(listed) - 1):
            name = listed[number].get("id")
            if name and f"{name}." in repr(listed[number + 1]):
                made = copy.deepcopy(document.data)
                there = at(made, path)
                there[number], there[number + 1] = there[number + 1], there[number]
                yield f"{in_words(path)}: {number} and {number + 1}", made
    for path, text in expressions(document.data):
        for found in re.finditer(r"([\w.()]+) in (\[[^\]]*\])", text):
            yield _changed(document, path, _spliced(text, found.start(), found.end(), f"{found[2]} in {found[1]}"))
        for found in re.finditer(r"\b([a-z_]+)\.([a-z_0-9]+)\b(?!\()", text):
            if found[1] in given_by(document):
                swap = f"{found[2]}.{found[1]}"
                yield _changed(document, path, _spliced(text, found.start(), found.end(), swap))


def _inputs_swapped(document: Document) -> Made:
    by_step: dict[Path_, list[Any]] = {}
    for each in inputs(document):
        by_step.setdefault(each.path[:-1], []).append(each)
    for owner, given in by_step.items():
        for number, one in enumerate(given):
            for other in given[number + 1 :]:
                if kind_of(one.schema) != kind_of(other.schema):
                    made = put(document.data, one.path, other.value)
                    yield f"{in_words(owner)}: {one.name} and {other.name}", put(made, other.path, one.value)


def logic(document: Document) -> Made:
    """A condition that says something else than what is done after it, or nothing at all."""
    for path, step in steps(document.data):
        for key in ("if", "switch"):
            if key in step:
                yield from _conditions(document, (*path, key), step[key])
        if "if" in step:
            yield from _ways(document, path, step)
    if "when" in document.data:
        yield from _conditions(document, ("when",), document.data["when"])
    for path, listed in lists_of_steps(document.data):
        for number in range(len(listed)):
            if number or len(path) == 1:
                made = copy.deepcopy(document.data)
                at(made, path).insert(number, {"stop": "not now"})
                yield f"{in_words((*path, number))}: stop before it", made


def _conditions(document: Document, path: Path_, text: str) -> Made:
    whole = WHOLE.fullmatch(text)
    if whole is None or path[-1] == "switch":
        return
    inner = whole[1]
    if not _is_comparison(inner):
        yield _changed(document, path, f"${{ !({inner}) }}")
    yield _changed(document, path, f"${{ ({inner}) || !({inner}) }}")
    yield _changed(document, path, f"${{ ({inner}) && !({inner}) }}")
    yield _changed(document, path, "${ true }")
    yield _changed(document, path, inner)
    for found in re.finditer(r'([\w.()]+) in \["(\w+)", "(\w+)"', inner):
        yield _changed(document, path, f'${{ {found[1]} == "{found[2]}" && {found[1]} == "{found[3]}" }}')
        yield _changed(document, path, f'${{ {found[1]} != "{found[2]}" || {found[1]} != "{found[3]}" }}')
    for found in re.finditer(r"!?has\([^()]*\) (&&|\|\|) ", inner):
        other = "||" if found[1] == "&&" else "&&"
        yield _changed(document, path, f"${{ {_spliced(inner, found.start(1), found.end(1), other)} }}")


def _is_comparison(inner: str) -> bool:
    return re.search(r"[<>]|==|!=| in ", inner) is not None


def _ways(document: Document, path: Path_, step: dict[str, Any]) -> Made:
    """The same question again where it has been answered, and its two ways changed."""
    yield f"{in_words(path)}: asked again in it", put(document.data, (*path, "then"), [copy.deepcopy(step)])
    opposite = {"if": f"${{ !({step['if'][2:-1].strip()}) }}", "then": copy.deepcopy(step["then"])}
    yield f"{in_words(path)}: the opposite asked in it", put(document.data, (*path, "then"), [opposite])
    if "else" in step:
        made = put(document.data, (*path, "then"), step["else"])
        yield f"{in_words(path)}: then and else", put(made, (*path, "else"), step["then"])
    elif "stop" in step["then"][0]:
        again = copy.deepcopy(document.data)
        at(again, path[:-1]).insert(int(path[-1]) + 1, copy.deepcopy(step))
        yield f"{in_words(path)}: asked twice", again


KINDS: dict[str, Callable[[Document], Made]] = {
    each.__name__: each for each in (types, nullability, enums, regions, units, missing, swapped, logic)
}


def all_of(document: Document) -> list[Mistake]:
    """Every mistake of every kind in one flow, in an order that stays. None is what stands there already."""
    found: dict[str, Mistake] = {}
    seen: list[dict[str, Any]] = [document.data]
    for kind, made in KINDS.items():
        for what, data in made(document):
            if data not in seen:
                seen.append(data)
                mistake = Mistake(document, kind, what, data)
                found.setdefault(mistake.name, mistake)
    return list(found.values())
