"""A soak: all features at once at half of what this machine can carry, while memory, tables and lag are looked at.

    python -m tests.bench.soak [--minutes N] [--rate N] [--out FOLDER]

Real Kafka and PostgreSQL, ingest, tools and actions, one process each; two systems that are kept in sync both ways.
What is kept for days in production is kept for two or three minutes, so that its expiry is seen. First a burst finds
what the machine can carry; then half of it comes for so long. Afterwards every accepted event must have come to an
end. `--out` gets samples.csv and the charts. Exit code 1 when an event is missing or something grows.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import asyncpg
import httpx

from contracts.runs import Outcome
from deploy.local import on_stderr
from services.cli.history import ends
from services.cli.stack.addresses import any_free
from services.cli.stack.folder import held
from services.cli.stack.stack import Stack, StackPlan, running
from services.cli.terminal import CommandError
from services.project.errors import ProjectError
from tests.bench.__main__ import destination
from tests.bench.soak import samples as looked
from tests.bench.soak.charts import draw
from tests.bench.soak.load import ACCEPTED, Load
from tests.bench.soak.samples import Looker, Sample
from tests.bench.soak.verdict import faults
from tests.bench.two_way_sync import Edits
from tests.support.closum import Closum

ROOT = Path(__file__).parents[3]
FLOWS = (Path(__file__).parent / "flows", ROOT / "examples" / "two-way-sync")
SHORT = {
    "FLOWS_DUPLICATE_HOURS": "0.05",
    "FLOWS_ANSWER_HOURS": "0.05",
    "FLOWS_ECHO_SECONDS": "60",
    "FLOWS_LEDGER_DAYS": "0.002",
    "FLOWS_EFFECT_DAYS": "0.002",
    "FLOWS_ENDS_KEEP_DAYS": "0.002",
}
"""What is kept for days is kept for three minutes."""
TROUBLE = (
    {"path": "/crm/*", "contains": "closum_id", "kind": "status", "status": 503, "probability": 0.05},
    {"path": "/crm/*", "contains": "closum_id", "kind": "cut_after", "probability": 0.01},
    {"path": "/v2/whatsapp/*", "kind": "status", "status": 429, "retry_after": 6, "probability": 0.02},
    {"path": "/v2/whatsapp/*", "kind": "refuse", "probability": 0.005},
)
"""Retries at once, parked ones, calls repeated by their key, dead letters. What people write holds no `closum_id`."""
CONNECTIONS = """\
connections:
  sales: {{ base_url: "http://127.0.0.1:{sales}", idempotency: {{ header: Idempotency-Key, for: 24h }} }}
  crm:
    base_url: http://127.0.0.1:{closum}/crm
    authentication: {{ bearer: {{ env: CRM_TOKEN }} }}
    idempotency: {{ header: Idempotency-Key, for: 24h }}
  closum:
    base_url: http://127.0.0.1:{closum}/v2/
    authentication: {{ query: api-key, secret: {{ env: CLOSUM_API_KEY }} }}
"""
SYNCED = 500
EDITS_OF = 0.03
"""Changes in the two systems, beside the load."""
BURST = 20_000
LOOK_SECONDS = 10.0
PATIENCE_SECONDS = 180.0


def main() -> int:
    """Run it all; say what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=0.0, help="events a second; default: half of what a burst makes")
    parser.add_argument("--out", type=Path, help="folder for samples.csv and the charts")
    wanted, told = parser.parse_args(), on_stderr()
    with tempfile.TemporaryDirectory(prefix="flows-soak-") as folder, destination() as port:
        try:
            with held(Path(folder) / "stack", "the soak") as place:
                flows = Path(folder) / "flows"
                for source in FLOWS:
                    shutil.copytree(source, flows / source.name, ignore=shutil.ignore_patterns("*.test.yaml"))
                ports = any_free()
                connections = Path(folder) / "connections.yaml"
                connections.write_text(CONNECTIONS.format(sales=port, closum=ports.closum))
                beside = sorted(flows.rglob("sources.yaml"))
                secrets = place.secrets(beside)
                plan = StackPlan(flows, ports, place.sources(beside), connections, secrets, _short)
                with running(place, plan, lambda _name, _line: None, told) as stack:
                    return asyncio.run(_soak(stack, plan, wanted))
        except (CommandError, ProjectError) as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130


@contextmanager
def _short(_bootstrap: str, _url: str) -> Iterator[dict[str, str]]:
    yield SHORT


async def _soak(stack: Stack, plan: StackPlan, wanted: argparse.Namespace) -> int:
    hooks = {
        kind: stack.hook(source, plan.secrets[f"HOOK_TOKEN_{source.upper()}"])
        for kind, source in {
            "messages": "whatsapp",
            "leads": "leads",
            "carts": "cart",
            "orders": "order",
            "statuses": "sms",
        }.items()
    }
    stand_in = Closum(stack.closum)
    connection = await asyncpg.connect(stack.environ["DATABASE_URL"])
    looker = Looker(stack, connection)
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
            httpx.AsyncClient(trust_env=False, timeout=30) as client,
        ):
            load, people = Load(session, hooks), Edits(stand_in, client, SYNCED, seed=7)
            await people.seed()
            await _tell_of_changes(stack, plan, client)
            rate = wanted.rate or await _half(load, looker, stack.check)
            for fault in TROUBLE:
                await client.post(f"{stack.closum}/_faults", json=fault)
            seconds = wanted.minutes * 60
            print(f"{rate:,.0f} events/s and {rate * EDITS_OF:.1f} edits/s for {wanted.minutes:g} minutes", flush=True)
            found = await _watched((load, people, looker), rate, seconds, stack.check)
            await client.delete(f"{stack.closum}/_faults")
            missing = await _account(stack, load, looker)
        return _tell(found, missing, rate, wanted)
    finally:
        await looker.close()
        await connection.close()


async def _tell_of_changes(stack: Stack, plan: StackPlan, client: httpx.AsyncClient) -> None:
    """Both systems tell ingest of every write, ours included."""
    for system in ("closum", "crm"):
        hook = stack.hook(system, plan.secrets[f"HOOK_TOKEN_{system.upper()}"])
        subscription = {"system": system, "url": hook, "delay_seconds": 0.5, "twice": 0.05}
        (await client.post(f"{stack.closum}/_webhooks", json=subscription)).raise_for_status()


async def _half(load: Load, looker: Looker, check: Callable[[], None]) -> float:
    """Half of what the machine carries: of a burst, until nothing is behind but what waits for its time."""
    await load.burst(BURST // 10)
    await _settled(looker, check)
    begun = time.monotonic()
    await load.burst(BURST)
    waiting = await _settled(looker, check, waits=True)
    rate = BURST / (waiting - begun)
    print(f"a burst of {BURST:,} events: {rate:,.0f} a second", flush=True)
    await _settled(looker, check)
    return rate / 2


async def _settled(looker: Looker, check: Callable[[], None], *, waits: bool = False) -> float:
    """The moment at which nothing is behind; with `waits`, waits may go on."""
    end = time.monotonic() + PATIENCE_SECONDS
    while any((left := await looker.lag() if waits else await looker.behind()).values()):
        check()
        if time.monotonic() > end:
            what = ", ".join(f"{count:,.0f} in {name}" for name, count in left.items() if count)
            raise CommandError(f"after {PATIENCE_SECONDS:.0f} s not everything has come to its end: {what}")
        await asyncio.sleep(0.2)
    return time.monotonic()


async def _watched(
    parts: tuple[Load, Edits, Looker], rate: float, seconds: float, check: Callable[[], None]
) -> list[Sample]:
    """The load, with a look every ten seconds."""
    load, people, looker = parts
    begun = time.monotonic()
    found: list[Sample] = []

    async def look() -> None:
        while (second := time.monotonic() - begun) < seconds:
            check()
            found.extend(await looker.look(round(second, 1)))
            if len(found) and int(second) % 60 < LOOK_SECONDS:
                _progress(found, second)
            await asyncio.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - begun - second)))

    async def edit() -> None:
        while (second := time.monotonic() - begun) < seconds:
            await people.edit(max(1, round(rate * EDITS_OF)))
            await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - begun - second)))

    async with asyncio.TaskGroup() as group:
        group.create_task(load.steadily(rate, seconds))
        group.create_task(look())
        group.create_task(edit())
    return found


def _progress(found: list[Sample], second: float) -> None:
    now = [sample for sample in found if sample.second == found[-1].second]
    memory = "  ".join(f"{sample.of} {sample.value:.0f} MB" for sample in now if sample.what == "memory")
    rows = sum(sample.value for sample in now if sample.what == "rows")
    size = sum(sample.value for sample in now if sample.what == "size")
    lag = sum(sample.value for sample in now if sample.what == "lag")
    print(f"{second / 60:5.1f} min  {memory}  {rows:,.0f} rows  {size:.0f} MB  lag {lag:,.0f}", flush=True)


async def _account(stack: Stack, load: Load, looker: Looker) -> list[str]:
    """What does not add up once everything has come to its end."""
    await _settled(looker, stack.check)
    records, found = await looker.records(), await ends(stack.settings())
    outcomes = Counter(one.outcome for one in found.values())
    told = ", ".join(f"{count:,} {outcome.value}" for outcome, count in outcomes.most_common())
    print(f"{load.accepted:,} webhooks of the load accepted; {records:,} events; {len(found):,} ends: {told}")
    dead = Counter((one.flow, one.code) for one in found.values() if one.outcome is Outcome.DEAD)
    print("dead: " + ", ".join(f"{count:,} {code} in {flow}" for (flow, code), count in dead.most_common()))
    missing = []
    if records != len(found):
        missing.append(f"{records:,} events, but {len(found):,} ends")
    if wrong := {status: count for status, count in load.statuses.items() if status != ACCEPTED}:
        missing.append(f"not all were accepted: {wrong}")
    if not outcomes[Outcome.DELIVERED]:
        missing.append("nothing was delivered")
    return missing


def _tell(found: list[Sample], missing: list[str], rate: float, wanted: argparse.Namespace) -> int:
    if wanted.out:
        wanted.out.mkdir(parents=True, exist_ok=True)
        looked.write(wanted.out / "samples.csv", found)
        draw(wanted.out, found)
    wrong = [*missing, *faults(found, wanted.minutes * 60, rate)]
    print("\n".join(wrong) or "memory, tables and lag end flat; every event has come to its end")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
