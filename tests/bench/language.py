"""What the flow language costs: `python -m tests.bench.language`. Prints a table; exit code 1 when a target is missed.

Targets: a step of `advance` under 60 µs beyond the tool's own time, finding the flows of an event under 20 µs among
1,000, checking 100 flows under 2 s. All in one process, on real flows of the real catalogue, best of several rounds:
other work on the machine makes a round slower, never faster. What is counted is CPU time, for the same reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from contracts.events import Event
from services.flows.advance import advance, begin
from services.flows.check import check
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.index import FlowIndex
from services.flows.load import load_text
from services.flows.outcomes import End
from services.flows.run_tool import run_tool
from services.project.catalogue import catalogue

ROUNDS = 7
FEW, MANY = 10, 1000
CHECKED = 100
STEP_US, MATCH_US, CHECK_S = 60.0, 20.0, 2.0

# Five steps of which one is a tool: what is measured is the language, with the tool's own time taken away.
FLOW = """
flow: lead-{n}
on: {on}
key: ${{ trigger.email }}
when: ${{ trigger.name != "" }}
steps:
  - id: title
    tool: text.title
    with: {{ text: "${{ trigger.name }}" }}
  - set: {{ greeting: "Olá ${{ title.text }}!", many: "${{ trigger.tags.size() > 3 }}" }}
  - if: ${{ many && trigger.email.endsWith("closum.com") }}
    then:
      - stop: one of ours
  - switch: ${{ trigger.country }}
    cases:
      PT:
        - set: {{ language: pt_PT }}
    default:
      - set: {{ language: en }}
  - stop: ${{ greeting }} ${{ language }}
"""
STEPS = 6  # with the one inside of `switch`
EVENT = Event(
    id="e-1",
    source="/bench",
    type="closum.lead.created",
    subject="ana@example.com",
    time=datetime(2026, 5, 31, 14, 30, tzinfo=UTC),
    data={"name": "ana sousa", "email": "ana@example.com", "mobile_number": "", "country": "PT", "tags": ["a", "b"]},
)


def text(number: int, on: str = "closum.lead.created") -> str:
    """One flow."""
    return FLOW.format(n=number, on=on)


def flow(number: int, on: str = "closum.lead.created") -> CompiledFlow:
    """One flow, compiled."""
    (source,), faults = load_text(text(number, on))
    if faults:
        raise SystemExit(str(faults[0]))
    return compile_flow(source, catalogue().tools)


def best(work: Callable[[], object], times: int) -> float:
    """Seconds of CPU that one call takes, in the best of several rounds."""
    found = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            work()
        found = min(found, (time.process_time() - start) / times)
    return found


def step_us() -> float:
    """Microseconds of `advance` for a step, without the tool's own time."""
    compiled = flow(0)
    run = begin(compiled, EVENT)
    ended = advance(compiled, run)
    if not isinstance(ended, End) or ended.reason != "Olá Ana Sousa! pt_PT":
        raise SystemExit(f"the flow did something else: {ended}")
    tool = catalogue().tools["text.title"]
    inputs = tool.inputs.model_validate({"text": "ana sousa"})
    own = best(lambda: run_tool(tool, inputs, ()), 2000)
    whole = best(lambda: advance(compiled, run), 2000)
    return (whole - own) / STEPS * 1e6


def match_us(flows: int) -> float:
    """Microseconds to find the flow of an event among so many, each with its own trigger."""
    index = FlowIndex(flow(number, f"webhook.s{number}") for number in range(flows))
    if len(index.for_trigger("webhook.s5")) != 1:
        raise SystemExit("the index found another number of flows")
    return best(lambda: index.for_trigger("webhook.s5"), 20_000) * 1e6


def check_s(flows: int) -> float:
    """Seconds to load and check so many flows in one set."""
    whole = "---\n".join(text(number) for number in range(flows))

    def work() -> None:
        sources, faults = load_text(whole)
        found = [*faults, *check(sources, catalogue())]
        if found or len(sources) != flows:
            raise SystemExit(f"the flows are not right: {found[:1]}")

    return best(work, 1)


def main() -> int:
    """Measure, print, compare."""
    argparse.ArgumentParser(prog="python -m tests.bench.language", description=__doc__).parse_args()
    rows = [
        ("advance, a step", step_us(), STEP_US, "µs"),
        (f"match an event, {FEW} flows", match_us(FEW), MATCH_US, "µs"),
        (f"match an event, {MANY} flows", match_us(MANY), MATCH_US, "µs"),
        (f"load and check {CHECKED} flows", check_s(CHECKED), CHECK_S, "s"),
    ]
    for what, found, target, unit in rows:
        print(f"{what:30} {found:10.2f} {unit:3} (target: under {target:g} {unit})")
    return 0 if all(found < target for _, found, target, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
