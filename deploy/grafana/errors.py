"""The dashboard "API errors" as code: `python -m deploy.grafana.errors` writes dashboards/api-errors.json.

For whoever asks what a destination did to us: how many calls fail and how, how slow it is, what waits, what is dead.
The same at the terminal: `flows errors`. Needs the `dev` packages.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, timeseries

from deploy.grafana.board import Board
from deploy.grafana.panels import RATE, graph, number, over_range, query

ONE = 'connection=~"$connection"'
FAILED = f'flows_attempts_total{{{ONE}, outcome!="done"}}'
ALL = f"flows_attempts_total{{{ONE}}}"
DEAD = 'flows_dead_letters_total{topic="actions.dlq"}'
REFUSED = f'flows_attempts_total{{{ONE}, outcome="credentials_refused"}}'


def _panels() -> list[stat.Panel | timeseries.Panel]:
    return [
        number("Calls", "Attempts, over the chosen time.", over_range(ALL)),
        number("Failed", "Attempts that failed. Most are tried again.", over_range(FAILED)),
        number(
            "Failing now",
            "Share of the calls of the last five minutes that failed.",
            f"sum(rate({FAILED}[5m])) / sum(rate({ALL}[5m]))",
            bad_from=0.05,
            unit="percentunit",
        ),
        number("Dead calls", "Given up: `flows dead list`.", over_range(DEAD), bad_from=0.5),
        number(
            "Credentials refused",
            "Look at the secret: `flows connections test NAME`.",
            over_range(REFUSED),
            bad_from=0.5,
        ),
        number("SMS credits", "What is left, as it was last seen.", f"min(flows_credits_left{{{ONE}}})"),
        graph(
            "Errors, by connection",
            "Failed calls a second.",
            "ops",
            query(f"sum by (connection) (rate({FAILED}{RATE}))", "{{connection}}"),
            stacked=True,
        ),
        graph(
            "Errors, by kind",
            "Failed calls a second. What each means: `flows errors`.",
            "ops",
            query(f"sum by (outcome) (rate({FAILED}{RATE}))", "{{outcome}}"),
            stacked=True,
        ),
        graph(
            "Errors, by action",
            "Failed calls a second.",
            "ops",
            query(f"sum by (connection, action) (rate({FAILED}{RATE}))", "{{connection}}: {{action}}"),
            stacked=True,
        ),
        graph(
            "Share that fails",
            "Of the calls of each connection. A breaking destination stands out, however little it is called.",
            "percentunit",
            query(
                f"sum by (connection) (rate({FAILED}{RATE})) / sum by (connection) (rate({ALL}{RATE}))",
                "{{connection}}",
            ),
        ),
        graph(
            "Calls, by connection",
            "A second, of every outcome.",
            "ops",
            query(f"sum by (connection) (rate({ALL}{RATE}))", "{{connection}}"),
            stacked=True,
        ),
        graph(
            "Calls take",
            "95 % of the calls of an action are faster.",
            "s",
            query(
                f"histogram_quantile(0.95, sum by (connection, action, le) "
                f"(rate(flows_attempt_seconds_bucket{{{ONE}}}{RATE})))",
                "{{connection}}: {{action}}",
            ),
        ),
        graph(
            "Dead calls, by cause",
            "In ten minutes. Each waits for a person.",
            "short",
            query(f"sum by (code) (increase({DEAD}[10m]))", "{{code}}"),
        ),
        graph(
            "Waiting",
            "Lanes with calls that wait or are at work; requests that wait in PostgreSQL; records read ahead for other "
            "flows than the one that fills memory; partitions that are not fetched because memory is full.",
            "short",
            query("sum(flows_lanes_open)", "lanes"),
            query("sum(flows_parked_requests)", "parked"),
            query("sum(flows_read_ahead_records)", "read ahead"),
            query("sum(flows_partitions_paused)", "paused partitions"),
        ),
        graph(
            "Room for parked requests",
            "Of the bounds of what waits in PostgreSQL (rows, disk), what is used. At 1 nothing more is consumed.",
            "percentunit",
            query("max(flows_parked_part)", "used"),
        ),
        graph(
            "Oldest that waits",
            "Since when the oldest request in PostgreSQL is being tried. Rising: its destination does not come back.",
            "s",
            query("max(flows_parked_oldest_seconds)", "oldest"),
        ),
        graph(
            "Breakers",
            "1 while nothing is let through to a connection, because it failed too often. Now and then a call tries.",
            "short",
            query(f"max by (connection) (flows_breaker_open{{{ONE}}})", "{{connection}}"),
        ),
        graph(
            "Held",
            "1 while new work of a flow waits, as it fails for everybody (alert FlowsHeld); its runs that wait.",
            "short",
            query("max by (job, flow) (flows_flow_held)", "{{job}}: {{flow}}"),
            query("sum by (flow) (flows_runs_held)", "runs of {{flow}}"),
        ),
        graph(
            "Destinations asked",
            "Whether a call of unknown outcome happened, and what they said. In ten minutes.",
            "short",
            query(
                f"sum by (connection, verdict) (increase(flows_verifications_total{{{ONE}}}[10m]))",
                "{{connection}}: {{verdict}}",
            ),
        ),
        graph(
            "SMS credits",
            "As the last check saw them.",
            "short",
            query(f"flows_credits_left{{{ONE}}}", "{{connection}}"),
        ),
    ]


BOARD = Board(
    file="api-errors.json",
    uid="closum-flows-errors",
    title="API errors",
    about="What goes wrong with calls, by connection and action.",
    choose="connection",
    chosen_from="flows_attempts_total",
    panels=_panels(),
)

if __name__ == "__main__":
    BOARD.write()
