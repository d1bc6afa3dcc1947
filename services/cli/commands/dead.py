"""`flows dead`: what could not be done, from the topics `*.dlq`: list, show, redrive, drop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import asyncpg
from aiokafka.errors import KafkaError
from cyclopts import Parameter

from contracts.errors import ErrorCode
from services.actions.admin.request_preview import preview, repeatable
from services.cli import installation, times
from services.cli.command import WATCH, declare
from services.cli.dead_letters import letters
from services.cli.terminal import CommandError, Limit, console, show
from services.cli.topic_records import unread
from services.project.connections_file import shown_connections
from services.runtime import database
from services.runtime.dead_letters import decisions, redrive
from services.runtime.dead_letters.decisions import DeadLetterDecision
from services.runtime.dead_letters.edit import EditError, change, edited
from services.runtime.dead_letters.groups import DeadLetterFilter, groups
from services.runtime.dead_letters.letters import BACK_TO, FoundDeadLetter, with_originals
from services.runtime.kafka import Producer, topic_reading
from services.runtime.settings import RuntimeSettings
from services.runtime.tables import audit

EACH = ("id", "at", "code", "who_must_act", "flow", "step", "attempts", "cause")
GROUPED = ("group", "count", "first_and_last", "error", "where", "cause")
DECIDED = ("id", "decision", "when", "reason")
REFUSED = "select letter_group, count from refusals where letter_group = any ($1::text[])"
Json = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]
command = declare("dead", WATCH, "Dead letters: what could not be done, why, who must act; and doing it after all.")


@Parameter(name="*")
@dataclass(frozen=True)
class Chosen:
    """Which dead letters are meant: all that fit every option.

    Parameters
    ----------
    group:
        Only this group, by the id that `flows dead list` shows.
    code:
        Only this error, such as call_rejected.
    flow:
        Only this flow.
    connection:
        Only calls to this connection.
    source:
        Only what this source sent and ingest could not read.
    subject:
        Only this contact, phone or lead.
    since:
        Only letters after this: 30m, 2h, 7d, or a date and time.
    until:
        Only letters before this.
    """

    group: str | None = None
    code: ErrorCode | None = None
    flow: str | None = None
    connection: str | None = None
    source: str | None = None
    subject: str | None = None
    since: str | None = None
    until: str | None = None

    def filter(self, ids: Sequence[str] = ()) -> DeadLetterFilter:
        """As a filter."""
        return DeadLetterFilter(
            tuple(ids),
            self.group,
            self.code,
            self.flow,
            self.connection,
            source=self.source,
            subject=self.subject,
            since=times.moment(self.since),
            until=times.moment(self.until),
        )


ANY = Chosen()


@command.command(name="list")
def list_letters(
    *, chosen: Chosen = ANY, each: Flag = False, decided: Flag = False, limit: Limit = 50, as_json: Json = False
) -> None:
    """What could not be done, by cause: how often, first and last, and who must act. The most frequent first.

    Parameters
    ----------
    each:
        Each letter by itself, newest last, instead of groups.
    decided:
        Those that were redriven or dropped already, with the decision.
    limit:
        At most so many.
    as_json:
        Print a JSON array with every field.
    """
    settings = installation.settings()
    found = [one for one in asyncio.run(letters(settings)) if chosen.filter().fits(one)]
    known = asyncio.run(_if_known(settings, found))
    if decided:
        rows = [_decided(one, known[one.id]) for one in found if one.id in known][-limit:]
        show(rows, DECIDED, as_json=as_json, empty="No dead letter was redriven or dropped.")
        return
    found = [one for one in found if one.id not in known]
    if each:
        rows = [one.row() if as_json else _line(one) for one in found[-limit:]]
        show(rows, EACH, as_json=as_json, empty="There are no dead letters.")
        return
    rows = [group.row() for group in groups(found)[:limit]]
    refused = asyncio.run(_refused(settings, [row["group"] for row in rows]))
    rows = [{**row, "refused": refused.get(row["group"])} for row in rows]
    if not as_json:
        rows = [_shown(row) for row in rows]
    show(rows, GROUPED, as_json=as_json, empty="There are no dead letters.")
    if rows and not as_json:
        print(
            "Each of a group: flows dead list --each --group ID.   Once mended: flows dead redrive --group ID --dry-run"
        )


def _line(one: FoundDeadLetter) -> dict[str, Any]:
    row = one.row()
    original = f"\n(the original: {row['original']})" if "original" in row else ""
    return {**row, "at": times.clock(one.at), "cause": f"{row['cause']}{original}"}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A group in few columns: a terminal is narrow."""
    first, last = times.clock(row["first"]), times.clock(row["last"])
    where = (row["source"], row["flow"], row["step"] and f"step {row['step']}", row["action"], row["connection"])
    error = (row["code"], row["who_must_act"] and f"{row['who_must_act']} must act")
    often = f"{row['count']}\n({row['refused']} refused)" if row["refused"] else row["count"]
    return {
        **row,
        "count": often,
        "first_and_last": first if first == last else f"{first}\n{last}",
        "error": "\n".join(filter(None, error)),
        "where": "\n".join(filter(None, where)),
    }


def _decided(one: FoundDeadLetter, decision: DeadLetterDecision) -> dict[str, Any]:
    return {"id": one.id, "decision": decision.decision, "when": times.clock(decision.at), "reason": decision.reason}


@command.command(name="show")
def show_letter(identity: Annotated[str, Parameter(name="ID")], *, as_json: Json = False) -> None:
    """One dead letter: its headers, the request as it would be sent (secrets hidden), the original message untouched.

    Parameters
    ----------
    identity:
        The id that `flows dead list --each` shows, such as actions.dlq/0/12.
    as_json:
        Print it as JSON.
    """
    settings = installation.settings()
    found = [one for one in asyncio.run(letters(settings)) if one.id == identity]
    if not found:
        raise CommandError(f"there is no dead letter {identity!r}. `flows dead list --each` shows what there is")
    one = found[0]
    known = asyncio.run(_if_known(settings, found))
    request = asyncio.run(preview(one, shown_connections()))
    if as_json:
        whole = {**one.row(), "decision": _decided(one, known[one.id]) if one.id in known else None}
        whole |= {"request": request, "message": one.body if one.body is not None else repr(one.value)}
        print(json.dumps(whole, ensure_ascii=False, indent=2, default=str))
        return
    for name, value in one.row().items():
        if value is not None:
            console().print(f"{name.replace('_', ' '):>13}  {value}")
    if one.id in known:
        console().print(f"{known[one.id].decision:>13}  {times.clock(known[one.id].at)}: {known[one.id].reason}")
    console().print(f"\nThe request as it would be sent\n{_pretty(request)}")
    first = "The first bytes of the original message" if "original" in one.row() else "The original message"
    console().print(f"\n{first}\n{_pretty(one.body) if one.body is not None else repr(one.value)}")


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


@command.command(name="redrive")
def redrive_letters(
    *ids: Annotated[str, Parameter(name="ID")],
    chosen: Chosen = ANY,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
    dry_run: Flag = False,
    rate: float = 50.0,
    put: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    other_connection: Flag = False,
    even_if_sent: Flag = False,
    reason: str = "by hand",
) -> int:
    """Put dead letters back where they came from: in order, not too fast, and none of them twice.

    Parameters
    ----------
    ids:
        Their ids, such as actions.dlq/0/12. Or choose by the options below.
    everything:
        All that there are.
    dry_run:
        Only show what would be done.
    rate:
        At most so many a second.
    put:
        Change the payload first, such as inputs.json.phone=+351912345678. May be given several times.
    other_connection:
        `--set connection=NAME` may send the call to another connection, with that one's credentials.
    even_if_sent:
        Also calls that may have had their effect, and that are not harmless twice. Look at the destination first.
    reason:
        Kept with the decision.
    """
    settings = installation.settings()
    try:
        changes = dict(change(text) for text in put or ())
    except EditError as error:
        raise CommandError(str(error), 2) from None
    if not 0 < rate <= 100_000:  # noqa: PLR2004 - what a producer can do
        raise CommandError("--rate is a number above 0", 2)
    found = _meant(asyncio.run(letters(settings)), chosen.filter(ids), everything=everything)
    known = asyncio.run(_decisions(settings, found))
    try:
        found = asyncio.run(with_originals(settings, found))
    except topic_reading.UnreachableError as error:
        raise unread(settings, error) from None
    harmless = partial(repeatable, connections=shown_connections())
    planned = redrive.plan(found, known, harmless, even_if_sent=even_if_sent)
    for identity, why in planned.left_out.items():
        console().print(f"left out  {identity}  {why}")
    if dry_run:
        for one in planned.letters:
            _checked(one, changes, elsewhere=other_connection)
            console().print(f"would go  {one.id}  to {BACK_TO[one.topic].name}  {_brief(one)}")
        print(f"{len(planned.letters)} would be redriven, {len(planned.left_out)} left out. Nothing was done.")
        return 0
    perform = partial(
        redrive.perform, rate=rate, who=audit.direct(), changes=changes, elsewhere=other_connection, reason=reason
    )
    done = asyncio.run(_redriven(settings, planned, perform))
    print(f"{len(done)} redriven, {len(planned.left_out)} left out. Their ends: flows runs --since 5m")
    return 1 if planned.left_out and not done else 0


@command.command(name="drop")
def drop_letters(
    *ids: Annotated[str, Parameter(name="ID")],
    chosen: Chosen = ANY,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
    dry_run: Flag = False,
    reason: str,
) -> int:
    """Take dead letters off the list for good, with the reason. Kafka keeps them until their time is over.

    Parameters
    ----------
    ids:
        Their ids. Or choose by the options below.
    everything:
        All that there are.
    dry_run:
        Only show what would be done.
    reason:
        Why nobody needs them: kept with the decision.
    """
    settings = installation.settings()
    found = _meant(asyncio.run(letters(settings)), chosen.filter(ids), everything=everything)
    if dry_run:
        for one in found:
            console().print(f"would go  {one.id}  {_brief(one)}")
        print(f"{len(found)} would be dropped. Nothing was done.")
        return 0
    dropped = asyncio.run(_dropped(settings, found, reason))
    print(f"{len(dropped)} dropped, {len(found) - len(dropped)} had been redriven or dropped before.")
    return 0


def _brief(one: FoundDeadLetter) -> str:
    return "" if one.letter is None else f"{one.letter.code.value}: {one.letter.cause[:100]}"


def _meant(found: Sequence[FoundDeadLetter], which: DeadLetterFilter, *, everything: bool) -> list[FoundDeadLetter]:
    """The letters that are meant. Raises CommandError for none, for a missing one, and for all without --all."""
    if everything == which.chooses:
        raise CommandError("name dead letters by id or by an option such as --group, or say --all", 2)
    if missing := which.missing(found):
        raise CommandError(f"there is no dead letter {missing[0]!r}. `flows dead list --each` shows what there is")
    meant = [one for one in found if which.fits(one)]
    if not meant:
        raise CommandError("no dead letter fits. `flows dead list` shows what there is")
    return meant


def _checked(one: FoundDeadLetter, changes: dict[str, Any], *, elsewhere: bool) -> None:
    try:
        edited(one, changes, elsewhere=elsewhere)
    except EditError as error:
        raise CommandError(str(error)) from None


async def _redriven(
    settings: RuntimeSettings,
    planned: redrive.RedrivePlan,
    perform: Callable[..., Awaitable[list[FoundDeadLetter]]],
) -> list[FoundDeadLetter]:
    producer = Producer(settings)
    told_of: list[FoundDeadLetter] = []
    try:
        await asyncio.wait_for(producer.start(), topic_reading.REACH_SECONDS)
        pool = await database.connect(settings.database_url)
        try:
            return await perform(planned.letters, producer, pool, done=told_of.extend)
        finally:
            pool.terminate()
    except EditError as error:
        raise CommandError(str(error)) from None
    except (KafkaError, *database.FAULTS) as error:
        raise CommandError(
            f"{len(told_of)} were redriven, then: {error or type(error).__name__}. "
            "The same command again goes on with the rest"
        ) from None
    finally:
        await producer.stop()


async def _dropped(settings: RuntimeSettings, found: Sequence[FoundDeadLetter], reason: str) -> list[FoundDeadLetter]:
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=database.CONNECT_SECONDS)
        try:
            return await decisions.decide(connection, found, "dropped", reason, who=audit.direct())
        finally:
            await connection.close()
    except database.FAULTS as error:
        raise _no_database(error) from None


async def _if_known(settings: RuntimeSettings, found: Sequence[FoundDeadLetter]) -> dict[str, DeadLetterDecision]:
    """What was decided about them; nothing while PostgreSQL is away, as looking must be possible then too."""
    try:
        return await _decisions(settings, found)
    except CommandError as error:
        print(f"note: what was redriven or dropped already is listed as well. {error}", file=sys.stderr)
        return {}


async def _refused(settings: RuntimeSettings, found: Sequence[str]) -> dict[str, int]:
    """How often ingest refused each group's cause, repeats and what was not kept included; empty while nobody knows."""
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=database.CONNECT_SECONDS)
        try:
            return {row["letter_group"]: row["count"] for row in await connection.fetch(REFUSED, found)}
        finally:
            await connection.close()
    except database.FAULTS:
        return {}


async def _decisions(settings: RuntimeSettings, found: Sequence[FoundDeadLetter]) -> dict[str, DeadLetterDecision]:
    """What was decided about them. Raises CommandError."""
    if not found:
        return {}
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=database.CONNECT_SECONDS)
        try:
            return await decisions.known(connection, found)
        finally:
            await connection.close()
    except database.FAULTS as error:
        raise _no_database(error) from None


def _no_database(error: Exception) -> CommandError:
    if isinstance(error, asyncpg.UndefinedTableError):
        return CommandError(f"PostgreSQL: {error}. `flows db migrate` makes the tables")
    return installation.unanswered("PostgreSQL", error)
