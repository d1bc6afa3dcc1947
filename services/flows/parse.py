"""YAML tree → flow. Goes on after every fault, so that one run reports them all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from collections.abc import Mapping as Map
from datetime import UTC
from typing import Any

from contracts.actions import LONGEST_WAIT_SECONDS, MOST_WAITS, Priority
from contracts.writes import SETS
from services.flows.durations import DurationError, parse_duration
from services.flows.faults import Fault, FaultCode, nearest, suggestion
from services.flows.hours import HoursError, days_of, holidays_of, stretches_of, zone_of
from services.flows.names import FLOW_NAME, id_fault
from services.flows.nodes import Mapping, Scalar, Sequence, Tree
from services.flows.places import Place
from services.flows.sync import ALIASES
from services.flows.syntax import (
    ActionStep,
    CancelRule,
    Case,
    Constant,
    Expression,
    Fallback,
    Flow,
    ForEachStep,
    HoursRule,
    IfStep,
    ListOf,
    MapOf,
    RetryRule,
    SetStep,
    Step,
    StopStep,
    SwitchStep,
    Template,
    ToolStep,
    Value,
    WaitStep,
    Word,
    WritesRule,
)
from services.flows.tables import LOOKUP, Tables
from services.flows.templates import Hole, TemplateError, split
from services.flows.waiting import moment_of

LONGEST_EXPRESSION = 4000
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
WAIT_KEYS = ("for", "until", "zone", "working_hours")
HOURS_KEYS = ("zone", "days", "hours", "holidays")
WRITES_KEYS = ("system", "id", "email", "phone", "fields")
CANCEL_KEYS = ("trigger", "key", "match", "then")
RETRY_KEYS = ("attempts", "within", "schedule")
PRIORITIES = tuple(one.value for one in Priority)
MAX_ATTEMPTS = 100
ITEM = "item"  # the name of an item where the flow gives none
ROUNDS = 100  # of a `for_each` without `limit`
MOST_ROUNDS = 1000


def parse(file: str, tree: Tree, tables: Tables) -> tuple[Flow | None, list[Fault]]:
    """The flow of one document, as far as it could be understood, and all faults of its form."""
    parser = _Parser(file, tables)
    return parser.flow(tree), parser.faults


class _Parser:
    """One document. Methods return None (or nothing) where they reported a fault."""

    def __init__(self, file: str, tables: Tables) -> None:
        self.file = file
        self.tables = tables
        self.faults: list[Fault] = []

    def fault(self, place: Place, code: FaultCode, text: str) -> None:
        self.faults.append(Fault(self.file, place.line, place.col, code, text))

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

    # Parts of waits

    def length(self, tree: Tree, name: str) -> Value:
        value = self.value(tree)
        if isinstance(value, Constant):
            self.duration(tree, name)
        elif isinstance(value, ListOf | MapOf):
            self.fault(tree.place, FaultCode.DURATION_INVALID, f"`{name}` is a duration, such as 30s or 2h")
        return value

    def until(self, tree: Tree, zone: Word | None) -> Value:
        value = self.value(tree)
        if isinstance(value, Constant):
            text = tree.text if isinstance(tree, Scalar) else ""
            try:
                moment_of(text, UTC if zone is not None else None)
            except ValueError:
                remedy = "write it as 2026-12-24T18:00:00+00:00, or without offset and with `zone`"
                self.fault(tree.place, FaultCode.VALUE_INVALID, f"`until`: {text!r} is no moment: {remedy}")
            return Constant(text, tree.place)
        if isinstance(value, ListOf | MapOf):
            self.fault(tree.place, FaultCode.VALUE_INVALID, "`until` is a moment, such as ${ trigger.starts_at }")
        return value

    def zone(self, tree: Tree | None) -> Word | None:
        word = self.word(tree, "a time zone")
        if word is not None and self.refuses(word.place, zone_of, word.text):
            return None
        return word

    def hours(self, tree: Tree, zone: Word | None) -> HoursRule | None:
        if not isinstance(tree, Mapping):
            text = "`working_hours` is a map, such as { zone: Europe/Lisbon, days: mon-fri, hours: 09:00-18:00 }"
            self.fault(tree.place, FaultCode.VALUE_INVALID, text)
            return None
        keys = self.keys(tree, "`working_hours`", HOURS_KEYS)
        if "zone" in keys:
            zone = self.zone(keys["zone"]) or Word("UTC", tree.place)
        elif zone is None:
            text = "`working_hours` needs `zone`, such as Europe/Lisbon"
            self.fault(tree.place, FaultCode.KEY_MISSING, text)
            zone = Word("UTC", tree.place)
        days, hours = (self.listed(keys.get(name), name) for name in ("days", "hours"))
        if days is not None:
            self.refuses(keys["days"].place, days_of, days)
        if hours is not None:
            self.refuses(keys["hours"].place, stretches_of, hours)
        holidays = self.listed(keys.get("holidays"), "holidays")
        each = tuple(part.strip() for part in holidays.split(",")) if holidays else ()
        if each:
            self.refuses(keys["holidays"].place, holidays_of, each)
        return HoursRule(zone, days, hours, each)

    def listed(self, tree: Tree | None, name: str) -> str | None:
        """A text, or a list of texts as one text with commas."""
        items = tree.items if isinstance(tree, Sequence) else (tree,)
        texts = [item.text for item in items if isinstance(item, Scalar)]
        if tree is not None and (len(texts) != len(items) or not texts):
            self.fault(tree.place, FaultCode.VALUE_INVALID, f"`{name}` is a text, or a list of texts")
            return None
        return ",".join(texts) if texts else None

    def refuses(self, place: Place, read: Callable[[Any], object], given: object) -> bool:
        """Whether a part of working hours is none. Reports it."""
        try:
            read(given)
        except HoursError as error:
            self.fault(place, FaultCode.VALUE_INVALID, str(error))
            return True
        return False

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

    def retry(self, tree: Tree | None) -> RetryRule | None:
        if tree is None:
            return None
        if not isinstance(tree, Mapping):
            text = "`retry` is a map, such as { attempts: 8, within: 2d } or { schedule: [10s, 1m, 10m] }"
            self.fault(tree.place, FaultCode.VALUE_INVALID, text)
            return None
        keys = self.keys(tree, "`retry`", RETRY_KEYS)
        schedule = self.schedule(keys.get("schedule"))
        if "schedule" in keys and "attempts" in keys:
            text = "`attempts` and `schedule`: the number of waits says how often. Keep one of the two"
            self.fault(keys["attempts"].place, FaultCode.VALUE_INVALID, text)
        attempts = keys.get("attempts")
        count: int | None = None
        if attempts is not None:
            value = attempts.value if isinstance(attempts, Scalar) else None
            if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_ATTEMPTS:
                count = value
            else:
                self.fault(
                    attempts.place, FaultCode.VALUE_INVALID, f"`attempts` is a whole number from 1 to {MAX_ATTEMPTS}"
                )
        return RetryRule(count, self.duration(keys.get("within"), "within"), tree.place, schedule)

    def schedule(self, tree: Tree | None) -> tuple[float, ...]:
        """The waits; none where there is no schedule, or a faulty one."""
        if tree is None:
            return ()
        if not isinstance(tree, Sequence) or not 1 <= len(tree.items) <= MOST_WAITS:
            text = f"`schedule` is a list of 1 to {MOST_WAITS} durations, such as [10s, 1m, 10m, 1h]: the waits in turn"
            self.fault(tree.place, FaultCode.VALUE_INVALID, text)
            return ()
        waits = [self.duration(item, "schedule") for item in tree.items]
        for item, wait in zip(tree.items, waits, strict=True):
            if wait is not None and wait > LONGEST_WAIT_SECONDS:
                self.fault(item.place, FaultCode.VALUE_INVALID, "`schedule`: one wait is at most 3d")
        return tuple(wait for wait in waits if wait is not None and wait <= LONGEST_WAIT_SECONDS)

    def duration(self, tree: Tree | None, name: str) -> float | None:
        if tree is None:
            return None
        if not isinstance(tree, Scalar):
            self.fault(tree.place, FaultCode.DURATION_INVALID, f"`{name}` is a duration, such as 30s or 2h")
            return None
        try:
            return parse_duration(tree.text)
        except DurationError as error:
            self.fault(tree.place, FaultCode.DURATION_INVALID, f"`{name}`: {error}")
            return None

    # Small things

    def keys(
        self,
        tree: Mapping,
        what: str,
        known: tuple[str, ...],
        *,
        required: tuple[str, ...] = (),
        ignored: Collection[str] = (),
    ) -> dict[str, Tree]:
        """Values by key. A key that is nearly a known one is reported, and taken as the known one."""
        present = {str(key.value) for key, _ in tree.items}
        found: dict[str, Tree] = {}
        for key, value in tree.items:
            name = str(key.value)
            if key.value is True and "on" in known:
                self.fault(key.place, FaultCode.YAML_TRAP, "a tool for YAML 1.1 wrote `true` for `on`: write `on:`")
                name = "on"
            elif name not in known:
                if name not in ignored:
                    self.fault(
                        key.place,
                        FaultCode.KEY_UNKNOWN,
                        f"{what} has no key {name!r}: {suggestion(name, known)}",
                    )
                meant = nearest(name, known)
                if meant is None or meant in present:
                    continue
                name = meant
            found.setdefault(name, value)
        for name in required:
            if name not in found:
                self.fault(tree.place, FaultCode.KEY_MISSING, f"{what} needs `{name}`")
        return found

    def word(self, tree: Tree | None, what: str) -> Word | None:
        """A name. Absent ones were reported where the key is required."""
        if tree is None:
            return None
        if not isinstance(tree, Scalar) or not isinstance(tree.value, str) or not tree.value.strip():
            self.fault(tree.place, FaultCode.VALUE_INVALID, f"here stands {what}, a text")
            return None
        if "${" in tree.value:
            self.fault(tree.place, FaultCode.VALUE_INVALID, f"here stands {what}: it is fixed, not an expression")
            return None
        return Word(tree.value.strip(), tree.place)

    def value(self, tree: Tree) -> Value:
        """A value with the expressions in it."""
        if isinstance(tree, Sequence):
            return ListOf(tuple(self.value(item) for item in tree.items), tree.place)
        if isinstance(tree, Mapping):
            return MapOf(tuple(self.entries(tree)), tree.place)
        if isinstance(tree.value, str) and "${" in tree.value:
            return self.template(tree, tree.value)
        return Constant(tree.value, tree.place)

    def entries(self, tree: Mapping) -> list[tuple[Word, Value]]:
        found: list[tuple[Word, Value]] = []
        for key, item in tree.items:
            if isinstance(key.value, str):
                found.append((Word(key.value, key.place), self.value(item)))
            else:
                self.fault(
                    key.place, FaultCode.YAML_TRAP, f'YAML reads the key {key.text!r} as no text: write "{key.text}"'
                )
        return found

    def template(self, tree: Scalar, text: str) -> Value:
        try:
            parts = split(text)
        except TemplateError as error:
            place = tree.origin.part(text, error.at, error.at).start
            self.fault(place, FaultCode.EXPRESSION_INVALID, str(error))
            return Constant("", tree.place)
        made = [self.expression(tree, text, part) if isinstance(part, Hole) else part for part in parts]
        around = [part for part in made if not (isinstance(part, str) and not part.strip())]
        if len(around) == 1 and isinstance(around[0], Expression):
            return around[0]
        if all(isinstance(part, str) for part in made):
            return Constant("".join(str(part) for part in made), tree.place)
        return Template(tuple(made), tree.place)

    def expression(self, tree: Scalar, text: str, hole: Hole) -> Expression:
        origin = tree.origin.part(text, hole.start, hole.end)
        if not hole.source:
            self.fault(origin.start, FaultCode.EXPRESSION_INVALID, "there is no expression between `${` and `}`")
        elif len(hole.source) > LONGEST_EXPRESSION:
            self.fault(
                origin.start,
                FaultCode.EXPRESSION_INVALID,
                f"this expression is over {LONGEST_EXPRESSION} characters: use steps with `set`",
            )
        return Expression(hole.source, origin)
