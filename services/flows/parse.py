"""YAML tree → flow. Goes on after every fault, so that one run reports them all."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map

from contracts.actions import Priority
from contracts.writes import SETS
from services.flows.entities import ALIASES
from services.flows.faults import Fault, FaultCode, nearest, suggestion
from services.flows.lookup_tables import LOOKUP, Tables
from services.flows.names import FLOW_NAME, id_fault
from services.flows.parse_times import WAIT_KEYS, Times
from services.flows.syntax import (
    ActionStep,
    CancelRule,
    Case,
    Constant,
    Expression,
    Fallback,
    Flow,
    ForEachStep,
    IfStep,
    ListOf,
    MapOf,
    SetStep,
    Step,
    StopStep,
    SwitchStep,
    ToolStep,
    WaitStep,
    Word,
    WritesRule,
)
from services.flows.yaml_tree import Mapping, Scalar, Sequence, Tree

FLOW_KEYS = ("flow", "description", "on", "key", "when", "priority", "allow_cycle", "steps")
STEP_KEYS: Map[str, tuple[str, ...]] = {
    "tool": ("id", "tool", "with", "on_error"),
    "action": ("id", "action", "connection", "with", "retry", "on_error", "timeout", "writes"),
    "if": ("if", "then", "else"),
    "switch": ("switch", "cases", "default"),
    "for_each": ("for_each", "as", "limit", "do"),
    "set": ("set",),
    "wait": ("wait", "cancel_on"),
    "stop": ("stop",),
}
WRITES_KEYS = ("system", "id", "email", "phone", "fields")
CANCEL_KEYS = ("trigger", "key", "match", "then")
PRIORITIES = tuple(one.value for one in Priority)
ITEM = "item"  # the name of an item where the flow gives none
ROUNDS = 100  # of a `for_each` without `limit`
MOST_ROUNDS = 1000


def parse(file: str, tree: Tree, tables: Tables) -> tuple[Flow | None, list[Fault]]:
    """The flow of one document, as far as it could be understood, and all faults of its form."""
    parser = _Parser(file, tables)
    return parser.flow(tree), parser.faults


class _Parser(Times):
    """One document. Methods return None (or nothing) where they reported a fault."""

    def __init__(self, file: str, tables: Tables) -> None:
        super().__init__(file)
        self.tables = tables

    # The flow

    def flow(self, tree: Tree) -> Flow | None:
        if not isinstance(tree, Mapping):
            self.fault(tree.place, FaultCode.VALUE_INVALID, "a flow is a map with `flow`, `on` and `steps`")
            return None
        keys = self.keys(tree, "a flow", FLOW_KEYS, required=("flow", "on", "steps"))
        name = self.word(keys.get("flow"), "the flow's name")
        if name and not FLOW_NAME.fullmatch(name.text):
            self.fault(
                name.place,
                FaultCode.VALUE_INVALID,
                f"{name.text!r} is no flow name: use a-z, 0-9, `-`, `_` and `.`, such as `whatsapp-to-crm`",
            )
        description = keys.get("description")
        if description is not None and not isinstance(description, Scalar):
            self.fault(description.place, FaultCode.VALUE_INVALID, "`description` is a text")
        return Flow(
            name=name or Word("", tree.place),
            triggers=self.triggers(keys.get("on")),
            key=self.value(keys["key"]) if "key" in keys else None,
            when=self.value(keys["when"]) if "when" in keys else None,
            steps=self.steps(keys.get("steps"), "steps", ""),
            description=description.text if isinstance(description, Scalar) else "",
            allow_cycle=self.word(keys.get("allow_cycle"), "why the circle ends"),
            priority=self.priority(keys.get("priority")),
        )

    def priority(self, tree: Tree | None) -> Word | None:
        word = self.word(tree, "how much of a connection the flow gets")
        if word is not None and word.text not in PRIORITIES:
            text = f"{word.text!r} is no priority: {suggestion(word.text, PRIORITIES)}"
            self.fault(word.place, FaultCode.VALUE_INVALID, text)
            return None
        return word

    def triggers(self, tree: Tree | None) -> tuple[Word, ...]:
        trees = tree.items if isinstance(tree, Sequence) else (tree,)
        if isinstance(tree, Sequence) and not tree.items:
            self.fault(tree.place, FaultCode.VALUE_INVALID, "`on` names no trigger: name one or several")
        words = [word for each in trees if (word := self.word(each, "a trigger's name")) is not None]
        seen: set[str] = set()
        for word in words:
            if word.text in seen:
                self.fault(word.place, FaultCode.KEY_DUPLICATE, f"trigger {word.text!r} stands here twice: keep one")
            seen.add(word.text)
        return tuple({word.text: word for word in words}.values())

    # Steps

    def steps(self, tree: Tree | None, name: str, prefix: str) -> tuple[Step, ...]:
        if tree is None:
            return ()
        if not isinstance(tree, Sequence):
            self.fault(tree.place, FaultCode.VALUE_INVALID, f"`{name}` is a list of steps, each beginning with `- `")
            return ()
        if not tree.items:
            self.fault(tree.place, FaultCode.VALUE_INVALID, f"`{name}` has no step: write one, or leave `{name}` out")
        found = (self.step(item, f"{prefix}{number}") for number, item in enumerate(tree.items))
        return tuple(step for step in found if step is not None)

    def step(self, tree: Tree, path: str) -> Step | None:
        kinds = ", ".join(f"`{kind}`" for kind in STEP_KEYS)
        if not isinstance(tree, Mapping):
            self.fault(tree.place, FaultCode.STEP_KIND, f"a step is a map with one of {kinds}")
            return None
        present = [str(key.value) for key, _ in tree.items]
        found = [kind for kind in STEP_KEYS if kind in present]
        if not found:
            meant = next((near for key in present if (near := nearest(key, STEP_KEYS)) is not None), None)
            if meant is None:
                self.fault(tree.place, FaultCode.STEP_KIND, f"this step says not what to do: write one of {kinds}")
                return None
            found = [meant]
        if len(found) > 1:
            both = " and ".join(f"`{kind}`" for kind in found)
            self.fault(
                tree.place, FaultCode.STEP_KIND, f"a step does one thing, this one has {both}: make it two steps"
            )
        make: dict[str, Callable[[dict[str, Tree], Mapping, str], Step | None]] = {
            "tool": self.tool_step,
            "action": self.action_step,
            "if": self.if_step,
            "switch": self.switch_step,
            "for_each": self.for_each_step,
            "set": self.set_step,
            "wait": self.wait_step,
            "stop": self.stop_step,
        }
        kind = found[0]
        others = [key for other in found[1:] for key in STEP_KEYS[other]]
        keys = self.keys(tree, f"a step with `{kind}`", STEP_KEYS[kind], ignored=others)
        return make[kind](keys, tree, path)

    def tool_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step | None:
        tool = self.word(keys.get("tool"), "a tool's name")
        step_id = self.step_id(keys)
        on_error = self.on_error(keys, path)
        inputs = self.inputs(keys, tree)
        if tool and tool.text == LOOKUP:
            inputs = self.tables.filled(inputs, keys.get("with"))
        return ToolStep(path, tree.place, step_id, tool, inputs, on_error) if tool else None

    def action_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step | None:
        action = self.word(keys.get("action"), "an action's name")
        connection = self.word(keys["connection"], "a connection's name") if "connection" in keys else None
        step_id = self.step_id(keys)
        on_error = self.on_error(keys, path)
        retry = self.retry(keys.get("retry"))
        timeout = self.duration(keys.get("timeout"), "timeout")
        inputs = self.inputs(keys, tree)
        if not action:
            return None
        writes = self.writes(keys.get("writes"), action, connection)
        return ActionStep(path, tree.place, step_id, action, connection, inputs, on_error, retry, timeout, writes)

    def if_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step:
        if "then" not in keys:
            self.fault(tree.place, FaultCode.KEY_MISSING, "`if` needs `then`: the steps for when it is true")
        return IfStep(
            path,
            tree.place,
            self.value(keys["if"]),
            self.steps(keys.get("then"), "then", f"{path}.then."),
            self.steps(keys.get("else"), "else", f"{path}.else."),
        )

    def switch_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step:
        cases: list[Case] = []
        listed = keys.get("cases")
        if not isinstance(listed, Mapping) or not listed.items:
            place = listed.place if listed else tree.place
            self.fault(place, FaultCode.KEY_MISSING, "`switch` needs `cases`: a map from each value to its steps")
        else:
            for number, (key, steps) in enumerate(listed.items):
                prefix = f"{path}.cases.{number}."
                cases.append(Case(Constant(key.value, key.place), self.steps(steps, key.text, prefix)))
        default = self.steps(keys.get("default"), "default", f"{path}.default.")
        return SwitchStep(path, tree.place, self.value(keys["switch"]), tuple(cases), default)

    def set_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step | None:
        values = self.value(keys["set"])
        if not isinstance(values, MapOf) or not values.items:
            self.fault(values.place, FaultCode.VALUE_INVALID, "`set` is a map from names to values")
            return None
        for word, _ in values.items:
            if (why := id_fault(word.text)) is not None:
                self.fault(word.place, FaultCode.ID_INVALID, why)
        return SetStep(path, tree.place, values)

    def stop_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step:
        reason = self.value(keys["stop"])
        if isinstance(reason, ListOf | MapOf) or (isinstance(reason, Constant) and not isinstance(reason.value, str)):
            self.fault(
                reason.place, FaultCode.VALUE_INVALID, "`stop` takes the reason as text, such as `stop: no phone`"
            )
        return StopStep(path, tree.place, reason)

    def for_each_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step:
        name = self.word(keys["as"], "the name of an item") if "as" in keys else None
        if name is not None and (fault := id_fault(name.text)) is not None:
            self.fault(name.place, FaultCode.ID_INVALID, fault)
            name = None
        if "do" not in keys:
            self.fault(tree.place, FaultCode.KEY_MISSING, "`for_each` needs `do`: the steps for each item")
        limit = keys.get("limit")
        most = limit.value if isinstance(limit, Scalar) else None
        if limit is not None and not (
            isinstance(most, int) and not isinstance(most, bool) and 1 <= most <= MOST_ROUNDS
        ):
            self.fault(limit.place, FaultCode.VALUE_INVALID, f"`limit` is a whole number from 1 to {MOST_ROUNDS}")
            most = None
        return ForEachStep(
            path,
            tree.place,
            self.value(keys["for_each"]),
            name or Word(ITEM, keys["for_each"].place),
            most if isinstance(most, int) else ROUNDS,
            self.steps(keys.get("do"), "do", f"{path}.do."),
        )

    def wait_step(self, keys: dict[str, Tree], tree: Mapping, path: str) -> Step:
        given = keys["wait"]
        cancel = self.cancel(keys.get("cancel_on"), path)
        if not isinstance(given, Mapping):
            return WaitStep(path, tree.place, self.length(given, "wait"), None, None, None, cancel)
        parts = self.keys(given, "`wait`", WAIT_KEYS)
        if "for" in parts and "until" in parts:
            self.fault(
                given.place, FaultCode.VALUE_INVALID, "`wait` has `for` and `until`: keep one, or make two steps"
            )
        if not parts.keys() & {"for", "until", "working_hours"}:
            self.fault(given.place, FaultCode.KEY_MISSING, "`wait` needs `for`, `until` or `working_hours`")
        zone = self.zone(parts.get("zone"))
        length = self.length(parts["for"], "for") if "for" in parts else None
        until = self.until(parts["until"], zone) if "until" in parts else None
        hours = self.hours(parts["working_hours"], zone) if "working_hours" in parts else None
        return WaitStep(path, tree.place, length, until, zone, hours, cancel)

    def writes(self, tree: Tree | None, action: Word, connection: Word | None) -> WritesRule | None:
        if tree is None:
            return None
        if action.text in SETS:
            text = f"what `{action.text}` sets is known: take `writes` away"
            self.fault(tree.place, FaultCode.KEY_UNKNOWN, text)
            return None
        if not isinstance(tree, Mapping):
            text = '`writes` is a map, such as { phone: "${ trigger.from }", fields: { name: "${ trigger.name }" } }'
            self.fault(tree.place, FaultCode.VALUE_INVALID, text)
            return None
        keys = self.keys(tree, "`writes`", WRITES_KEYS, required=("fields",))
        system = self.word(keys["system"], "a system's name") if "system" in keys else connection
        if system is None:
            text = "`writes` needs `system`, as there is no `connection`: which system it is that is written to"
            self.fault(tree.place, FaultCode.KEY_MISSING, text)
        aliases = tuple((Word(name, keys[name].place), self.value(keys[name])) for name in ALIASES if name in keys)
        if not aliases:
            text = "`writes` needs `id`, `email` or `phone`: what the entity is known by where it is written to"
            self.fault(tree.place, FaultCode.KEY_MISSING, text)
        fields = self.value(keys["fields"]) if "fields" in keys else MapOf((), tree.place)
        if not isinstance(fields, MapOf):
            self.fault(fields.place, FaultCode.VALUE_INVALID, "`fields` is a map from names of fields to values")
            return None
        return WritesRule(tree.place, system, aliases, fields)

    def cancel(self, tree: Tree | None, path: str) -> CancelRule | None:
        if tree is None:
            return None
        if not isinstance(tree, Mapping):
            text = '`cancel_on` is a map, such as { trigger: closum.lead.created, key: "${ trigger.email }" }'
            self.fault(tree.place, FaultCode.VALUE_INVALID, text)
            return None
        keys = self.keys(tree, "`cancel_on`", CANCEL_KEYS, required=("trigger", "key"))
        trigger = self.word(keys.get("trigger"), "a trigger's name")
        match = self.value(keys["match"]) if "match" in keys else None
        if match is not None and not isinstance(match, Expression):
            text = "`match` is one expression, such as ${ trigger.email }: it reads the key of the event that comes"
            self.fault(match.place, FaultCode.VALUE_INVALID, text)
            match = None
        then = self.way(keys.get("then"), "then", f"{path}.cancel_on.")
        if trigger is None or "key" not in keys:
            return None
        return CancelRule(tree.place, trigger, self.value(keys["key"]), match, then)

    # Parts of steps

    def step_id(self, keys: dict[str, Tree]) -> Word | None:
        if "id" not in keys:
            return None
        word = self.word(keys["id"], "a step's name")
        if word and (why := id_fault(word.text)) is not None:
            self.fault(word.place, FaultCode.ID_INVALID, why)
            return None
        return word

    def inputs(self, keys: dict[str, Tree], tree: Mapping) -> MapOf:
        if "with" not in keys:
            return MapOf((), tree.place)
        value = self.value(keys["with"])
        if isinstance(value, MapOf):
            return value
        self.fault(value.place, FaultCode.VALUE_INVALID, "`with` is a map from input names to values")
        return MapOf((), value.place)

    def on_error(self, keys: dict[str, Tree], path: str) -> Fallback | tuple[Step, ...]:
        return self.way(keys.get("on_error"), "on_error", f"{path}.on_error.")

    def way(self, tree: Tree | None, name: str, prefix: str) -> Fallback | tuple[Step, ...]:
        """`stop`, `continue`, or steps of its own."""
        if tree is None:
            return Fallback.STOP
        if isinstance(tree, Sequence):
            return self.steps(tree, name, prefix)
        if isinstance(tree, Scalar) and tree.value in ("stop", "continue"):
            return Fallback(tree.value)
        self.fault(tree.place, FaultCode.VALUE_INVALID, f"`{name}` is `stop`, `continue`, or a list of steps")
        return Fallback.STOP
