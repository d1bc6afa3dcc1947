"""The names of a flow: where they stand, what each is, and which are faults."""

from __future__ import annotations

from collections.abc import Iterable

from services.flows.check_values import ValueCheck
from services.flows.flow import Flow
from services.flows.names import ERRORS, EVENT, TRIGGER, id_fault
from services.flows.presence import Names
from services.flows.shapes import ANY, INT, TEXT, Field, Kind, Shape
from services.flows.steps.kind import Step, walk
from services.flows.syntax import Word
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion


def names_of(steps: Iterable[Step], check: ValueCheck) -> Names:
    """The names of steps and variables, each with its location. Those that two things have are faults."""
    outputs: dict[str, Location] = {}
    variables: dict[str, Location] = {}
    items: dict[str, Location] = {}
    survivable: set[str] = set()
    for step in walk(steps):
        for word in step.outputs():
            if word.text in outputs:
                text = f"a step {word.text!r} stands in line {outputs[word.text].line} already: choose another name"
                check.report(word.location, FaultCode.ID_DUPLICATE, text)
            outputs.setdefault(word.text, word.location)
            if step.survivable:
                survivable.add(word.text)
        for each in step.variables():
            variables.setdefault(each.text, each.location)
        if step.item is not None:
            items.setdefault(step.item.text, step.item.location)
    # A name that cannot be used was reported, and takes nothing from who has it.
    variables = {name: location for name, location in variables.items() if id_fault(name) is None}
    for name in variables.keys() & items.keys():
        text = f"{name!r} is the item of the loop in line {items[name].line}: choose another name"
        check.report(variables[name], FaultCode.ID_DUPLICATE, text)
    variables = {**items, **variables}
    for name in outputs.keys() & variables.keys():
        text = f"{name!r} is the name of the step in line {outputs[name].line}: choose another name"
        check.report(variables.pop(name), FaultCode.ID_DUPLICATE, text)
    return Names(outputs, variables, frozenset(survivable))


def typed_variables(flow: Flow, names: Names, check: ValueCheck) -> dict[str, Shape]:
    """What each name of an expression is, as far as it is known before the first step."""
    error = {"code": Field(TEXT), "cause": Field(TEXT), "attempts": Field(INT)}
    variables = {
        TRIGGER: _trigger(flow.triggers, check),
        EVENT: check.event(word.text for word in flow.triggers),
        ERRORS: Shape(Kind.MAP, check.shapes.once("an error", error)),
    }
    variables |= dict.fromkeys(names.variables, ANY)
    for step in walk(flow.steps):
        for name, shape in step.output_shapes(check).items():
            variables.setdefault(name, shape)
    return variables


def _trigger(triggers: tuple[Word, ...], check: ValueCheck) -> Shape:
    """What `trigger` is: with several triggers, what all of them have."""
    shapes: list[Shape] = []
    for word in triggers:
        model = check.catalogue.triggers.get(word.text)
        if model is None:
            near = suggestion(word.text, check.catalogue.triggers)
            check.report(word.location, FaultCode.TRIGGER_UNKNOWN, f"no trigger is named {word.text!r}: {near}")
        else:
            shapes.append(check.shapes.of_model(model, "serialization", "`trigger`"))
    if not shapes or len(shapes) != len(triggers):
        return ANY
    if len(shapes) == 1:
        return shapes[0]
    every = [check.shapes.fields(shape) for shape in shapes]
    fields: dict[str, Field] = {}
    for name in dict.fromkeys(name for each in every for name in each):
        found = [each[name] for each in every if name in each]
        same = all(field.shape == found[0].shape for field in found)
        maybe = len(found) < len(every) or any(field.maybe for field in found)
        fields[name] = Field(found[0].shape if same else ANY, maybe=maybe)
    return check.shapes.once("`trigger`", fields)
