"""`--since`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.cli.terminal import CommandError
from services.cli.times import moment


@pytest.mark.parametrize(
    ("text", "back"), [("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("7d", timedelta(days=7))]
)
def test_a_duration_counts_back_from_now(text: str, back: timedelta) -> None:
    found = moment(text)
    assert found is not None
    assert abs(datetime.now(UTC) - back - found) < timedelta(seconds=5)


def test_a_date_and_time_is_taken_with_its_zone_or_the_machines() -> None:
    assert moment("2026-11-24T10:00:00Z") == datetime(2026, 11, 24, 10, tzinfo=UTC)
    local = moment("2026-11-24 10:00")
    assert local is not None
    assert local.tzinfo is not None
    assert moment(None) is None


@pytest.mark.parametrize("text", ["yesterday", "2 hours", "-3h", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--since"):
        moment(text)
