"""`working_hours` and `zone`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from services.flows.cel import EvaluationError
from services.flows.check_values import ValueCheck
from services.flows.compile_values import compile_value
from services.flows.keys import TEXT, Key, Keys, names
from services.flows.parse_values import Values
from services.flows.scope import Scope
from services.flows.shapes import Kind, Shape
from services.flows.syntax import Expression, Word
from services.flows.wording import bare
from services.flows.working_hours import HoursError, WorkingHours, days_of, holidays_of, stretches_of, zone_of
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping, Scalar, Sequence, Tree

_ZONE_SHAPE = Shape(Kind.TEXT, refined="time_zone")
ZONE = Key("zone", "a time zone, or an expression that gives one", {**TEXT, "examples": ["Europe/Lisbon"]})
KEYS: Keys = (
    ZONE,
    Key("days", "such as mon-fri", {"type": ["string", "array"]}),
    Key("hours", "such as 09:00-18:00", {"type": ["string", "array"]}),
    Key("holidays", "days that are none, such as 2026-12-25", {"type": ["string", "array"]}),
)


Zone = Word | Expression
"""A time zone that stands there, or one that a run holds: of the contact."""


@dataclass(frozen=True, slots=True)
class HoursRule:
    """Working hours as written; `None` where the default holds."""

    zone: Zone
    days: str | None
    hours: str | None
    holidays: tuple[str, ...]


def read_zone(values: Values, tree: Tree | None) -> Zone | None:
    """The name of a time zone, or an expression that gives one."""
    if isinstance(tree, Scalar) and "${" in tree.text:
        value = values.value(tree)
        if isinstance(value, Expression):
            return value
        values.fault(tree.location, FaultCode.VALUE_INVALID, "`zone` is a time zone, or one expression that gives one")
        return None
    word = values.word(tree, "a time zone")
    if word is not None and _refused(values, word.location, zone_of, word.text):
        return None
    return word


def check_zone(check: ValueCheck, zone: Zone | None, what: str) -> None:
    """A zone that comes with a run is of the set of time zones: what comes from outside was looked up."""
    if isinstance(zone, Expression):
        check.inputs.value(zone, _ZONE_SHAPE, what)


def told_zone(zone: Zone) -> str:
    """It, for people."""
    return zone.text if isinstance(zone, Word) else f"the zone {bare(zone)}"


def compile_zone(zone: Zone, env: Any) -> Callable[[Scope], ZoneInfo]:  # noqa: ANN401 - the binding is untyped
    """The zone of a run. It raises EvaluationError for what is none."""
    if isinstance(zone, Word):
        fixed = zone_of(zone.text)
        return lambda _: fixed
    value = compile_value(zone, env)

    def found(scope: Scope) -> ZoneInfo:
        given = value(scope)
        try:
            return zone_of(given if isinstance(given, str) else "")
        except HoursError as error:
            raise EvaluationError(f"`zone`: {error}") from None

    return found


def read(values: Values, tree: Tree, zone: Zone | None) -> HoursRule | None:
    """Working hours; `zone` is that of the wait around, which those without one of their own take."""
    if not isinstance(tree, Mapping):
        text = "`working_hours` is a map, such as { zone: Europe/Lisbon, days: mon-fri, hours: 09:00-18:00 }"
        values.fault(tree.location, FaultCode.VALUE_INVALID, text)
        return None
    keys = values.keys(tree, "`working_hours`", names(KEYS))
    if "zone" in keys:
        zone = read_zone(values, keys["zone"]) or Word("UTC", tree.location)
    elif zone is None:
        text = "`working_hours` needs `zone`, such as Europe/Lisbon"
        values.fault(tree.location, FaultCode.KEY_MISSING, text)
        zone = Word("UTC", tree.location)
    days, hours = (_listed(values, keys.get(name), name) for name in ("days", "hours"))
    if days is not None:
        _refused(values, keys["days"].location, days_of, days)
    if hours is not None:
        _refused(values, keys["hours"].location, stretches_of, hours)
    holidays = _listed(values, keys.get("holidays"), "holidays")
    each = tuple(part.strip() for part in holidays.split(",")) if holidays else ()
    if each:
        _refused(values, keys["holidays"].location, holidays_of, each)
    return HoursRule(zone, days, hours, each)


def compile_hours(rule: HoursRule, env: Any) -> Callable[[Scope], WorkingHours]:  # noqa: ANN401 - the binding is untyped
    """The rule, ready to run."""
    zone = compile_zone(rule.zone, env)
    given: dict[str, Any] = {}
    if rule.days is not None:
        given["days"] = days_of(rule.days)
    if rule.hours is not None:
        given["stretches"] = stretches_of(rule.hours)
    hours = WorkingHours(zone_of("UTC"), holidays=holidays_of(rule.holidays), **given)
    if isinstance(rule.zone, Word):
        fixed = replace(hours, zone=zone_of(rule.zone.text))
        return lambda _: fixed
    return lambda scope: replace(hours, zone=zone(scope))


def _listed(values: Values, tree: Tree | None, name: str) -> str | None:
    """A text, or a list of texts as one text with commas."""
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    texts = [item.text for item in items if isinstance(item, Scalar)]
    if tree is not None and (len(texts) != len(items) or not texts):
        values.fault(tree.location, FaultCode.VALUE_INVALID, f"`{name}` is a text, or a list of texts")
        return None
    return ",".join(texts) if texts else None


def _refused(values: Values, location: Location, read_part: Callable[[Any], object], given: object) -> bool:
    """Whether a part of working hours is none. Reports it."""
    try:
        read_part(given)
    except HoursError as error:
        values.fault(location, FaultCode.VALUE_INVALID, str(error))
        return True
    return False
