"""What answers say of limits: the draft in its forms, the customs, and everything that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.actions.http_statuses import retry_after_seconds
from services.actions.limits.gate import MOST_PAUSE_SECONDS
from services.actions.limits.headers import pause_seconds
from tests.unit.actions.test_limits import World

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        # draft-ietf-httpapi-ratelimit-headers, since its eighth version
        ({"ratelimit": '"default";r=0;t=30'}, 30),
        ({"ratelimit": '"default";r=50;t=30'}, None),
        ({"ratelimit": '"burst";r=0;t=2, "daily";r=500;t=3600'}, 2),
        ({"ratelimit": '"burst";r=0;t=2, "daily";r=0;t=3600'}, 3600),
        ({"ratelimit": '"a, b;r=0;t=9";r=1;t=30'}, None),
        ({"ratelimit": "default;r=0;t=30;pk=:YWJj:"}, 30),
        ({"ratelimit": '"default";r=0', "ratelimit-policy": '"other";q=5;w=9, "default";q=100;w=60'}, 60),
        ({"ratelimit": '"default";r=0'}, None),
        # its earlier versions
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30),
        ({"ratelimit": "limit=100, remaining=5, reset=30"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "7"}, None),
        # customs
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH + 15)}, 15),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str((EPOCH + 15) * 1000)}, 15),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH - 15)}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-05-01T12:00:15Z"}, 15),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "Fri, 01 May 2026 12:00:15 GMT"}, 15),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99", "x-ratelimit-reset-after": "1.5"}, 1.5),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH + 15)}, 15),
        # by the destination's own clock, which is a minute behind
        (
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(EPOCH - 45),
                "date": "Fri, 01 May 2026 11:59:00 GMT",
            },
            15,
        ),
        # no words on limits
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "12"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "12"}, None),
        ({"x-ratelimit-remaining": "9" * 400, "x-ratelimit-reset": "12"}, None),
        ({"ratelimit": ""}, None),
        ({"ratelimit": '";;,,"r=0;t'}, None),
        ({"x-ratelimit-remaining": "0, 5", "x-ratelimit-reset": "12, 3"}, 12),
    ],
)
def test_what_a_header_says(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds until something may be sent; None: now, or nothing is said that can be read."""
    assert pause_seconds(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


NUMBERS = st.one_of(st.integers().map(str), st.floats().map(str), st.text(max_size=40), st.just("0"))
DATES = st.builds(
    "{}, {} {} {} {}:00:00 {}".format,
    st.sampled_from(["Fri", "x"]),
    st.integers(),
    st.sampled_from(["May", "12"]),
    st.integers(),
    st.integers(),
    st.one_of(st.just("GMT"), st.integers(min_value=-(10**30), max_value=10**30).map("{:+}".format)),
)
VALUES = st.one_of(NUMBERS, DATES, st.sampled_from(['"a";r=0;t=1', "limit=1, remaining=0, reset=9"]))
NAMES = ["ratelimit", "ratelimit-policy", "date"] + [
    prefix + name for prefix in ("ratelimit-", "x-ratelimit-") for name in ("remaining", "reset", "reset-after")
]


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
@example({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"Fri, 01 May {10**30} 12:00:00 GMT"})
def test_whatever_a_destination_writes_fails_no_call(headers: dict[str, str]) -> None:
    """Nor does Retry-After."""
    seconds = pause_seconds(headers)
    assert seconds is None or seconds > 0
    for value in headers.values():
        later = retry_after_seconds({"retry-after": value})
        assert later is None or later >= 0


def test_a_pause_holds_all_calls_and_is_bounded() -> None:
    """News are told once, so that others are told once; an hour is a minute, then the destination is asked again."""
    world = World()
    gate = world.gate()
    assert gate.take() == 0
    assert gate.pause(10)
    assert not gate.pause(10.1)
    assert not gate.pause(2)
    assert gate.take() == pytest.approx(10.1)
    world.now += 10.2
    assert gate.take() == 0
    assert gate.pause(3600)
    assert gate.take() == pytest.approx(MOST_PAUSE_SECONDS)
