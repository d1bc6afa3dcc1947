"""What pydantic found wrong, in bounded work: a stranger's body of 300 bytes can hold 87,000 faults once unpacked."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST_BUILT = 1000
"""Describing a fault costs 4 microseconds, and pydantic describes all or none."""


def first_faults(error: ValidationError, most: int = MOST_BUILT) -> list[ErrorDetails]:
    """The first faults, without the values, which are a sender's and may be secret.

    Of more than MOST_BUILT faults there is one that says how many, at the place of the whole value: where a model's
    lists stop at their first fault (`FailFast`), that cannot be.
    """
    if (count := error.error_count()) > MOST_BUILT:
        return [ErrorDetails(type="too_many_faults", loc=(), msg=f"{count} values are wrong", input=None)]
    return error.errors(include_url=False, include_context=False, include_input=False)[:most]
