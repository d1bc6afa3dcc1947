"""`working_hours` and `zone`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.flows.keys import TEXT, Key, Keys, names
from services.flows.parse_values import Values
from services.flows.syntax import Word
from services.flows.working_hours import HoursError, WorkingHours, days_of, holidays_of, stretches_of, zone_of
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping, Scalar, Sequence, Tree

ZONE = Key("zone", "a time zone", {**TEXT, "examples": ["Europe/Lisbon"]})
KEYS: Keys = (
    ZONE,
    Key("days", "such as mon-fri", {"type": ["string", "array"]}),
    Key("hours", "such as 09:00-18:00", {"type": ["string", "array"]}),
    Key("holidays", "days that are none, such as 2026-12-25", {"type": ["string", "array"]}),
)


@dataclass(frozen=True, slots=True)
class HoursRule:
    """Working hours as written; `None` where the default holds."""

    zone: Word
    days: str | None
    hours: str | None
    holidays: tuple[str, ...]


def read_zone(values: Values, tree: Tree | None) -> Word | None:
    """The name of a time zone."""
    word = values.word(tree, "a time zone")
    if word is not None and _refused(values, word.location, zone_of, word.text):
        return None
    return word


def read(values: Values, tree: Tree, zone: Word | None) -> HoursRule | None:
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


def compile_hours(rule: HoursRule) -> WorkingHours:
    """The rule, ready to run."""
    zone = zone_of(rule.zone.text)
    given: dict[str, Any] = {}
    if rule.days is not None:
        given["days"] = days_of(rule.days)
    if rule.hours is not None:
        given["stretches"] = stretches_of(rule.hours)
    return WorkingHours(zone, holidays=holidays_of(rule.holidays), **given)


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
