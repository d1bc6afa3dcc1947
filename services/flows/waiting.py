"""`wait` and `cancel_on`, compiled: when a wait ends, and which event ends it early."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from contracts.events import Event
from contracts.ids import stable_id
from services.flows.cel import EvaluationError
from services.flows.compile_values import Compiled
from services.flows.durations import LONGEST_SECONDS, DurationError, calendar_days, parse_duration
from services.flows.entities import same_key
from services.flows.scope import Scope
from services.flows.working_hours import HoursError, WorkingHours

_LONGEST = timedelta(seconds=LONGEST_SECONDS)
ZoneOf = Callable[[Scope], tzinfo]
"""A time zone, of the flow or of what a run holds. Raises EvaluationError."""
HoursOf = Callable[[Scope], WorkingHours]


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a step waits: for a time, or until a moment, and then until working hours."""

    length: Compiled | None
    until: Compiled | None
    zone: ZoneOf | None
    hours: HoursOf | None

    def ends(self, scope: Scope, now: datetime) -> datetime:
        """When it ends, in UTC; not before `now`. Raises EvaluationError."""
        moment = now
        zone = self.zone(scope) if self.zone is not None else None
        if self.length is not None:
            moment = _after(now, self.length(scope), zone)
        elif self.until is not None:
            moment = max(now, moment_given(self.until(scope), zone, "wait.until", "or with `zone`"))
        if moment - now > _LONGEST:
            raise EvaluationError("`wait` would end in more than ten years")
        if self.hours is None:
            return moment.astimezone(UTC)
        try:
            return self.hours(scope).next(moment)
        except HoursError as error:
            raise EvaluationError(f"`wait`: {error}") from None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Which event ends a wait: its trigger, and the key that it must have, as `match` reads it."""

    trigger: str
    key: Compiled
    match: str

    def hash(self, scope: Scope) -> str | None:
        """What the event must have the same of; None for an empty key, which no event has. Raises EvaluationError."""
        key = key_text(self.key(scope), "cancel_on.key")
        return cancel_hash(scope.event.account, self.trigger, self.match, key) if key else None


@dataclass(frozen=True, slots=True)
class WaitMatch:
    """How waits read the key of an event: the expression as written, and what it gives."""

    source: str
    value: Compiled

    def hash(self, event: Event) -> str | None:
        """What a wait must have the same of; None where this event has no such key."""
        try:
            key = key_text(self.value(Scope(event, {}, {}, {})), "cancel_on.match")
        except EvaluationError:
            return None
        return cancel_hash(event.account, event.type, self.source, key) if key else None


def hashes_of(event: Event, matches: Iterable[WaitMatch]) -> list[str]:
    """All that this event may end waits by: its subject, and what flows read as its key."""
    found = [cancel_hash(event.account, event.type, "", same_key(event.subject))]
    found += [one for match in matches if (one := match.hash(event)) is not None]
    return found


def cancel_hash(account: str, trigger: str, match: str, key: str) -> str:
    """What an event and a wait must share: the account, the trigger, the expression that reads the key, the key."""
    return stable_id("cancel", account, trigger, match, key)


def timer_id(run_id: str, step: str, *more: str) -> str:
    """The id of a wait: the same on every replay of the step."""
    return stable_id("wait", run_id, step, *more)


def key_text(value: Any, what: str) -> str:  # noqa: ANN401 - a JSON value
    """A key as text in the form in which keys are compared; a blank one is empty. Raises EvaluationError."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise EvaluationError(f"`{what}` gave no text: a key is a text")
    return same_key(value) if value.strip() else ""


def _after(now: datetime, length: Any, zone: tzinfo | None) -> datetime:  # noqa: ANN401 - a JSON value
    """The moment so long after now; days on a calendar end when the clock of the zone shows the same time."""
    try:
        days = calendar_days(length) if isinstance(length, str) else None
    except DurationError as error:
        raise EvaluationError(f"`wait`: {error}") from None
    if days is None:
        return now + _length(length)
    if zone is None:
        raise EvaluationError(f"`wait`: {length!r} are days on a calendar: write `zone`, or hours such as 24h")
    wall = now.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _length(value: Any) -> timedelta:  # noqa: ANN401 - a JSON value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= LONGEST_SECONDS:
            raise EvaluationError(f"`wait`: {value} seconds are less than none or more than ten years")
        return timedelta(seconds=value)
    if not isinstance(value, str):
        raise EvaluationError("`wait` is a duration such as 2h, or a number of seconds")
    try:
        return timedelta(seconds=parse_duration(value.strip()))
    except DurationError as error:
        raise EvaluationError(f"`wait`: {error}") from None


def moment_given(
    value: Any,  # noqa: ANN401 - a JSON value
    zone: tzinfo | None,
    what: str,
    how: str = "with its offset",
) -> datetime:
    """The moment that a value of `what` is, in UTC. Raises EvaluationError, that says `how` to write it."""
    try:
        return moment_of(value if isinstance(value, str) else "", zone)
    except ValueError:
        text = f"`{what}`: {str(value)[:60]!r} is no moment: write it as 2026-12-24T18:00:00+00:00, {how}"
        raise EvaluationError(text) from None


def moment_of(text: str, zone: tzinfo | None) -> datetime:
    """A date and time with its offset, or in `zone`; a day alone is its beginning. Raises ValueError.

    A time that the clock skips, or shows twice, is that of the offset before the change.
    """
    text = text.strip()
    try:
        found = datetime.combine(date.fromisoformat(text), datetime.min.time())
    except ValueError:
        found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        if zone is None:
            raise ValueError("no offset and no zone")
        found = found.replace(tzinfo=zone)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("too early or too late") from None
