"""`flows errors`: what it makes of a worker's metrics."""

from __future__ import annotations

from services.cli.commands.errors import Errors, count_calls, row

TEXT = """\
# TYPE flows_attempts_total counter
flows_attempts_total{action="http.request",connection="crm",outcome="done"} 90.0
flows_attempts_total{action="http.request",connection="crm",outcome="destination_busy"} 8.0
flows_attempts_total{action="http.request",connection="crm",outcome="call_rejected"} 2.0
# TYPE flows_attempt_seconds histogram
flows_attempt_seconds_bucket{action="http.request",connection="crm",le="0.1"} 50.0
flows_attempt_seconds_bucket{action="http.request",connection="crm",le="0.5"} 96.0
flows_attempt_seconds_bucket{action="http.request",connection="crm",le="+Inf"} 100.0
flows_attempt_seconds_count{action="http.request",connection="crm"} 100.0
flows_attempt_seconds_sum{action="http.request",connection="crm"} 12.0
"""


def test_calls_are_counted_over_workers() -> None:
    """Two workers with the same numbers: twice the calls, the same share, the most frequent error first."""
    found: dict[tuple[str, str], Errors] = {}
    slow = count_calls(TEXT, found) | count_calls(TEXT, found)
    (where,) = found
    assert where == ("crm", "http.request")
    told = row(where, found[where], slow, as_json=True)
    assert (told["calls"], told["failed"], told["share"], told["p95"]) == (200, 20, 0.1, 0.5)
    assert list(told["errors"].items()) == [("destination_busy", 16), ("call_rejected", 4)]
    assert told["who_must_act"] == "destination"
    shown = row(where, found[where], slow, as_json=False)
    assert (shown["failed"], shown["errors"]) == ("20 (10.0%)", "destination_busy 16\ncall_rejected 4")


def test_a_worker_that_made_no_call_is_no_error() -> None:
    """It starts with no series at all."""
    found: dict[tuple[str, str], Errors] = {}
    assert count_calls("", found) == {}
    assert found == {}
