"""What platforms send comes through the source that their preset writes: samples, and shapes that surprised others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.refused import RefusedRequest
from contracts.topics import REFUSED_DLQ
from services.ingest.sources.presets import PRESETS
from services.ingest.sources.presets.preset import JSON, PARTS, Known, Preset
from tests.support.platforms import SIGNERS, Shape, over, send, shapes, source_of

SHAPES = shapes()
ALL = pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))


def holds(found: Any, expected: Any) -> bool:
    """Whether a value is the expected one; of an object each named field, of which None means that it is not there."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(found.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(holds, found, expected))
    return bool(found == expected)


@ALL
async def test_its_samples_come_through(preset: Preset, tmp_path: Path) -> None:
    """Each event whole and once; a redelivery is a duplicate; a stranger's request is refused."""
    app, kafka = source_of(preset, tmp_path)
    async with over(app) as http:
        for sample in preset.samples:
            before = len(kafka.records)
            for _ in range(2):
                answer = await send(http, preset, sample.body, sample.headers, sample.content_type)
                assert answer.status_code == preset.entry["answer"]["status"], answer.text
            events = [event for _, event in kafka.records[before:]]
            half = len(events) // 2
            assert [event["id"] for event in events[:half]] == [event["id"] for event in events[half:]]
            if "platform" not in preset.entry:
                assert half == len(sample.seen)
                assert all(map(holds, [event["data"] for event in events[:half]], sample.seen))
            assert all("contentid" not in event for event in events) or "list" in sample.what, "its id is its sender's"
        if preset.name in SIGNERS:
            forged = await send(http, preset, sample.body, sample.headers, sample.content_type, sign=False)
            assert forged.status_code == 401


@ALL
def test_it_says_where_each_thing_is_known_from(preset: Preset) -> None:
    """Each part, each header that it reads and each field of its samples, by a document and the day it was read."""
    facts = preset.facts
    assert {one for one in ("proof", "id", "retries", "answer", "type") if one not in facts} == set()
    assert all(
        re.fullmatch(r"https://\S+", one.document) and re.fullmatch(r"20\d\d-\d\d-\d\d", one.read)
        for one in facts.values()
    )
    fields = {f"/{name}" for sample in preset.samples for body in sample.seen for name in body}
    headers = {*preset.entry.get("headers", ())}
    assert {one for one in fields | headers if one not in facts} == set()
    assert {one for one in facts if not one.startswith("/") and one not in PARTS} <= headers | {
        name for sample in preset.samples for name in sample.headers
    } | set(re.findall(r"X-[\w-]+", str(preset.entry)))
    assert len(set(facts)) == sum(len(one.of) for one in preset.evidence), "said twice"
    assert preset.count(Known.CONFIRMED) > preset.count(Known.ASSUMED)


def test_each_has_odd_shapes_and_few_are_assumed() -> None:
    """Three or more, each with its document."""
    count = Counter(shape.preset for shape in SHAPES)
    assert {name: count[name] for name in PRESETS if count[name] < 3} == {}
    assert set(count) == set(PRESETS)
    assert sum(shape.known == "assumed" for shape in SHAPES) * 5 <= len(SHAPES)
    assert all(re.fullmatch(r"https://\S+", shape.document) for shape in SHAPES)
    assert {shape.known for shape in SHAPES} <= {known.value for known in Known}


def test_the_page_says_what_is_tried() -> None:
    """Each case by what it is, and each platform with all its documents; the rest follows from `make schemas`."""
    page = (Path(__file__).parents[2] / "docs/sources.md").read_text()
    rows = {row.split("|")[1].strip(" `"): row for row in page.splitlines() if row.startswith("| `") and "](" in row}
    for shape in SHAPES:
        assert shape.what in rows[shape.preset], shape.name
    for name, preset in PRESETS.items():
        assert all(f"({fact.document}) {fact.read}" in rows[name] for fact in preset.facts.values()), name


OWN = [shape for shape in SHAPES if "platform" not in PRESETS[shape.preset].entry]
"""What a platform's own reader makes of its bodies is counted in tests/property/test_ingest_conserved.py."""


@pytest.mark.parametrize("shape", OWN, ids=[shape.name for shape in OWN])
async def test_what_is_sent_is_seen_or_stands_in_a_letter(shape: Shape, tmp_path: Path) -> None:
    """Each text and number of a body, but what its source leaves out: in an event, or in a letter's bytes."""
    preset = PRESETS[shape.preset]
    app, kafka = source_of(preset, tmp_path)
    hidden = {pointer.rpartition("/")[2] for pointer in preset.entry.get("leave_out", ())}
    async with over(app) as http:
        for request in shape.requests:
            body, kind = request.get("body", ""), request.get("content_type", JSON)
            kafka.records.clear()
            kafka.others.clear()
            await send(http, preset, body, request.get("headers", {}), kind, sign=request.get("signed", True))
            held = [event for _, event in kafka.records]
            held += [value for topic, value, _ in kafka.others if topic is REFUSED_DLQ]
            assert held or shape.expect.get("events", []) == []
            if held and kind == JSON:
                sent = below(json.loads(body) if isinstance(body, str) else body, preset.entry.get("items", ""))
                assert set(leaves(sent, hidden)) <= set(leaves(held, ()))


def below(value: Any, pointer: str) -> Any:
    """What stands where a source's items do."""
    for part in pointer.split("/")[1:]:
        if part != "*":
            value = [one[part] for one in (value if isinstance(value, list) else [value]) if part in one]
            value = [each for one in value for each in (one if isinstance(one, list) else [one])]
    return value


def leaves(value: Any, hidden: Collection[str]) -> Iterator[str]:
    """All texts and numbers, as texts."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in hidden:
                yield from leaves(part, hidden)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, hidden)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
async def test_what_a_platform_really_sends(shape: Shape, tmp_path: Path) -> None:
    """The events that flows see, the ids that tell them apart, and the answer that its sender gets."""
    preset = PRESETS[shape.preset]
    app, kafka = source_of(preset, tmp_path)
    expect = shape.expect
    async with over(app) as http:
        for request in shape.requests:
            answer = await send(
                http,
                preset,
                request.get("body", ""),
                request.get("headers", {}),
                request.get("content_type", JSON),
                sign=request.get("signed", True),
            )
            assert answer.status_code == expect.get("status", preset.entry["answer"]["status"]), answer.text
    for name, value in expect.get("headers", {}).items():
        assert answer.headers[name] == value
    if "answer" in expect:
        assert answer.json() == expect["answer"]
    letters = [RefusedRequest.of(headers).place for topic, _, headers in kafka.others if topic is REFUSED_DLQ]
    assert letters == expect.get("letters", [])
    events = [event for _, event in kafka.records]
    wanted = expect.get("events", [])
    assert [event["type"] for event in events] == [one.get("type", "webhook.one") for one in wanted]
    for event, one in zip(events, wanted, strict=True):
        assert event["subject"] == (one["subject"] or event["id"])
        assert "time" not in one or event["time"].startswith(one["time"])
        assert holds(event["data"], one.get("data", {})), event["data"]
    assert len({event["id"] for event in events}) == expect.get("distinct", len(events))
