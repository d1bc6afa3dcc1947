"""The topics: who writes, who reads, how long they keep. Logical names; a prefix (default `closum.`) stands before."""

from __future__ import annotations

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 900_000
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, by its logical name."""

    name: str
    what: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    keep_days: int
    partitions: int | None = None  # None: as many as the setting says

    def under(self, prefix: str) -> str:
        """The real name on the broker."""
        return prefix + self.name


EVENTS = Topic("events", "what happened (CloudEvents)", ("ingest", "other teams"), ("tools",), 7)
RUNS = Topic("runs", "runs that go on", ("tools", "actions"), ("tools",), 7)
ACTIONS = Topic("actions", "calls to make", ("tools",), ("actions",), 7)
HISTORY = Topic("history", "how runs ended", ("ingest", "tools", "actions"), ("people", "accounting"), 30)
REFUSED = Topic("refused", "bodies of requests that are to be read again", ("people",), ("ingest",), 7)
EVENTS_DLQ = Topic("events.dlq", "events nobody could read", ("ingest", "tools"), ("people",), 30, 1)
RUNS_DLQ = Topic("runs.dlq", "runs that could not go on", ("tools",), ("people",), 30, 1)
ACTIONS_DLQ = Topic("actions.dlq", "calls that could not be made", ("actions",), ("people",), 30, 1)
REFUSED_DLQ = Topic(
    "refused.dlq", "bodies, and items of them, that ingest could not read", ("ingest",), ("people",), 30, 1
)

ALL = (EVENTS, RUNS, ACTIONS, HISTORY, REFUSED, EVENTS_DLQ, RUNS_DLQ, ACTIONS_DLQ, REFUSED_DLQ)
DLQ_OF = {EVENTS: EVENTS_DLQ, RUNS: RUNS_DLQ, ACTIONS: ACTIONS_DLQ, REFUSED: REFUSED_DLQ}


def label(name: str) -> str:
    """The logical name of a topic by its name on the broker, whatever its prefix: metrics call a topic so, all of them.

    A topic that is none of ours is called as it is.
    """
    return max((topic.name for topic in ALL if name.endswith(topic.name)), key=len, default=name)
