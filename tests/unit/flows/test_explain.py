"""A flow for people: all examples can be explained in every form, and the forms hold what they promise."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from services.flows.explain.mermaid import as_mermaid
from services.flows.explain.outline import outline
from services.flows.explain.svg import as_svg
from services.flows.explain.text import as_text
from services.flows.load import FlowSource, load_paths, load_text
from services.flows.steps.kind import walk

EXAMPLES, _ = load_paths([Path(__file__).parents[3] / "examples"])
FLOW = """
flow: all-of-it
description: Every kind of step.
on: closum.lead.created
when: ${ trigger.email != "" }
key: ${ trigger.email }
priority: high
steps:
  - id: mail
    tool: email.normalize
    with: { email: "${ trigger.email }" }
  - switch: ${ trigger.country }
    cases:
      PT:
        - set: { language: "pt" }
      "<b>&":
        - stop: 'no "such" country'
    default:
      - set: { language: en }
  - wait: 2h
    cancel_on: { trigger: closum.lead.created, key: "${ trigger.email }" }
  - for_each: ${ trigger.tags }
    as: tag
    limit: 5
    do:
      - action: http.request
        connection: crm
        with: { method: POST, url: /tags, json: "${ tag }" }
        retry: { attempts: 3, within: 1h }
        timeout: 90s
        writes: { phone: "${ trigger.mobile_number }", fields: { tags: "${ tag }", "custom.last": today } }
        on_error:
          - stop: enough
  - if: ${ mail.valid }
    then:
      - stop: "yes"
    else:
      - stop: "no"
"""


def flow(text: str) -> FlowSource:
    (source,), faults = load_text(text)
    assert not faults, faults
    return source


def test_the_text_reads_like_the_flow() -> None:
    assert as_text(outline(flow(FLOW).flow)) == (
        """\
all-of-it: Every kind of step.
When closum.lead.created happens
and trigger.email != ""
with high priority
in order per ${ trigger.email }:
  mail: email.normalize
      email: ${ trigger.email }
  switch trigger.country
    PT:
      set
          language: pt
    <b>&:
      stop: no "such" country
    default:
      set
          language: en
  wait 2h
      ended by closum.lead.created with ${ trigger.email }
    cancelled: the run ends
  for each tag of trigger.tags
    each:
      http.request
          connection crm
          method: POST
          url: /tags
          json: ${ tag }
          tried 3 times within 1h
          at most 1m30s a call
          sets tags, custom.last in crm, by phone ${ trigger.mobile_number }
        on_error:
          stop: enough
  if mail.valid
    then:
      stop: yes
    else:
      stop: no
"""
    )


@pytest.mark.parametrize(
    ("retry", "told"),
    [
        ("{ attempts: 3 }", ["tried 3 times"]),
        ("{ within: 1h }", ["tried within 1h"]),
        ("{ schedule: [10s, 1m, 1h30m] }", ["tried again after 10s, 1m, 1h30m"]),
        ("{ schedule: [10s, 1m], within: 1h }", ["tried again after 10s, 1m, within 1h"]),
        ("{}", []),
    ],
)
def test_every_rule_of_retries_is_told(retry: str, told: list[str]) -> None:
    """Also a schedule; a rule that says nothing is not told."""
    text = f"""
flow: calls
on: closum.lead.created
steps:
  - action: http.request
    connection: crm
    retry: {retry}
"""
    (item,) = outline(flow(text).flow).items
    assert list(item.details) == ["connection crm", *told]


def test_pictures_tell_the_priority_too() -> None:
    drawn = outline(flow(FLOW).flow)
    assert "high priority" in as_mermaid(drawn)
    assert "high priority" in as_svg(drawn)


@pytest.mark.parametrize("source", [*EXAMPLES, flow(FLOW)], ids=lambda source: source.name)
def test_the_diagram_names_every_step_once_and_joins_only_what_is_there(source: FlowSource) -> None:
    """No text of a flow breaks out of its quotes."""
    lines = as_mermaid(outline(source.flow)).splitlines()

    nodes = [match[1] for line in lines if (match := re.match(r'  (\w+)[\[\({]+"[^"]*"[\]\)}]+$', line))]
    arrows = [match for line in lines if (match := re.match(r'  (\w+) -->(?:\|"[^"]*"\|)? (\w+)$', line))]
    assert len(nodes) + len(arrows) + 1 == len(lines)
    assert len(nodes) == len(set(nodes))
    steps = {"s" + step.path.replace(".", "_") for step in walk(source.flow.steps)}
    assert steps <= set(nodes)
    assert {end for arrow in arrows for end in arrow.groups()} == set(nodes)


@pytest.mark.parametrize("source", [*EXAMPLES, flow(FLOW)], ids=lambda source: source.name)
def test_the_picture_is_well_formed_and_nothing_lies_on_or_outside_of_another(source: FlowSource) -> None:
    root = ET.fromstring(as_svg(outline(source.flow)))  # noqa: S314 - our own text

    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    space = "{http://www.w3.org/2000/svg}"
    boxes = [
        (float(box.attrib["x"]), float(box.attrib["y"]), float(box.attrib["width"]), float(box.attrib["height"]))
        for box in root.iter(f"{space}rect")
        if "x" in box.attrib
    ]
    steps = list(walk(source.flow.steps))
    assert len(boxes) >= len(steps) + 1
    for x, y, wide, high in boxes:
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height
    for number, (x, y, wide, high) in enumerate(boxes):
        for other_x, other_y, other_wide, other_high in boxes[number + 1 :]:
            apart = x + wide <= other_x or other_x + other_wide <= x or y + high <= other_y or other_y + other_high <= y
            assert apart
