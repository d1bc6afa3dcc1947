"""Stories against expectations: each difference a line that a person understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from services.flows.durations import shown
from services.flows.flow import Flow
from services.flows.testing.coverage import path_of
from services.flows.testing.patterns import like, same
from services.flows.testing.story import RequestedCall, Story
from services.flows.testing.suite import Expected, ExpectedCall

CLOSE_SECONDS = 0.001


def differences(flows: Mapping[str, Flow], stories: Sequence[Story], expected: Sequence[Expected]) -> list[str]:
    """What is not as expected; empty when all is. `flows` are those of the stories, by name."""
    if len(stories) != len(expected):
        return [f"{len(expected)} run(s) were expected, {len(stories)} began"]
    found: list[str] = []
    for number, (story, wanted) in enumerate(zip(stories, expected, strict=True), start=1):
        prefix = f"run {number}: " if len(stories) > 1 else ""
        if wanted.flow is not None and wanted.flow != story.flow:
            found.append(f"{prefix}flow: expected {wanted.flow}, was {story.flow}")
            continue
        found += [prefix + line for line in _of_run(flows[story.flow], story, wanted)]
    return found


def _of_run(flow: Flow, story: Story, wanted: Expected) -> Iterator[str]:
    if wanted.outcome is not None and wanted.outcome is not story.outcome:
        why = "".join(f", {part}" for part in (story.code, story.step and f"at {story.step}", story.reason) if part)
        yield f"outcome: expected {wanted.outcome}, was {story.outcome or 'still waiting'}{why}"
    elif wanted.code is not None and wanted.code is not story.code:
        yield f"code: expected {wanted.code}, was {story.code}: {story.reason}"
    elif wanted.reason is not None and not like(story.reason, wanted.reason):
        yield f"reason: expected {wanted.reason!r}, was {story.reason!r}"
    if wanted.after is not None and abs(wanted.after - story.after_seconds) > CLOSE_SECONDS:
        yield f"after: expected the end {shown(wanted.after)} after the event, was {shown(story.after_seconds)} after"
    if wanted.calls is not None:
        yield from _of_calls(story.calls, wanted.calls)
    if wanted.outputs is not None:
        yield from unlike(story.outputs, wanted.outputs, "outputs", exact=False)
    if wanted.path is not None and (path := path_of(flow, story.trace)) != wanted.path:
        yield from _of_path(path, wanted.path)


def _of_calls(made: Sequence[RequestedCall], wanted: Sequence[ExpectedCall]) -> Iterator[str]:
    if len(made) != len(wanted):
        yield f"calls: {len(wanted)} expected, {len(made)} made"
    for number, call in enumerate(made[len(wanted) :], start=len(wanted) + 1):
        yield f"call {number}: not expected: {call.action} {_json(call.inputs)}"
    for number, each in enumerate(wanted[len(made) :], start=len(made) + 1):
        yield f"call {number}: expected {each.action}, not made"
    for number, (call, each) in enumerate(zip(made, wanted, strict=False), start=1):
        where = f"call {number} ({call.action})"
        if call.action != each.action:
            yield f"call {number}: expected {each.action}, was {call.action}"
            continue
        if each.connection is not None and each.connection != call.connection:
            yield f"{where}: connection: expected {each.connection!r}, was {call.connection!r}"
        if each.after is not None and abs(each.after - call.after_seconds) > CLOSE_SECONDS:
            yield f"{where}: expected {shown(each.after)} after the event, was {shown(call.after_seconds)} after"
        if each.with_ is not None:
            yield from unlike(call.inputs, each.with_, f"{where}: with", exact=True)
        if each.like is not None:
            yield from unlike(call.inputs, each.like, f"{where}: with", exact=False)


def unlike(value: Any, wanted: Any, where: str, *, exact: bool) -> Iterator[str]:  # noqa: ANN401 - JSON values
    """Where a value is not the wanted one, by the deepest place that says it."""
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        for name, each in wanted.items():
            if name not in value:
                if exact or each is not None:
                    yield f"{where}.{name}: expected {_json(each)}, is absent"
            else:
                yield from unlike(value[name], each, f"{where}.{name}", exact=exact)
        if exact:
            for name in value:
                if name not in wanted:
                    yield f"{where}.{name}: not expected, was {_json(value[name])}"
    elif isinstance(value, list) and isinstance(wanted, list) and len(value) == len(wanted):
        for number, (item, each) in enumerate(zip(value, wanted, strict=True)):
            yield from unlike(item, each, f"{where}[{number}]", exact=exact)
    elif not (same(value, wanted) if exact else like(value, wanted)):
        yield f"{where}: expected {_json(wanted)}, was {_json(value)}"


def _of_path(path: list[str], wanted: list[str]) -> Iterator[str]:
    alike = 0
    while alike < min(len(path), len(wanted)) and path[alike] == wanted[alike]:
        alike += 1
    expected = wanted[alike] if alike < len(wanted) else "the end"
    was = path[alike] if alike < len(path) else "the end"
    yield f"path: after {path[alike - 1] if alike else 'the start'!s} expected {expected}, was {was}"


def _json(value: object) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
