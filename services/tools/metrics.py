"""The metrics of services/tools. Those that several services count are in services/runtime/metrics.py."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.metrics import SECONDS

RUNS_STARTED = Counter("flows_runs_started", "Runs begun", ["flow"])
WAITS_ENDED = Counter("flows_waits_ended", "Waits of runs that ended: by time, event or hand; again: dropped", ["by"])
TIMER_LATENESS = Histogram("flows_timer_lateness_seconds", "Wait due to its record acknowledged", buckets=SECONDS)
TIMERS_OVERDUE = Gauge("flows_timers_overdue_seconds", "How long the wait that should have ended first is overdue")
SYNC_CHANGES = Counter(
    "flows_sync_changes", "Changes and new leads that came in: passed, mixed, suppressed, held, ours", ["decision"]
)
SYNC_ALTERED = Counter("flows_sync_altered", "Fields of our own writes that came back altered by the destination")
SAME_ID = Counter(
    "flows_same_id_other_content", "Duplicates whose content is another than what came under their id first", ["source"]
)
RUNS_HELD = Gauge("flows_runs_held", "New runs that wait in PostgreSQL as their flow is held", ["flow"])
STATE_ASKS = Counter("flows_state_asks", "What tools with state asked for", ["kind"])
STATE = Histogram("flows_state_seconds", "All asks of a batch settled in PostgreSQL", buckets=SECONDS)
