"""How Hypothesis tries: never against a clock, and what failed can be had again."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

NAME = "ours"


def register() -> None:
    """Make this the default of all `settings` that are made afterwards.

    A deadline, and the check for slow generation, judge the machine: a busy one fails what is right. Where CI is set,
    Hypothesis draws the same examples each time, so that a change is judged by itself; elsewhere they are new on each
    run, kept in .hypothesis when they fail, and printed as the decorator that repeats them.
    """
    steady = settings(settings.default, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(NAME, steady)
    settings.load_profile(NAME)
