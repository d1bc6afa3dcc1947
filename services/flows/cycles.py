"""Flows that set each other off for ever: an action of one raises another's trigger, and so on back to the first.

A circle is broken

- by echo suppression: the trigger says what changed, and what the action writes is known (services/flows/sync.py);
- by recognition: each action on the circle makes something, such as a lead, and each trigger tells that it is new
  (services/flows/creations.py). Such an event starts no flow whose run led to it. One link of another kind is enough
  for the circle to go on: what led to its event is forgotten;
- by a condition, `when` or `if`, that is false for what the action wrote;
- by `allow_cycle`, with which the author says why it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel

from contracts.writes import SETS
from services.flows.catalogue import Catalogue
from services.flows.check_inputs import known_of
from services.flows.creations import BY_US
from services.flows.input_rules import changes
from services.flows.load import FlowSource
from services.flows.logic import Atom, Both, Compare, Fixed, Formula, Not, Truth, verdict
from services.flows.names import TRIGGER
from services.flows.shapes import TEXT
from services.flows.steps.kind import Call, walk
from services.flows.syntax import Constant, ListOf, Value

Reached = Mapping[str, tuple[Truth, ...]]
"""By a step's path: what is true where it is done."""
TOLD = frozenset({"changed", "changes"})  # fields of a trigger that says what changed


@dataclass(frozen=True, slots=True)
class Link:
    """An action of a flow that raises a trigger. `makes`: by what it made, and that is recognised."""

    source: FlowSource
    call: Call
    trigger: str
    makes: bool = False

    def __str__(self) -> str:
        """As a fault tells it."""
        action = self.call.action
        return f"{self.source.name} (`{action.text}` in line {action.location.line}) raises {self.trigger}"


Circle = tuple[Link, ...]


def circles(flows: Sequence[FlowSource], catalogue: Catalogue, reached: Mapping[int, Reached]) -> Iterator[Circle]:
    """For each flow the shortest circle through it that nothing breaks; each set of flows once.

    `reached` is by the `id()` of a source.
    """
    links = _trimmed([link for flow in flows for link in _links(flow, catalogue)])
    starts: dict[str, list[Link]] = {}
    for link in links:
        for word in link.source.flow.triggers:
            starts.setdefault(word.text, []).append(link)
    seen: set[frozenset[int]] = set()
    for link in links:
        if link.makes:
            continue  # on a circle that goes on there is another one
        circle = _shortest(link, starts, reached)
        members = frozenset(id(each.source) for each in circle)
        if circle and members not in seen:
            seen.add(members)
            yield circle


def _links(flow: FlowSource, catalogue: Catalogue) -> Iterator[Link]:
    """What a flow raises, without what is suppressed as an echo."""
    if flow.flow.allow_cycle is not None:
        return
    for step in walk(flow.flow.steps):
        call = step.call()
        action = catalogue.actions.get(call.action.text) if call is not None else None
        if call is None or action is None or not changes(action, known_of(call.inputs)):
            continue
        system = call.writes.system if call.writes and call.writes.system else call.connection
        for form in action.raises:
            if "{system}" in form and system is None:
                continue
            trigger = form.replace("{system}", system.text if system else "")
            if not (_tells(catalogue.triggers.get(trigger)) and (call.writes is not None or action.name in SETS)):
                yield Link(flow, call, trigger, action.name in SETS and SETS[action.name].makes == trigger)


@lru_cache(maxsize=1024)
def _tells(model: type[BaseModel] | None) -> bool:
    """Whether a trigger says what changed. By its schema: a declared one has no other fields."""
    return model is not None and not TOLD.isdisjoint(
        model.model_json_schema(mode="serialization").get("properties", {})
    )


def _trimmed(links: list[Link]) -> list[Link]:
    """Without links that cannot be on a circle: nothing that they raise starts a flow with a link, and so on."""
    while True:
        started = {word.text for link in links for word in link.source.flow.triggers}
        raised = {link.trigger for link in links}
        kept = [
            link
            for link in links
            if link.trigger in started and any(word.text in raised for word in link.source.flow.triggers)
        ]
        if len(kept) == len(links):
            return links
        links = kept


def _shortest(start: Link, starts: Mapping[str, Sequence[Link]], reached: Mapping[int, Reached]) -> Circle:
    waiting: deque[Circle] = deque([(start,)])
    visited: set[int] = set()
    while waiting:
        way = waiting.popleft()
        for link in starts.get(way[-1].trigger, ()):
            if id(link) in visited or _excluded(way[-1], link, reached):
                continue
            if link is start:
                return way
            visited.add(id(link))
            waiting.append((*way, link))
    return ()


def _excluded(first: Link, second: Link, reached: Mapping[int, Reached]) -> bool:
    """Whether what the first action wrote makes a condition before the second one false."""
    truths = reached.get(id(second.source), {}).get(second.call.path, ())
    known = [*facts(first.call), *([Atom(f"{TRIGGER}.{BY_US}")] if first.makes else [])]
    written = [Truth(fact, 0, frozenset({TRIGGER})) for fact in known]
    if not truths or not written:
        return False
    condition: Formula = Fixed(value=True)
    for truth in truths:
        condition = Both(condition, truth.formula)
    found = verdict(condition, written)
    return found is not None and not found.value


def facts(call: Call) -> Iterator[Formula]:
    """What is true of an event that an action caused, as far as the action's inputs stand in the flow."""
    inputs = {word.text: value for word, value in call.inputs.items}
    if call.writes is not None:
        inputs = {word.text: value for word, value in call.writes.fields.items}
    elif call.action.text in SETS:
        inputs = {name: value for name, value in inputs.items() if name in SETS[call.action.text].fields}
    else:
        return
    for name, value in inputs.items():
        yield from _equal(name, value)


def _equal(name: str, value: Value) -> Iterator[Formula]:
    if isinstance(value, ListOf):
        yield from (_tagged(str(item.value), name) for item in value.items if isinstance(item, Constant))
    elif isinstance(value, Constant) and isinstance(value.value, bool):
        yield Atom(f"{TRIGGER}.{name}") if value.value else Not(Atom(f"{TRIGGER}.{name}"))
    elif isinstance(value, Constant) and value.value is not None:
        yield Compare(f"{TRIGGER}.{name}", "==", value.value, TEXT)


def _tagged(tag: str, field: str = "tags") -> Formula:
    """`"vip" in trigger.tags`, as services/flows/formulas.py writes it."""
    return Atom(f"@in(string:{tag!r}, {TRIGGER}.{field})")


def told(circle: Circle) -> str:
    """What is wrong, and what breaks it."""
    way = ", ".join(str(link) for link in circle)
    ends = f"which starts {'itself' if len(circle) == 1 else circle[0].source.name} again"
    return (
        f"for ever: {way}, {ends}. Break it with a condition that is false for what the action wrote, with `writes` if"
        " the trigger says what changed, or say in `allow_cycle` why it ends"
    )
