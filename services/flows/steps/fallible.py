"""What steps have in common that are given inputs, give an output, and can fail: `id`, `with`, `on_error`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from services.flows.catalogue import Action, Tool
from services.flows.check_values import ValueCheck
from services.flows.keys import REACTION, TEXT, Key
from services.flows.names import ERRORS, id_fault
from services.flows.output_shapes import lengths_of, outputs_of, wrong_schemas
from services.flows.presence import PresenceState, join, without
from services.flows.shapes import ANY, Shape
from services.flows.steps.kind import Fallback, Reaction, Step, StepCheck, StepReader, Way
from services.flows.steps.node import DONE, ON_ERROR
from services.flows.syntax import MapOf, Value, Word
from services.flows.wording import pairs
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Tree

ID = Key("id", "the name of the step's output", {**TEXT, "pattern": "^[a-zA-Z_][a-zA-Z0-9_]{0,63}$"})
WITH = Key("with", "the inputs", {"type": "object"})
ON_ERROR_KEY = Key("on_error", "what a failure does: stop (the default), continue, or steps", REACTION)


def read_id(reader: StepReader, keys: Mapping[str, Tree]) -> Word | None:
    """The step's name, if it has one that it can have."""
    if "id" not in keys:
        return None
    word = reader.word(keys["id"], "a step's name")
    if word and (why := id_fault(word.text)) is not None:
        reader.fault(word.location, FaultCode.ID_INVALID, why)
        return None
    return word


def read_inputs(reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree) -> MapOf:
    """What stands under `with`."""
    if "with" not in keys:
        return MapOf((), tree.location)
    value = reader.value(keys["with"])
    if isinstance(value, MapOf):
        return value
    reader.fault(value.location, FaultCode.VALUE_INVALID, "`with` is a map from input names to values")
    return MapOf((), value.location)


def read_on_error(reader: StepReader, keys: Mapping[str, Tree], path: str) -> Reaction:
    """What a failure does."""
    return reader.reaction(keys.get("on_error"), "on_error", f"{path}.on_error.")


def ways_of(*reactions: tuple[str, Reaction]) -> tuple[Way, ...]:
    """Done, or on by one of the reactions, each under its name; none where there is no reaction but to stop."""
    others = [(name, each) for name, each in reactions if each is not Fallback.STOP]
    drawn = any(isinstance(each, tuple) for _, each in others)
    ways = [Way(name, each if isinstance(each, tuple) else (), drawn=isinstance(each, tuple)) for name, each in others]
    return (Way(DONE, drawn=drawn), *ways) if ways else ()


def unknown(word: Word, kind: str, own: Collection[str], other: str, others: Collection[str]) -> str:
    """That the catalogue has no `kind` (a tool, an action) of this name, and what was probably meant."""
    article = "an" if other.startswith(tuple("aeiou")) else "a"
    hint = f" (it is {article} {other}: write `{other}:`)" if word.text in others else ""
    return f"no {kind} is named {word.text!r}{hint}: {suggestion(word.text, own)}"


@dataclass(frozen=True, slots=True)
class FallibleStep(Step):
    """The base of `tool` and `action`."""

    id: Word | None
    inputs: MapOf
    on_error: Reaction

    @property
    def output(self) -> Word | None:
        """Its `id`."""
        return self.id

    def _reactions(self) -> tuple[Reaction, ...]:
        """What is done where it has no output."""
        return (self.on_error,)

    @property
    def survivable(self) -> bool:
        """Where `on_error` says so."""
        return any(each is not Fallback.STOP for each in self._reactions())

    def all_values(self) -> Iterator[Value]:
        """Its inputs."""
        yield self.inputs

    def ways(self) -> tuple[Way, ...]:
        """Done, or failed and on in spite of it."""
        return ways_of((ON_ERROR, self.on_error))

    def entry_shape(self, entry: Tool | Action | None, check: ValueCheck) -> Shape:
        """What the output is, if the step does this."""
        return outputs_of(entry, self.inputs, check.shapes) if entry else ANY

    def check_inputs(self, check: StepCheck, entry: Tool | Action | None, owner: Word) -> None:
        """What is given to it; to what nobody knows, anything can be given."""
        if entry is None:
            check.inputs.value(self.inputs, ANY, "")
            return
        shape = check.shapes.of_model(entry.inputs, "validation", f"`{entry.name}`")
        check.inputs.check(self.inputs, entry.inputs, owner, shape)
        name = self.id.text if self.id else ""
        if name in check.variables and (lengths := lengths_of(entry, self.inputs, check.shapes, check.inputs.length)):
            check.variables[name] = replace(check.variables[name], lengths=lengths)
        reported = {(fault.line, fault.col) for fault in check.faults}
        for location, text in wrong_schemas(entry, self.inputs, check.shapes):
            if (location.line, location.col) not in reported:
                check.report(location, FaultCode.INPUT_VALUE, text)

    def check_after(self, check: StepCheck) -> None:
        """What is known after it: that it is done, or that it failed and what the reaction did."""
        name = self.id.text if self.id else None
        before = check.state
        done = before.done(name) if name else before
        reactions = [each for each in self._reactions() if each is not Fallback.STOP]
        if not reactions:
            check.state = done
            return
        # Another error can be held from here on.
        before, done = (replace(each, truths=without(each.truths, ERRORS)) for each in (before, done))
        tried = frozenset({f"?{name}"}) if name else frozenset()
        failed = before.with_facts(tried | (frozenset({f"{ERRORS}.{name}"}) if name else tried))
        failed = replace(failed, may=done.may)
        ways = [self._check_reaction(check, failed, each) for each in reactions]
        check.state = join([done.with_facts(tried), *ways])

    def _check_reaction(self, check: StepCheck, state: PresenceState, reaction: Reaction) -> PresenceState:
        """What is known after one of the reactions, from this state on."""
        return check.way(state, reaction if isinstance(reaction, tuple) else ())

    def given_details(self) -> tuple[str, ...]:
        """Its inputs, for people."""
        return pairs(self.inputs)

    def failure_details(self) -> tuple[str, ...]:
        """What its failure does, for people, where no picture shows it."""
        return ("goes on when it fails",) if self.on_error is Fallback.CONTINUE else ()

    def titled(self, name: str) -> str:
        """Its title, by the name of what it does."""
        return f"{self.id.text}: {name}" if self.id is not None else name
