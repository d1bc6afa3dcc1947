"""A flow of random steps, each of which the checker takes: of all kinds, with what surrounds them."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import yaml

from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.load import FlowSource, load_text
from tests.parity.events import Shape

Step = dict[str, Any]
TIMED = frozenset({"digest", "throttle", "sync.current", "sync.resolve"})
"""What depends on when events come: virtual time and the clock do not agree on it."""
MOST_TRIES = 6
MOST_TOLD = 12
LONG = "1h"
"""A wait that only an event ends: the stack is not watched so long."""


@dataclass
class Known:
    """Expressions that can be used here, by what they give."""

    texts: list[str] = field(default_factory=lambda: ['"x"', '"São Tomé"'])
    numbers: list[str] = field(default_factory=lambda: ["1", "20"])
    flags: list[str] = field(default_factory=lambda: ["true"])
    lists: list[str] = field(default_factory=lambda: ['["a", "b"]'])
    values: list[str] = field(default_factory=lambda: ["trigger"])


class Author:
    """Writes one flow."""

    def __init__(self, chance: random.Random, name: str, shape: Shape, catalogue: Catalogue) -> None:
        self._chance = chance
        self._name = name
        self._catalogue = catalogue
        self._known = Known()
        self._number = 0
        self._loop = False
        self._head: Step = {"flow": name, "on": shape.built_in or f"webhook.{name}"}
        self._shape = shape
        self._triggers(shape)

    def flow(self, length: int) -> FlowSource:
        """One with about so many steps."""
        if self._shape.built_in:
            self._keep({"key": "${ 'all' }"})
        elif self._chance.random() < 0.3:
            self._keep({"key": "${ trigger.who }" if self._chance.random() < 0.7 else "${ 'all' }"})
        if self._chance.random() < 0.2:
            self._keep({"when": f"${{ {self._flag()} }}"})
        steps: list[Step] = []
        source: FlowSource | None = None
        for _ in range(length):
            for _ in range(MOST_TRIES):
                before, number = deepcopy(self._known), self._number
                step = self._step(0)
                if (found := self._checked([*steps, step])) is not None:
                    source = found
                    steps.append(step)
                    break
                self._known, self._number = before, number
        if source is not None:
            source = self._checked([*steps, *self._last(steps)]) or source
        if source is None:
            source = self._checked([{"stop": "nothing"}])
        assert source is not None, self._head
        return source

    def _last(self, steps: list[Step]) -> list[Step]:
        """A call that tells what is known at the end, without what the checker does not take."""
        known = self._known
        every = list(dict.fromkeys((*known.values, *known.texts, *known.numbers, *known.flags)))
        said = self._chance.sample(every, min(len(every), MOST_TOLD))
        told = {f"told{number}": f"${{ {each} }}" for number, each in enumerate(said)}
        given = {"method": "POST", "url": "/last", "json": told, "repeat": "always"}
        last = [{"action": "http.request", "connection": self._name, "with": given}]
        text = self._text_of([*steps, *last])
        lines = text.splitlines()
        for fault in check(load_text(text)[0], self._catalogue, {self._name: None}):
            told.pop(lines[fault.line - 1].strip().partition(":")[0], None)
        return last

    def _text_of(self, steps: list[Step]) -> str:
        return yaml.safe_dump({**self._head, "steps": steps}, sort_keys=False, allow_unicode=True, width=10_000)

    def _keep(self, more: Step) -> None:
        """Only what the checker takes."""
        before = dict(self._head)
        self._head |= more
        if self._checked([{"stop": "nothing"}]) is None:
            self._head = before

    def _checked(self, steps: list[Step]) -> FlowSource | None:
        sources, faults = load_text(self._text_of(steps))
        if faults or check(sources, self._catalogue, {self._name: None}):
            return None
        return sources[0]

    def _triggers(self, shape: Shape) -> None:
        known = self._known
        known.texts += [] if shape.built_in else ["trigger.id", "trigger.who"]
        for name, schema, needed in shape.fields:
            kind = schema["type"]
            default = {"string": '"none"', "integer": "7", "number": "7.5", "boolean": "false", "array": "[]"}[kind]
            read = f"trigger.{name}" if needed else f"trigger.?{name}.orValue({default})"
            if not needed:
                known.flags.append(f"has(trigger.{name})")
                known.values.append(f"trigger.?{name}")
            if kind == "string":
                known.texts.append(read)
            elif kind == "boolean":
                known.flags.append(read)
            elif kind == "array":
                known.numbers.append(f"{read}.size()")
                if schema["items"]["type"] == "string":
                    known.lists.append(read)
                else:
                    known.lists.append(f"{read}.map(l, l.sku)")
                    known.numbers.append(f"{read}.filter(l, l.?count.orValue(0) > 1).size()")
            else:
                known.numbers.append(read)

    # What an expression is made of

    def _one(self, *made: Callable[[], str]) -> str:
        return self._chance.choice(made)()

    def _text(self, depth: int = 0) -> str:
        known = self._chance.choice(self._known.texts)
        if depth > 1 or self._chance.random() < 0.5:
            return known
        return self._one(
            lambda: f"{self._text(2)}.trim()",
            lambda: f"{self._text(2)}.upper()",
            lambda: f"{self._text(2)}.replace('a', 'ç')",
            lambda: f"string({self._numbered()})",
            lambda: f"({self._flag(2)} ? {self._text(2)} : {self._text(2)})",
            lambda: f"{self._text(2)} + {self._text(2)}",
            lambda: f"{self._list()}.join('+')",
            lambda: f"{self._list()}[?0].orValue('none')",
            lambda: f"{self._text(2)}.split(' ')[?1].orValue('')",
        )

    def _numbered(self) -> str:
        known = self._chance.choice(self._known.numbers)
        return self._chance.choice((known, known, f"{known} + 1", f"{known} * 2", f"({known} > 3 ? {known} : 3)"))

    def _flag(self, depth: int = 0) -> str:
        made = [
            lambda: self._chance.choice(self._known.flags),
            lambda: f"{self._text(2)} == {self._text(2)}",
            lambda: f"{self._text(2)} == ''",
            lambda: f"{self._numbered()} > {self._chance.choice((0, 2, 2.5))}",
            lambda: f"{self._text(2)}.contains('a')",
            lambda: f"'a' in {self._list()}",
        ]
        if depth < 2:
            made += [
                lambda: f"!({self._flag(2)})",
                lambda: f"{self._flag(2)} && {self._flag(2)}",
                lambda: f"{self._flag(2)} || {self._flag(2)}",
            ]
        return self._one(*made)

    def _list(self) -> str:
        known = self._chance.choice(self._known.lists)
        return self._chance.choice((known, known, f"{known}.filter(t, t != '')", f"{known}.map(t, t.lower())"))

    def _any(self) -> str:
        return self._one(
            self._text, self._numbered, self._flag, self._list, lambda: self._chance.choice(self._known.values)
        )

    def _json(self) -> Any:
        return {name: f"${{ {self._any()} }}" for name in self._chance.sample("abcdef", self._chance.randint(1, 4))}

    # Steps

    def _step(self, depth: int) -> Step:
        kinds: list[tuple[int, Callable[[int], Step]]] = [
            (6, self._tool), (8, self._action), (2, self._set), (1, self._closum), (1, self._wait),
        ]  # fmt: skip
        if depth < 2:
            kinds += [(3, self._if), (1, self._switch), (0 if self._loop else 2, self._for_each)]
        if depth:
            kinds.append((1, lambda _: self._stop()))
        (made,) = self._chance.choices([one for _, one in kinds], [weight for weight, _ in kinds])
        return made(depth)

    def _id(self) -> str:
        self._number += 1
        return f"s{self._number}"

    def _steps(self, depth: int) -> list[Step]:
        """Those of a branch: what they give is not known after it."""
        before = deepcopy(self._known)
        made = [self._step(depth + 1) for _ in range(self._chance.choice((1, 1, 2)))]
        self._known = before
        return made

    def _on_error(self, depth: int) -> Step:
        chance = self._chance.random()
        if chance < 0.5 or depth > 1:
            return {} if chance < 0.3 else {"on_error": "continue"}
        return {"on_error": self._steps(depth)}

    def _tool(self, depth: int) -> Step:
        name = self._chance.choice([name for name in self._catalogue.tools if name not in TIMED])
        tool = self._catalogue.tools[name]
        given = deepcopy(dict(self._chance.choice(tool.examples).inputs)) if tool.examples else {}
        for key, value in given.items():
            if key in ("within", "per", "for", "keep"):
                given[key] = "30d"
            elif isinstance(value, str) and self._chance.random() < 0.6:
                given[key] = f"${{ {self._text()} }}"
            elif isinstance(value, bool) and self._chance.random() < 0.3:
                given[key] = f"${{ {self._flag()} }}"
            elif isinstance(value, list) and value and isinstance(value[0], str) and self._chance.random() < 0.5:
                given[key] = f"${{ {self._list()} }}"
        one = self._id()
        step = {"id": one, "tool": name, "with": given, **self._on_error(depth)}
        self._gave(one, tool.outputs.model_fields, sure="on_error" not in step)
        return step

    def _gave(self, one: str, fields: Any, *, sure: bool) -> None:
        if not sure:
            self._known.flags += [f"has({one})", f"has(errors.{one})"]
            self._known.texts += [f"errors.?{one}.?code.orValue('well')", f"errors.?{one}.?cause.orValue('well')"]
            self._known.values.append(f"errors.?{one}")
            return
        self._known.values.append(one)
        for name, declared in fields.items():
            shown = declared.alias or name
            if declared.annotation is str:
                self._known.texts.append(f"{one}.{shown}")
            elif declared.annotation is bool:
                self._known.flags.append(f"{one}.{shown}")
            elif declared.annotation is int:
                self._known.numbers.append(f"{one}.{shown}")

    def _action(self, depth: int) -> Step:
        one, chance = self._id(), self._chance
        method = chance.choice(("GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD"))
        where = (
            "/${ item }" if self._loop and chance.random() < 0.3 else chance.choice(("", "", f"/${{ {self._text()} }}"))
        )
        given: Step = {"method": method, "url": f"/{one}{where}"}
        if chance.random() < 0.3:
            given["query"] = {"q": f"${{ {self._text()} }}", "n": f"${{ {self._numbered()} }}"}
        if chance.random() < 0.2:
            given["headers"] = {"X-Note": chance.choice(("plain", f"${{ {self._text()} }}"))}
        if method in ("POST", "PUT", "PATCH"):
            given |= self._body()
        if method in ("POST", "PATCH"):
            given |= self._guarantee(one)
        if chance.random() < 0.15:
            given["expect_status"] = chance.sample((200, 201, 204, 404, 409, 422), 3)
        if chance.random() < 0.15:
            given["json_schema"] = {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
            }
        step: Step = {"id": one, "action": "http.request", "connection": self._name, "with": given}
        step["retry"] = chance.choice(
            ({"attempts": 1}, {"attempts": 2}, {"attempts": 3, "within": "5m"}, {"schedule": ["50ms", "100ms"]})
        )
        step |= self._on_error(depth)
        if "on_error" not in step:
            self._known.values += [one, f"{one}.json"]
            self._known.numbers.append(f"{one}.status")
            self._known.flags += [
                f"has({one}.json.name)",
                f"has({one}.json.next)",
                f"{one}.?json.?ok.orValue(false) == true",
            ]
            self._known.texts.append(f"string({one}.?json.?name.orValue('nobody'))")
            if "json_schema" in given:
                self._known.numbers.append(f"{one}.json.id")
        else:
            self._gave(one, {}, sure=False)
            self._known.numbers.append(f"{one}.?status.orValue(0)")
        return step

    def _body(self) -> Step:
        kind = self._chance.random()
        if kind < 0.75:
            return {"json": self._json() if kind < 0.6 else f"${{ {self._any()} }}"}
        if kind < 0.9:
            return {"form": {"a": f"${{ {self._text()} }}", "b": f"${{ {self._flag()} }}"}}
        return {"text": f"said ${{ {self._text()} }}"}

    def _guarantee(self, one: str) -> Step:
        kind = self._chance.random()
        if kind < 0.4:
            return {"repeat": "never", "verify": {"url": f"/{one}/there", "query": {"of": f"${{ {self._text()} }}"}}}
        return {"repeat": self._chance.choice(("always", "keyed", "never"))} if kind < 0.65 else {}

    def _closum(self, depth: int) -> Step:
        name = self._chance.choice([name for name in self._catalogue.actions if name.startswith("closum.")])
        action = self._catalogue.actions[name]
        given = deepcopy(dict(self._chance.choice(action.examples).inputs))
        for key, value in given.items():
            if isinstance(value, str) and self._chance.random() < 0.3:
                given[key] = f"${{ {self._text()} }}"
        one = self._id()
        step = {"id": one, "action": name, "connection": self._name, "with": given, "retry": {"attempts": 2}}
        step |= self._on_error(depth)
        self._gave(one, action.outputs.model_fields, sure="on_error" not in step)
        return step

    def _set(self, depth: int) -> Step:
        name = f"v{self._chance.randint(1, 3)}" if depth == 0 else self._id()
        kind = self._chance.randrange(3)
        said = (self._text, self._numbered, self._list)[kind]()
        if not any(name in each for each in (*self._known.texts, *self._known.numbers, *self._known.lists)):
            (self._known.texts, self._known.numbers, self._known.lists)[kind].append(name)
        return {"set": {name: f"${{ {said} }}"}}

    def _wait(self, depth: int) -> Step:
        kind = self._chance.random()
        if kind < 0.3:
            return {"wait": self._chance.choice(("10ms", "300ms"))}
        if kind < 0.4:
            return {"wait": {"until": "2020-01-01T00:00:00Z"}}
        cancel: Step = {"trigger": f"webhook.{self._name}-reply", "key": "${ trigger.id }"}
        ends = self._chance.random()
        if ends < 0.7:
            cancel["then"] = "continue" if ends < 0.4 else self._steps(depth + 1)
        if self._chance.random() < 0.4:
            cancel["as"] = self._id()
            self._known.texts.append(f"{cancel['as']}.?text.orValue('no reply')")
            self._known.flags.append(f"has({cancel['as']})")
        return {"wait": self._chance.choice((LONG, LONG, "300ms")), "cancel_on": cancel}

    def _if(self, depth: int) -> Step:
        step: Step = {"if": f"${{ {self._flag()} }}", "then": self._steps(depth)}
        return step | ({"else": self._steps(depth)} if self._chance.random() < 0.5 else {})

    def _switch(self, depth: int) -> Step:
        if self._chance.random() < 0.5:
            step: Step = {
                "switch": f"${{ {self._text()} }}",
                "cases": {"x": self._steps(depth), "Ana": self._steps(depth)},
            }
        else:
            step = {"switch": f"${{ {self._numbered()} }}", "cases": {1: self._steps(depth), 20: self._steps(depth)}}
        return step | ({"default": self._steps(depth)} if self._chance.random() < 0.6 else {})

    def _for_each(self, depth: int) -> Step:
        said = self._list()
        before, self._loop = deepcopy(self._known), True
        self._known.texts += ["item", "item"]
        made = [self._step(depth + 1) for _ in range(self._chance.choice((1, 2)))]
        self._known, self._loop = before, False
        return {"for_each": f"${{ {said} }}", "do": made, **({"limit": 2} if self._chance.random() < 0.1 else {})}

    def _stop(self) -> Step:
        return {"stop": self._chance.choice(("enough", f"because ${{ {self._text()} }}"))}
