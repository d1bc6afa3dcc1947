"""validate: several rules over several fields → the list of all faults, in the author's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.refined import Region, TimeZone, Url
from services.tools.toolkit import emails, phones
from services.tools.toolkit.conditions import TESTS, Test, is_empty, prepare
from services.tools.toolkit.date_reading import read
from services.tools.toolkit.numbers import as_decimal
from services.tools.toolkit.value_paths import MAX_PATH, first
from services.tools.toolkit.value_texts import as_text

Form = Literal["required", "email", "phone", "url", "number", "integer", "date", "min_length", "max_length"]
MAX_RULES = 200
URL: TypeAdapter[str] = TypeAdapter(Url)


class Rule(BaseModel):
    """One rule for one field."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(max_length=MAX_PATH, description="path of the value in `values`")
    test: Form | Test = Field(
        description="required, email, phone, url, number, integer, date, min_length, max_length; or " + TESTS
    )
    against: Any = Field(default=None, description="what it is tested against, for tests that need it")
    negate: bool = Field(default=False, description="true: the test must not hold")
    message: str = Field(default="", max_length=500, description="the fault in your words")


class Violation(BaseModel):
    """One rule that does not hold."""

    field: str = Field(description="the rule's field")
    test: str = Field(description="the rule's test")
    text: str = Field(description="what is wrong, for a person")


class Inputs(BaseInputs):
    """What it takes."""

    values: dict[str, Any] = Field(description="what is checked")
    rules: list[Rule] = Field(
        max_length=MAX_RULES, description="a field that is empty passes all rules but required and exists"
    )
    region: Region = Field(default="PT", description="country of phone numbers without a prefix")
    time_zone: TimeZone = Field(default="UTC", description="zone of dates that name none")


class Outputs(BaseModel):
    """What it gives."""

    valid: bool = Field(description="whether all rules hold")
    faults: list[Violation] = Field(description="those that do not, in order")
    reason: str = Field(description="their texts in one, or empty")


def is_email(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
    """Whether it is one address, as email.normalize reads it."""
    return not isinstance(emails.read(as_text(value)[:1000]), str)


def is_url(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
    """An absolute http or https address."""
    try:
        URL.validate_python(value)
    except ValidationError:
        return False
    return True


def is_integer(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
    """A number without a fraction."""
    number = as_decimal(value)
    return number is not None and number == number.to_integral_value()


def length_of(value: Any) -> int:  # noqa: ANN401 (a JSON value)
    """Items of a list or object, characters of all else."""
    return len(value) if isinstance(value, list | dict) else len(as_text(value))


def asked(rule: Rule, inputs: Inputs) -> Callable[[Any], bool]:
    """The rule as a function. Raises ToolError when it can never be asked."""
    if rule.test in ("min_length", "max_length"):
        if not isinstance(rule.against, int) or isinstance(rule.against, bool):
            raise ToolError(f"{rule.test} of {rule.field!r} tests against a whole number")
        bound: int = rule.against
        if rule.test == "min_length":
            return lambda value: length_of(value) >= bound
        return lambda value: length_of(value) <= bound
    forms: dict[str, Callable[[Any], bool]] = {
        "required": lambda value: not is_empty(value),
        "email": is_email,
        "phone": lambda value: not isinstance(phones.read(as_text(value)[:250], inputs.region), str),
        "url": is_url,
        "number": lambda value: as_decimal(value) is not None,
        "integer": is_integer,
        "date": lambda value: read(as_text(value), time_zone=inputs.time_zone) is not None,
    }
    if rule.test in forms:
        return forms[rule.test]
    return prepare(rule.test, rule.against, time_zone=inputs.time_zone)  # type: ignore[arg-type]  # the forms are gone


def text_of(rule: Rule) -> str:
    """The fault in words."""
    if rule.message:
        return rule.message
    if rule.test == "required":
        return f"{rule.field} is missing"
    against = "" if rule.against is None else f" {as_text(rule.against)[:60]}"
    return f"{rule.field} {'is' if rule.negate else 'is not'}: {rule.test}{against}"


@tool(
    "validate",
    group=Group.VALIDATE,
    examples=[
        Example(
            "a lead",
            {
                "values": {"name": "", "email": "ana@x", "age": 17},
                "rules": [
                    {"field": "name", "test": "required"},
                    {"field": "email", "test": "email", "message": "the address is wrong"},
                    {"field": "age", "test": "at_least", "against": 18},
                ],
            },
            {"valid": False, "reason": "name is missing; the address is wrong; age is not: at_least 18"},
        ),
        Example(
            "all is well",
            {"values": {"phone": "912345678"}, "rules": [{"field": "phone", "test": "phone"}]},
            {"valid": True, "faults": [], "reason": ""},
        ),
    ],
)
async def validate(inputs: Inputs) -> Outputs:
    """Check values against rules, and list all faults."""
    faults = []
    for rule in inputs.rules:
        ask, value = asked(rule, inputs), first(inputs.values, rule.field)
        if is_empty(value) and rule.test not in ("required", "exists", "empty"):
            continue
        if ask(value) is rule.negate:
            faults.append(Violation(field=rule.field, test=rule.test, text=text_of(rule)))
    return Outputs(valid=not faults, faults=faults, reason="; ".join(fault.text for fault in faults))
