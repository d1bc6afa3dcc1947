"""The demonstration from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.cli.commands.demo import fresh, summary
from services.cli.commands.demo.account import Account, settle
from services.cli.commands.demo.events import Sending, sendings
from services.cli.commands.demo.sending import send
from services.cli.stack.addresses import any_free
from services.cli.stack.folder import Folder, held
from services.cli.stack.stack import Stack, StackPlan, running
from services.cli.stack.startup import shown
from services.cli.stack.stopping import Stop, Stopping, stop_on_signals
from services.cli.terminal import CommandError, console
from services.project.checking import checked
from services.project.root import project

FLOWS = ("whatsapp-to-crm.yaml", "new-contact-to-closum.yaml")
BESIDE = "sources.yaml"  # who sends what they begin with
WEBHOOKS = {"leads": "new", "contacts": "changed"}  # what Closum tells of, by our hook
BUSY: dict[str, object] = {"path": "/crm/*", "kind": "status", "status": 429, "retry_after": 1, "times": 3}
STOPPED = 130
SUMMARY = "summary.json"


def demonstrate() -> int:
    """Run it. 0 when all adds up, 1 when not, 130 when stopped."""
    out = console()
    begun = time.monotonic()
    try:
        with stop_on_signals() as stopping, held(project().local / "demo", "flows demo") as folder:
            flows = _flows(folder)
            out.print(
                "Starting Kafka, PostgreSQL, the three services and a stand-in Closum. The first time takes longer."
            )
            account = _run(out, folder, flows, stopping)
            (folder.path / SUMMARY).write_text(json.dumps(account.as_json(), ensure_ascii=False, indent=2))
    except Stop:
        out.print("Stopped; nothing was left running.")
        return STOPPED
    details = project().local / "demo" / SUMMARY
    out.print(f"\nAll has ended, after {time.monotonic() - begun:.0f} s. All details: {details}")
    out.print("Next: `flows dev examples`, and README.md.")
    return 1 if account.faults() else 0


def _flows(folder: Folder) -> Path:
    """A folder with the two example flows and nothing else. Raises CommandError when they are not found, or wrong."""
    target = folder.path / "flows"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    beside = Path(__file__).resolve().parents[4] / "examples"
    for name in (*FLOWS, BESIDE):
        source = next((file for file in (Path("examples") / name, beside / name) if file.is_file()), None)
        if source is None:
            raise CommandError(f"there is no examples/{name} here: run this in a checkout of closum-flows")
        shutil.copy(source, target / name)
    mistakes = checked([target], folder.connections(1)).mistakes
    if mistakes:
        raise CommandError("the example flows have mistakes.\n" + "\n".join(map(str, mistakes)))
    return target


def _run(out: Console, folder: Folder, flows: Path, stopping: Stopping) -> Account:
    name = secrets.token_hex(3)
    alone = "KAFKA_BOOTSTRAP" not in os.environ and "DATABASE_URL" not in os.environ
    ports = any_free()
    plan = StackPlan(
        flows=flows,
        ports=ports,
        sources=folder.sources([flows / BESIDE]),
        connections=folder.connections(ports.closum),
        secrets=folder.secrets([flows / BESIDE]),
        around=lambda bootstrap, url: fresh.own(name, bootstrap, url, alone=alone),
    )
    with contextlib.ExitStack() as all_of_it:
        with shown(out) as progress:
            stack = all_of_it.enter_context(running(folder, plan, lambda _service, _line: None, progress, stopping))
        return _story(out, stack, plan)


def _story(out: Console, stack: Stack, plan: StackPlan) -> Account:
    events = sendings()
    hooks = {
        source: stack.hook(source, plan.secrets[f"HOOK_TOKEN_{source.upper()}"])
        for source in ("platform", "whatsapp", *WEBHOOKS)
    }
    asks: list[tuple[str, dict[str, object]]] = [("_faults", BUSY)]
    asks += [("_webhooks", {"system": "closum", "of": of, "url": hooks[source]}) for source, of in WEBHOOKS.items()]
    for path, asked in asks:
        httpx.post(f"{stack.closum}/{path}", json=asked, trust_env=False, timeout=10).raise_for_status()
    begun = time.monotonic()
    sent, account = asyncio.run(_send_and_settle(out, stack, events, hooks))
    summary.show(out, account, sent, tuple(hooks), time.monotonic() - begun)
    return account


async def _send_and_settle(
    out: Console, stack: Stack, events: list[Sending], hooks: dict[str, str]
) -> tuple[dict[str, Sending], Account]:
    columns = (TextColumn("{task.description:<22}"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=not out.is_terminal, disable=not out.is_terminal) as bars:
        sending = bars.add_task("events sent", total=len(events))
        ending = bars.add_task("come to their end", total=len(events))
        sent = await send(events, hooks, lambda count: bars.update(sending, completed=count))
        account = await settle(
            stack.settings(),
            len(events),
            stack.closum,
            lambda count, accepted: bars.update(ending, completed=count, total=accepted),
            stack.check,
        )
    return sent, account
