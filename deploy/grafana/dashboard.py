"""The Grafana dashboard as code: `python -m deploy.grafana.dashboard` writes dashboards/flows.json.

Read from the top: is anything wrong now, what comes in and how it ends, what waits, how long it takes, what the
destinations answer. Made for Grafana 11.6, the version in docker-compose.yml; needs the `dev` packages.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, timeseries

from deploy.grafana.board import Board
from deploy.grafana.panels import FLOW, RATE, graph, number, over_range, quantiles, query


def _ended(outcome: str) -> str:
    """How many ended so over the chosen time: runs, and events that started none."""
    only = f'{{outcome="{outcome}"}}'
    return over_range(f"flows_runs_ended_total{only}") + " + " + over_range(f"flows_events_ended_total{only}")


def _panels() -> list[stat.Panel | timeseries.Panel]:
    return [
        number("Accepted", "Events that Kafka acknowledged.", over_range("flows_events_accepted_total")),
        number("Delivered", "Runs with every step done.", _ended("delivered")),
        number("Filtered", "Ended by a `stop`, or no flow wants them. No error.", _ended("filtered")),
        number("Duplicate", "The same event again: it started nothing.", _ended("duplicate")),
        number(
            "Dead letters",
            "A person must look: `flows dead list`.",
            over_range("flows_dead_letters_total"),
            bad_from=0.5,
        ),
        number(
            "Not ready",
            "Processes for which Kafka or PostgreSQL does not answer.",
            "count(flows_ready == 0) or vector(0)",
            bad_from=1,
        ),
        graph(
            "Accepted",
            "Events a second, by trigger.",
            "ops",
            query(f"sum by (trigger) (rate(flows_events_accepted_total{RATE}))", "{{trigger}}"),
            stacked=True,
        ),
        graph(
            "How it ended",
            "Runs a second by outcome, and events that started no run.",
            "ops",
            query(f"sum by (outcome) (rate(flows_runs_ended_total{FLOW}{RATE}))", "{{outcome}}"),
            query(f"sum by (outcome) (rate(flows_events_ended_total{RATE}))", "{{outcome}}, no run"),
            stacked=True,
        ),
        graph(
            "Begun, by flow",
            "Runs a second. What begins and does not end waits: for a step of its own, a destination, or a worker.",
            "ops",
            query(f"sum by (flow) (rate(flows_runs_started_total{FLOW}{RATE}))", "{{flow}}"),
        ),
        graph(
            "Delivered, by flow",
            "Runs a second with every step done.",
            "ops",
            query(
                f'sum by (flow) (rate(flows_runs_ended_total{{outcome="delivered", flow=~"$flow"}}{RATE}))',
                "{{flow}}",
            ),
        ),
        graph(
            "Filtered, by flow",
            "Runs a second that a `stop` ended. A sudden rise means that events look different from before.",
            "ops",
            query(
                f'sum by (flow) (rate(flows_runs_ended_total{{outcome="filtered", flow=~"$flow"}}{RATE}))',
                "{{flow}}",
            ),
        ),
        graph(
            "Dead letters",
            "In ten minutes, by topic and cause. Each waits for a person.",
            "short",
            query("sum by (topic, code) (increase(flows_dead_letters_total[10m]))", "{{topic}}: {{code}}"),
        ),
        graph(
            "Lag",
            "Records that wait, by topic. Rising without an end: too few workers, or a slow destination. Lost: Kafka "
            "deleted them before they were read.",
            "short",
            query("sum by (topic) (flows_lag_records)", "{{topic}}"),
            query("sum by (topic) (increase(flows_records_lost_total[10m]))", "{{topic}}: lost in ten minutes"),
            query("sum by (topic) (increase(flows_positions_reset_total[10m]))", "{{topic}}: partitions begun anew"),
        ),
        graph(
            "Accepted to delivered",
            "From the acknowledgement of an event to the end of its run.",
            "s",
            *quantiles("flows_delivery_seconds", FLOW),
        ),
        graph(
            "Hook answered after",
            "From a request read to Kafka's acknowledgement: what senders wait for.",
            "s",
            *quantiles("flows_acknowledgement_seconds"),
        ),
        graph(
            "Answers to senders",
            "A second, by HTTP status. 4xx: what they send is wrong. 503: we could not take it, and they try again.",
            "ops",
            query(f"sum by (status) (rate(flows_ingest_responses_total{RATE}))", "{{status}}"),
            stacked=True,
        ),
        graph(
            "Same id, other content",
            "In ten minutes, by source: duplicates that say something else than the first of their id. Many: its `id` "
            "names a thing and not its change.",
            "short",
            query("sum by (source) (increase(flows_same_id_other_content_total[10m]))", "{{source}}"),
        ),
        graph(
            "Fields that come otherwise",
            "In ten minutes, by source: of another type than declared, or a time that cannot be read. Flows do not see "
            "them. `flows sources learn` widens a source.",
            "short",
            query(
                "sum by (source, field, came_as) (increase(flows_fields_otherwise_total[10m]))",
                "{{source}} {{field}}: {{came_as}}",
            ),
        ),
        graph(
            "Refused, by source",
            "Bodies and items a minute that could not be read, and what became of them: `flows dead list --source`.",
            "short",
            query(
                f"sum by (source, code, kept) (rate(flows_refused_total{RATE})) * 60", "{{source}}: {{code}}, {{kept}}"
            ),
            stacked=True,
        ),
        graph(
            "Refused for",
            "How long each source has been refused, by its last cause. An hour without ends it.",
            "s",
            query(
                "time() - min by (source, cause) (flows_source_refused_since_timestamp_seconds)",
                "{{source}}: {{cause}}",
            ),
        ),
        graph(
            "Kafka and PostgreSQL away",
            "Tries in ten minutes that waited for one of them. Nothing is lost meanwhile.",
            "short",
            query("sum by (part) (increase(flows_waits_total[10m]))", "{{part}}"),
        ),
        graph(
            "Tools with state",
            "What they ask PostgreSQL for a second, such as claims and turns.",
            "ops",
            query(f"sum by (kind) (rate(flows_state_asks_total{RATE}))", "{{kind}}"),
            stacked=True,
        ),
        graph(
            "State takes",
            "Until all that a batch asks is settled in PostgreSQL.",
            "s",
            *quantiles("flows_state_seconds"),
        ),
        graph(
            "Waits that end",
            "A second: by their time, by an event or by hand. `again` were fired twice and resumed once.",
            "ops",
            query(f"sum by (by) (rate(flows_waits_ended_total{RATE}))", "{{by}}"),
            stacked=True,
        ),
        graph(
            "Waits come late by",
            "From due to the record acknowledged; and how long the first one that should have ended is overdue now. "
            "After a stop it falls, as what is overdue comes at a rate.",
            "s",
            *quantiles("flows_timer_lateness_seconds"),
            query("max(flows_timers_overdue_seconds)", "overdue now"),
        ),
        graph(
            "Changes from two-way sync",
            "A second. Suppressed: our own write came back. Mixed: only what others changed goes on.",
            "ops",
            query(f"sum by (decision) (rate(flows_sync_changes_total{RATE}))", "{{decision}}"),
            stacked=True,
        ),
        graph(
            "Held and altered changes",
            "In ten minutes. Held: two systems answer each other, see `flows sync explain`. Altered: fields of our own "
            "writes that came back in another form, and were recognised.",
            "short",
            query('sum(increase(flows_sync_changes_total{decision="held"}[10m]))', "held"),
            query("sum(increase(flows_sync_altered_total[10m]))", "altered fields"),
        ),
        graph(
            "Calls",
            "A second, by connection and what came of them.",
            "ops",
            query(f"sum by (connection, outcome) (rate(flows_attempts_total{RATE}))", "{{connection}}: {{outcome}}"),
            stacked=True,
        ),
        graph(
            "Calls take",
            "95 % of the calls of a connection are faster.",
            "s",
            query(
                f"histogram_quantile(0.95, sum by (connection, le) (rate(flows_attempt_seconds_bucket{RATE})))",
                "{{connection}}",
            ),
        ),
        graph(
            "Releases",
            "Processes by the release that they run. Two lines for longer than a rollout: one was not restarted.",
            "short",
            query("count by (version) (flows_build_info)", "{{version}}"),
        ),
    ]


BOARD = Board(
    file="flows.json",
    uid="closum-flows",
    title="Closum Flows",
    about="What comes in, how it ends, what waits, how long it takes.",
    choose="flow",
    chosen_from="flows_runs_started_total",
    panels=_panels(),
)

if __name__ == "__main__":
    BOARD.write()
