"""Calls that are too late: asked right before each attempt, when the journal has said that the effect is not there yet.

After the journal, so that a call which was done in time is answered with what it gave, however late it is asked for.
"""

from __future__ import annotations

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.outcome import Failed


class TooLateError(BaseException):  # not an Exception: no action's file may swallow it
    """The attempt is not made; `end` is how the call ends."""

    def __init__(self, end: Failed) -> None:
        super().__init__(end.cause)
        self.end = end


def end(request: ActionRequest, wall: float, *, maybe: bool) -> Failed | None:
    """How the call ends instead of the attempt that is about to be made; None: it is in time, or has no deadline.

    `wall`: now, in seconds since 1970.
    `maybe`: an earlier attempt may have had its effect, so that nobody can say that it was not made.
    """
    cause = request.too_late(wall)
    return None if cause is None else too_late(cause, maybe=maybe)


def too_late(cause: str, *, maybe: bool) -> Failed:
    """How a call ends that is too late for this cause. `maybe`: as above."""
    told = ". An earlier attempt may have had its effect" if maybe else ""
    return Failed(ErrorCode.TOO_LATE, cause + told, again=False, maybe=maybe)


def check(request: ActionRequest, wall: float, *, maybe: bool) -> None:
    """Raises TooLateError when the attempt must not be made."""
    late = end(request, wall, maybe=maybe)
    if late is not None:
        raise TooLateError(late)


def never_made(failed: Failed) -> bool:
    """Whether a call ended by its deadline without any effect: its run is filtered, or goes on by `on_deadline`.

    Any other end is one of a failed call.
    """
    return failed.code is ErrorCode.TOO_LATE and not failed.maybe
