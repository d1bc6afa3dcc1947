"""YAML tree → flow. Goes on after every fault, so that one run reports them all."""

from __future__ import annotations

from contracts.actions import Priority
from services.flows.flow import Flow
from services.flows.keys import EXPRESSION, STEPS, TEXT, TRIGGER, Key, Keys, names, required
from services.flows.lookup_tables import Tables
from services.flows.names import FLOW_NAME
from services.flows.other_words import KEYS
from services.flows.steps.kind import Step, StepReader
from services.flows.steps.parts import deadline
from services.flows.steps.registry import kinds
from services.flows.syntax import Word
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.suggestion import nearest, suggestion
from services.runtime.documents.yaml_tree import Mapping, Scalar, Sequence, Tree

PRIORITIES = tuple(one.value for one in Priority)
FLOW_KEYS: Keys = (
    Key("flow", "the flow's name", {**TEXT, "pattern": "^[a-z0-9][a-z0-9._-]{0,99}$"}, required=True),
    Key("description", "one sentence for people", TEXT),
    Key(
        "on",
        "what starts the flow: a trigger, or several",
        {"anyOf": [TRIGGER, {"type": "array", "minItems": 1, "items": TRIGGER}]},
        required=True,
    ),
    Key("key", "the entity whose order matters; without it, the event's subject", EXPRESSION),
    Key("when", "only events for which this is true run through the flow", EXPRESSION),
    Key("priority", "its share where flows wait for one connection: 8, 2 or 1 turns", {"enum": list(PRIORITIES)}),
    deadline.KEY,
    Key("allow_cycle", "why flows that set each other off come to an end", {**TEXT, "minLength": 1}),
    Key("steps", "what to do, from top to bottom", STEPS, required=True),
)


def parse(file: str, tree: Tree, tables: Tables) -> tuple[Flow | None, list[Fault]]:
    """The flow of one document, as far as it could be understood, and all faults of its form."""
    parser = _Parser(file, tables)
    return parser.flow(tree), parser.faults


class _Parser(StepReader):
    """One document. Methods return None (or nothing) where they reported a fault."""

    def __init__(self, file: str, tables: Tables) -> None:
        super().__init__(file)
        self.tables = tables
        self.kinds = kinds()

    # The flow

    def flow(self, tree: Tree) -> Flow | None:
        if not isinstance(tree, Mapping):
            self.fault(tree.location, FaultCode.VALUE_INVALID, "a flow is a map with `flow`, `on` and `steps`")
            return None
        keys = self.keys(tree, "a flow", names(FLOW_KEYS), required=required(FLOW_KEYS))
        name = self.word(keys.get("flow"), "the flow's name")
        if name and not FLOW_NAME.fullmatch(name.text):
            self.fault(
                name.location,
                FaultCode.VALUE_INVALID,
                f"{name.text!r} is no flow name: use a-z, 0-9, `-`, `_` and `.`, such as `whatsapp-to-crm`",
            )
        description = keys.get("description")
        if description is not None and not isinstance(description, Scalar):
            self.fault(description.location, FaultCode.VALUE_INVALID, "`description` is a text")
        return Flow(
            name=name or Word("", tree.location),
            triggers=self.triggers(keys.get("on")),
            key=self.value(keys["key"]) if "key" in keys else None,
            when=self.value(keys["when"]) if "when" in keys else None,
            steps=self.steps(keys.get("steps"), "steps", ""),
            description=description.text if isinstance(description, Scalar) else "",
            allow_cycle=self.word(keys.get("allow_cycle"), "why the circle ends"),
            priority=self.priority(keys.get("priority")),
            deadline=deadline.read(self, keys.get("deadline")),
        )

    def priority(self, tree: Tree | None) -> Word | None:
        word = self.word(tree, "how much of a connection the flow gets")
        if word is not None and word.text not in PRIORITIES:
            text = f"{word.text!r} is no priority: {suggestion(word.text, PRIORITIES)}"
            self.fault(word.location, FaultCode.VALUE_INVALID, text)
            return None
        return word

    def triggers(self, tree: Tree | None) -> tuple[Word, ...]:
        trees = tree.items if isinstance(tree, Sequence) else (tree,)
        if isinstance(tree, Sequence) and not tree.items:
            self.fault(tree.location, FaultCode.VALUE_INVALID, "`on` names no trigger: name one or several")
        words = [word for each in trees if (word := self.word(each, "a trigger's name")) is not None]
        seen: set[str] = set()
        for word in words:
            if word.text in seen:
                self.fault(word.location, FaultCode.KEY_DUPLICATE, f"trigger {word.text!r} stands here twice: keep one")
            seen.add(word.text)
        return tuple({word.text: word for word in words}.values())

    # Steps

    def steps(self, tree: Tree | None, name: str, prefix: str) -> tuple[Step, ...]:
        if tree is None:
            return ()
        if not isinstance(tree, Sequence):
            self.fault(tree.location, FaultCode.VALUE_INVALID, f"`{name}` is a list of steps, each beginning with `- `")
            return ()
        if not tree.items:
            self.fault(
                tree.location, FaultCode.VALUE_INVALID, f"`{name}` has no step: write one, or leave `{name}` out"
            )
        found = (self.step(item, f"{prefix}{number}") for number, item in enumerate(tree.items))
        return tuple(step for step in found if step is not None)

    def step(self, tree: Tree, path: str) -> Step | None:
        kinds = ", ".join(f"`{kind}`" for kind in self.kinds)
        if not isinstance(tree, Mapping):
            self.fault(tree.location, FaultCode.STEP_KIND, f"a step is a map with one of {kinds}")
            return None
        present = [str(key.value) for key, _ in tree.items]
        found = [kind for kind in self.kinds if kind in present]
        if not found:
            # A key that some kind has is not misspelled, though `connection` is much like `action`.
            misspelled = [key for key in present if all(key not in names(kind.keys) for kind in self.kinds.values())]
            meant = next((near for key in misspelled if (near := nearest(key, self.kinds)) is not None), None)
            if meant is None:
                other = next((KEYS[key.lower()] for key in present if key.lower() in KEYS), f"write one of {kinds}")
                self.fault(tree.location, FaultCode.STEP_KIND, f"this step says not what to do: {other}")
                return None
            found = [meant]
        if len(found) > 1:
            both = " and ".join(f"`{kind}`" for kind in found)
            self.fault(
                tree.location, FaultCode.STEP_KIND, f"a step does one thing, this one has {both}: make it two steps"
            )
        kind = self.kinds[found[0]]
        others = [key.name for other in found[1:] for key in self.kinds[other].keys]
        keys = self.keys(tree, f"a step with `{kind.kind}`", names(kind.keys), ignored=others, others=KEYS)
        return kind.parse(self, keys, tree, path) if kind.kind in keys else None  # its own key was reported
