"""`flows errors`: what goes wrong with calls, by connection and action: how often, how, how slow, what is dead."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import httpx
from cyclopts import Parameter
from prometheus_client.parser import text_string_to_metric_families

from contracts.errors import ErrorCode
from services.cli import installation, times
from services.cli.command import WATCH, declare
from services.cli.dead_letters import letters
from services.cli.terminal import CommandError, show
from services.project import local
from services.runtime.dead_letters.letters import FoundDeadLetter

COLUMNS = ("where", "calls", "failed", "errors", "p95", "dead", "last", "cause")
SECONDS = 5.0
SLOW = 0.95
Place = tuple[str, str]
command = declare("errors", WATCH)


@dataclass
class Errors:
    """All about one action at one connection."""

    calls: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    last: datetime | None = None
    who_must_act: str = ""
    cause: str = ""


@command.default
def list_errors(
    *,
    since: str | None = None,
    worker: Annotated[list[str] | None, Parameter(negative="")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """What goes wrong with calls, by connection and action. The worst first.

    Dead letters come from Kafka; calls, errors that were tried again, and latency from the workers' metrics, since each
    worker's start. Over time: the dashboard "API errors" in Grafana.

    Parameters
    ----------
    since:
        Only dead letters after this: 30m, 2h, 7d, or a date and time.
    worker:
        Address of a worker's metrics, such as http://127.0.0.1:9103. May be given several times. Default: that of the
        `flows dev` of this folder.
    as_json:
        Print a JSON array.
    """
    told = local.running()
    default = [] if told is None or "actions" not in told else [str(told["actions"])]
    texts = [_scraped(address) for address in (default if worker is None else worker)]
    found: dict[Place, Errors] = {}
    slow: dict[Place, float] = {}
    for text in texts:
        slow |= count_calls(text, found)
    count_letters(asyncio.run(letters(installation.settings(), since)), found)
    worst = sorted(found.items(), key=lambda pair: (-pair[1].dead, -pair[1].codes.total(), pair[0]))
    rows = [row(where, errors, slow, as_json=as_json) for where, errors in worst]
    show(rows, COLUMNS, as_json=as_json, empty="No call was made, or no worker told of one, and no call is dead.")
    if not texts and not as_json:
        print("Only dead letters: --worker http://HOST:9103 adds what a worker counted.")


def count_letters(found: Iterable[FoundDeadLetter], by_place: dict[Place, Errors]) -> None:
    """Count the dead letters of calls."""
    for letter in found:
        if letter.letter is None or not letter.action:
            continue
        errors = by_place.setdefault((letter.connection, letter.action), Errors())
        errors.dead += 1
        errors.last, errors.cause = letter.at, letter.letter.cause
        errors.who_must_act = letter.letter.who_must_act.value


def count_calls(text: str, by_place: dict[Place, Errors]) -> dict[Place, float]:
    """Count what a worker's /metrics tells; the answer is how slow each is: 95 % of its calls are faster."""
    buckets: dict[Place, list[tuple[float, float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "flows_attempts_total":
                errors = by_place.setdefault((labels["connection"], labels["action"]), Errors())
                errors.calls += int(sample.value)
                if labels["outcome"] != "done":
                    errors.codes[labels["outcome"]] += int(sample.value)
            elif sample.name == "flows_attempt_seconds_bucket":
                where = (labels["connection"], labels["action"])
                buckets.setdefault(where, []).append((float(labels["le"]), sample.value))
    return {where: _quantile(sorted(found), SLOW) for where, found in buckets.items()}


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """The bound below which this share of the calls is: as fine as the buckets are."""
    whole = buckets[-1][1]
    return next((bound for bound, count in buckets if count >= share * whole), buckets[-1][0])


def row(where: Place, errors: Errors, slow: Mapping[Place, float], *, as_json: bool) -> dict[str, Any]:
    """One row."""
    connection, action = where
    failed = errors.codes.total()
    share = failed / errors.calls if errors.calls else None
    known: dict[str, Any] = {
        "connection": connection or None,
        "action": action,
        "calls": errors.calls,
        "failed": failed,
        "share": share,
        "errors": dict(errors.codes.most_common()),
        "p95": slow.get(where),
        "dead": errors.dead,
        "last": errors.last,
        "who_must_act": errors.who_must_act or _who(errors.codes),
        "cause": errors.cause,
    }
    if as_json:
        return known
    return {
        **known,
        "where": f"{connection}\n{action}" if connection else action,
        "failed": f"{failed}" if share is None else f"{failed} ({share:.1%})",
        "errors": "\n".join(f"{code} {count}" for code, count in errors.codes.most_common()),
        "p95": f"≤ {slow[where]:g} s" if where in slow else None,
        "last": times.clock(errors.last) if errors.last else None,
        "cause": f"{errors.cause} ({errors.who_must_act} must act)" if errors.cause else None,
    }


def _who(codes: Counter[str]) -> str:
    """Who must act on the most frequent error."""
    by_value = {code.value: code for code in ErrorCode}
    return next((by_value[code].who_must_act.value for code, _ in codes.most_common() if code in by_value), "")


def _scraped(address: str) -> str:
    url = address if address.endswith("/metrics") else f"{address.rstrip('/')}/metrics"
    try:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            answer = client.get(url).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"no metrics at {url!r}: {error or type(error).__name__}. Is the worker running?") from None
    return answer.text
