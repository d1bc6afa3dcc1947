"""The summary of a demonstration, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from contracts.runs import Outcome
from services.cli.commands.demo.account import Account
from services.cli.commands.demo.events import Sending
from services.cli.terminal import COLOURS, table

ROWS = 5
WHAT = {
    "whatsapp": "WhatsApp messages",
    "platform": "new contacts",
    "leads": "leads that Closum told of, as we made them",
    "contacts": "contacts that Closum told of, as we changed them",
}
OUTCOMES = (Outcome.DELIVERED, Outcome.FILTERED, Outcome.DUPLICATE, Outcome.DEAD)
"""Always shown; others where there are any."""


def show(out: Console, account: Account, sent: Mapping[str, Sending], sources: Sequence[str], seconds: float) -> None:
    """Print it. `sent` is what was sent by event id, `sources` are the hooks."""
    _title(out, "What came in")
    count = {source: number for source in sources if (number := account.came_by(f"/hooks/{source}"))}
    came = ", ".join(f"{number} {WHAT[source]}" for source, number in count.items())
    out.print(f"{account.accepted} events by HTTP: {came}. All came to their end in {seconds:.1f} s.")
    rows = []
    for source, number in count.items():
        hook = f"/hooks/{source}"
        outcomes = {outcome.value: account.count(outcome, hook) for outcome in _shown(account)}
        rows.append({"hook": source, "flow": account.by_flow(hook), "accepted": number, **outcomes})
    out.print(table(rows, ("hook", "flow", "accepted", *(outcome.value for outcome in _shown(account)))))
    _crm(out, account, sent)
    _closum(out, account)
    _filtered(out, account, sent)
    _dead(out, account)
    _sum(out, account)


def _title(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _crm(out: Console, account: Account, sent: Mapping[str, Sending]) -> None:
    contacts = account.closum["contacts"]
    _title(out, f"The CRM now holds {len(contacts)} contacts, all with E.164 numbers")
    senders = {_digits(sending.body.get("from", ""))[-7:]: sending.body.get("from", "") for sending in sent.values()}
    rows = [{**contact, "sender": senders.get(str(contact.get("phone"))[-7:], "")} for contact in contacts]
    chosen = _various([row for row in rows if row["sender"]])
    columns = [name for name in ("sender", "phone", "name", "text", "message") if any(name in row for row in chosen)]
    out.print(table(chosen, columns))
    repeated = account.repeated_calls()
    if repeated:
        busy = "The CRM was made to say `too busy, come back in a second` now and then:"
        out.print(f"{busy} {repeated} calls were repeated, none had its effect twice.")


def _closum(out: Console, account: Account) -> None:
    leads, messages = account.closum["leads"], account.closum["whatsapp"]
    _title(out, f"Closum (the stand-in) now holds {len(leads)} leads and has sent {len(messages)} WhatsApp templates")
    templates = {message["to"]: f"{message['template']} ({message['language']})" for message in messages}
    rows = [{**lead, "whatsapp": templates.get(lead.get("mobile_number"), "")} for lead in leads]
    out.print(table(_various(rows), ("lead_id", "name", "email", "mobile_number", "whatsapp")))
    greeted, new = account.greeted(), account.came_by("/hooks/leads")
    people = "1 person was" if len(greeted) == 1 else f"{len(greeted)} people were"
    how = "once" if max(greeted.values(), default=0) <= 1 else "some of them more than once"
    ours = account.count(Outcome.SUPPRESSED, "/hooks/leads")
    out.print(
        f"{people} greeted, {how}. Closum told us of {new} new leads: {ours} we had made ourselves, and knew them."
    )


def _filtered(out: Console, account: Account, sent: Mapping[str, Sending]) -> None:
    rows = []
    for one in account.ends:
        if one.outcome is Outcome.FILTERED:
            body = sent[one.event_id].body if one.event_id in sent else {}
            shown = body.get("from") or body.get("phone") or one.subject
            rows.append({"flow": one.flow, "number": shown, "reason": one.reason})
    _title(out, f"{len(rows)} were filtered: the flow says so, it is no error")
    out.print(table(rows, ("flow", "number", "reason")))


def _dead(out: Console, account: Account) -> None:
    _title(out, f"{len(account.dead)} could not be done: in the dead letters, with the original message")
    for found in account.dead:
        row = found.row()
        out.print(f"  {row['id']}: {row.get('code')} in {row.get('flow')}; who must act: {row.get('who_must_act')}")
        out.print(f"  {row.get('cause')}")


def _shown(account: Account) -> list[Outcome]:
    return [outcome for outcome in Outcome if outcome in OUTCOMES or account.count(outcome)]


def _sum(out: Console, account: Account) -> None:
    line = Text("accepted ", style="bold")
    line.append(str(account.accepted))
    for number, outcome in enumerate(_shown(account)):
        line.append(" + " if number else " = ")
        line.append(f"{outcome.value} {account.count(outcome)}", style=COLOURS[outcome.value])
    out.print()
    out.print(line)
    for fault in account.faults():
        out.print(Text(f"This does not add up: {fault}", style="bold red"))
    if not account.faults():
        out.print("It adds up: nothing was lost, nothing was done twice.")


def _various(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few rows, of as many countries as there are."""
    chosen: dict[str, dict[str, Any]] = {}
    for row in rows:
        chosen.setdefault(str(row.get("phone") or row.get("mobile_number") or "").lstrip("+")[:2], row)
    return list(chosen.values())[:ROWS]


def _digits(text: object) -> str:
    return "".join(sign for sign in str(text) if sign.isdigit())
