"""Which release this is: one answer for `flows --version`, the metrics and the generated documents."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

DISTRIBUTION = "closum-flows"
UNKNOWN = "0"


def version() -> str:
    """The version of the installed distribution; `0` in a tree that is not installed."""
    try:
        return installed(DISTRIBUTION)
    except PackageNotFoundError:
        return UNKNOWN
