"""YAML tree → durations, moments, working hours, retries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from contracts.actions import LONGEST_WAIT_SECONDS, MOST_WAITS
from services.flows.faults import FaultCode
from services.flows.parse_values import Values
from services.flows.places import Place
from services.flows.syntax import Constant, HoursRule, ListOf, MapOf, RetryRule, Value, Word
from services.flows.waiting import moment_of
from services.flows.working_hours import HoursError, days_of, holidays_of, stretches_of, zone_of
from services.flows.yaml_tree import Mapping, Scalar, Sequence, Tree

WAIT_KEYS = ("for", "until", "zone", "working_hours")
HOURS_KEYS = ("zone", "days", "hours", "holidays")
RETRY_KEYS = ("attempts", "within", "schedule")
MAX_ATTEMPTS = 100


class Times(Values):
    """Reads what is about time: when, how long, how often. Methods return None where they reported a fault."""

    def length(self, tree: Tree, name: str) -> Value:
        """How long a wait is: a duration that stands there, or an expression."""
        value = self.value(tree)
        if isinstance(value, Constant):
            self.duration(tree, name)
        elif isinstance(value, ListOf | MapOf):
            self.fault(tree.place, FaultCode.DURATION_INVALID, f"`{name}` is a duration, such as 30s or 2h")
        return value

    def until(self, tree: Tree, zone: Word | None) -> Value:
        """A moment that stands there, or an expression. Without an offset it needs a zone."""
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
        """The name of a time zone."""
        word = self.word(tree, "a time zone")
        if word is not None and self.refuses(word.place, zone_of, word.text):
            return None
        return word

    def hours(self, tree: Tree, zone: Word | None) -> HoursRule | None:
        """Working hours; `zone` is that of the wait around, which those without one of their own take."""
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

    def retry(self, tree: Tree | None) -> RetryRule | None:
        """How often, how long and after what waits a call is tried again."""
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
