"""`retry`: how often, how long and after what waits a call is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.actions import LONGEST_WAIT_SECONDS, MOST_WAITS, Retry
from services.flows.durations import shown
from services.flows.keys import DURATION, Key, Keys, map_of, names
from services.flows.parse_values import Values
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping, Scalar, Sequence, Tree

MAX_ATTEMPTS = 100
KEYS: Keys = (
    Key("attempts", "how often", {"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS}),
    Key("within", "for how long", DURATION),
    Key(
        "schedule",
        "the waits in turn, instead of `attempts`",
        {"type": "array", "minItems": 1, "maxItems": MOST_WAITS, "items": DURATION},
    ),
)
KEY = Key("retry", "how a failing call is tried again", map_of(KEYS))


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how long a call is tried again, or after which waits. None: the contract's default."""

    attempts: int | None
    within_seconds: float | None
    location: Location
    schedule_seconds: tuple[float, ...] = ()

    def told(self) -> tuple[str, ...]:
        """As people read it: a line, or none for a rule that says nothing."""
        waits = ", ".join(shown(wait) for wait in self.schedule_seconds)
        within = f"within {shown(self.within_seconds)}" if self.within_seconds else ""
        if waits:
            return (f"tried again after {waits}" + (f", {within}" if within else ""),)
        rule = " ".join(part for part in (f"{self.attempts} times" if self.attempts else "", within) if part)
        return (f"tried {rule}",) if rule else ()


def read(values: Values, tree: Tree | None) -> RetryRule | None:
    """The rule that stands there."""
    if tree is None:
        return None
    if not isinstance(tree, Mapping):
        text = "`retry` is a map, such as { attempts: 8, within: 2d } or { schedule: [10s, 1m, 10m] }"
        values.fault(tree.location, FaultCode.VALUE_INVALID, text)
        return None
    keys = values.keys(tree, "`retry`", names(KEYS))
    schedule = _schedule(values, keys.get("schedule"))
    if "schedule" in keys and "attempts" in keys:
        text = "`attempts` and `schedule`: the number of waits says how often. Keep one of the two"
        values.fault(keys["attempts"].location, FaultCode.VALUE_INVALID, text)
    attempts = _attempts(values, keys.get("attempts"))
    return RetryRule(attempts, values.duration(keys.get("within"), "within"), tree.location, schedule)


def _attempts(values: Values, tree: Tree | None) -> int | None:
    if tree is None:
        return None
    value = tree.value if isinstance(tree, Scalar) else None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_ATTEMPTS:
        return value
    values.fault(tree.location, FaultCode.VALUE_INVALID, f"`attempts` is a whole number from 1 to {MAX_ATTEMPTS}")
    return None


def _schedule(values: Values, tree: Tree | None) -> tuple[float, ...]:
    """The waits; none where there is no schedule, or a faulty one."""
    if tree is None:
        return ()
    if not isinstance(tree, Sequence) or not 1 <= len(tree.items) <= MOST_WAITS:
        text = f"`schedule` is a list of 1 to {MOST_WAITS} durations, such as [10s, 1m, 10m, 1h]: the waits in turn"
        values.fault(tree.location, FaultCode.VALUE_INVALID, text)
        return ()
    waits = [values.duration(item, "schedule") for item in tree.items]
    for item, wait in zip(tree.items, waits, strict=True):
        if wait is not None and wait > LONGEST_WAIT_SECONDS:
            values.fault(item.location, FaultCode.VALUE_INVALID, "`schedule`: one wait is at most 3d")
    return tuple(wait for wait in waits if wait is not None and wait <= LONGEST_WAIT_SECONDS)


def compile_retry(rule: RetryRule | None) -> Retry:
    """As requests hold it."""
    if rule is None:
        return Retry()
    given = {
        "attempts": rule.attempts,
        "within_seconds": rule.within_seconds,
        "schedule_seconds": rule.schedule_seconds or None,
    }
    return Retry.model_validate({name: value for name, value in given.items() if value is not None})
