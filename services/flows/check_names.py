"""The names of a flow: where they stand, what each is, and which are faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.flows.catalogue import Action, Catalogue, Tool
from services.flows.faults import Fault, FaultCode, suggestion
from services.flows.load import FlowSource
from services.flows.names import ERRORS, EVENT, TRIGGER, id_fault
from services.flows.output_shapes import outputs_of
from services.flows.places import Place
from services.flows.presence import Names
from services.flows.scope import EVENT_FIELDS
from services.flows.shapes import ANY, INT, TEXT, Field, Kind, Shape
from services.flows.syntax import (
    ActionStep,
    Fallback,
    Flow,
    ForEachStep,
    SetStep,
    ToolStep,
    walk,
)
from services.flows.types import Types

TIME = Shape(Kind.TEXT, refined="timestamp")


class NameCheck:
    """The names of one flow. `variables` is what each is, `faults` what was found so far."""

    def __init__(self, source: FlowSource, catalogue: Catalogue, types: Types) -> None:
        self.file = source.file
        self.flow: Flow = source.flow
        self.catalogue = catalogue
        self.types = types
        self.shapes = types.shapes
        self.faults: list[Fault] = []
        self.names = self.collect_names()
        self.variables = self.typed_variables()

    def report(self, place: Place, code: FaultCode, text: str) -> None:
        """Report a fault of this file."""
        self.faults.append(Fault(self.file, place.line, place.col, code, text))

    def collect_names(self) -> Names:
        """The names of steps and variables, each with its place. Those that two things have are faults."""
        steps: dict[str, Place] = {}
        variables: dict[str, Place] = {}
        items: dict[str, Place] = {}
        survivable: set[str] = set()
        for step in walk(self.flow.steps):
            if isinstance(step, ToolStep | ActionStep) and step.id is not None:
                name = step.id.text
                if name in steps:
                    text = f"a step {name!r} stands in line {steps[name].line} already: choose another name"
                    self.report(step.id.place, FaultCode.ID_DUPLICATE, text)
                steps.setdefault(name, step.id.place)
                if step.on_error is not Fallback.STOP:
                    survivable.add(name)
            elif isinstance(step, SetStep):
                for word, _ in step.values.items:
                    variables.setdefault(word.text, word.place)
            elif isinstance(step, ForEachStep):
                items.setdefault(step.name.text, step.name.place)
        # A name that cannot be used was reported, and takes nothing from who has it.
        variables = {name: place for name, place in variables.items() if id_fault(name) is None}
        for name in variables.keys() & items.keys():
            text = f"{name!r} is the item of the loop in line {items[name].line}: choose another name"
            self.report(variables[name], FaultCode.ID_DUPLICATE, text)
        variables = {**items, **variables}
        for name in steps.keys() & variables.keys():
            text = f"{name!r} is the name of the step in line {steps[name].line}: choose another name"
            self.report(variables.pop(name), FaultCode.ID_DUPLICATE, text)
        return Names(steps, variables, frozenset(survivable))

    def typed_variables(self) -> dict[str, Shape]:
        """What each name of an expression is, as far as it is known before the first step."""
        error = {"code": Field(TEXT), "cause": Field(TEXT), "attempts": Field(INT)}
        variables = {
            TRIGGER: self.trigger(),
            EVENT: self.event(word.text for word in self.flow.triggers),
            ERRORS: Shape(Kind.MAP, self.shapes.once("an error", error)),
        }
        variables |= dict.fromkeys(self.names.variables, ANY)
        for step in walk(self.flow.steps):
            if isinstance(step, ToolStep | ActionStep) and step.id is not None:
                made = self.catalogue_entry(step)
                variables.setdefault(step.id.text, outputs_of(made, step.inputs, self.shapes) if made else ANY)
        return variables

    def event(self, types: Iterable[str]) -> Shape:
        """What `event` is, when it is of one of these types."""
        said = {"time": Field(TIME), "type": Field(replace(TEXT, values=tuple(types)))}
        return self.shapes.once("`event`", dict.fromkeys(EVENT_FIELDS, Field(TEXT)) | said)

    def catalogue_entry(self, step: ToolStep | ActionStep) -> Tool | Action | None:
        """The tool or action of a step, if there is one of this name."""
        if isinstance(step, ToolStep):
            return self.catalogue.tools.get(step.tool.text)
        return self.catalogue.actions.get(step.action.text)

    def trigger(self) -> Shape:
        """What `trigger` is: with several triggers, what all of them have."""
        shapes: list[Shape] = []
        for word in self.flow.triggers:
            model = self.catalogue.triggers.get(word.text)
            if model is None:
                near = suggestion(word.text, self.catalogue.triggers)
                self.report(word.place, FaultCode.TRIGGER_UNKNOWN, f"no trigger is named {word.text!r}: {near}")
            else:
                shapes.append(self.shapes.of_model(model, "serialization", "`trigger`"))
        if not shapes or len(shapes) != len(self.flow.triggers):
            return ANY
        if len(shapes) == 1:
            return shapes[0]
        every = [self.shapes.fields(shape) for shape in shapes]
        fields: dict[str, Field] = {}
        for name in dict.fromkeys(name for each in every for name in each):
            found = [each[name] for each in every if name in each]
            same = all(field.shape == found[0].shape for field in found)
            maybe = len(found) < len(every) or any(field.maybe for field in found)
            fields[name] = Field(found[0].shape if same else ANY, maybe=maybe)
        return self.shapes.once("`trigger`", fields)
