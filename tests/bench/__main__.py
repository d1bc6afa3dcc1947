"""Delivered flows a second, end to end: HTTP → Kafka → flow → Kafka → HTTP, on this machine, which carries all of it.

    python -m tests.bench [--events N] [--connections N]

The flow is example 1's: a WhatsApp message, its phone brought into E.164, a POST to the CRM. The CRM is a local process
that answers at once. Each effect is counted by its Idempotency-Key: what is printed as delivered was seen there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.local.ports import free_port
from services.cli.stack import ready
from services.cli.stack.addresses import any_free
from services.cli.stack.folder import held
from services.cli.stack.process import Service
from services.cli.stack.stack import Stack, StackPlan, running

ROOT = Path(__file__).parents[2]
WARM_UP = 2_000
PATIENCE_SECONDS = 120.0
CONNECTIONS = """\
connections:
  crm:
    base_url: http://127.0.0.1:{port}
    authentication: {{ bearer: {{ env: CRM_TOKEN }} }}
    idempotency: {{ header: Idempotency-Key, for: 24h }}
  closum:
    base_url: http://127.0.0.1:{port}/v2/
    authentication: {{ query: api-key, secret: {{ env: CLOSUM_API_KEY }} }}
"""
NAMES = {
    "services.ingest": "ingest",
    "services.tools": "tools",
    "services.actions": "actions",
    "kafka.Kafka": "kafka",
    "postgres": "postgres",
    "tests.bench.destination": "destination",
    "tests.bench.load": "load",
}


def main() -> int:
    """Run it; print what was measured. Exit 1 when an event was not delivered."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--events", type=int, default=30_000, help="measured events (default 30000)")
    parser.add_argument("--connections", type=int, default=64, help="connections of the load (default 64)")
    parser.add_argument("--actions", type=int, default=2, help="actions workers, one a core (default 2)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flows-bench-") as folder, destination() as port:
        flows = Path(folder) / "flows"
        flows.mkdir()
        (flows / "flow.yaml").write_text((ROOT / "examples/whatsapp-to-crm.yaml").read_text())
        connections = Path(folder) / "connections.yaml"
        connections.write_text(CONNECTIONS.format(port=port))
        with held(Path(folder) / "stack", "the benchmark") as place:
            plan = StackPlan(flows, any_free(), place.sources(), connections, place.secrets())
            with (
                running(place, plan, lambda _name, _line: None, lambda *_: None) as stack,
                more_actions(stack, plan, place.logs, wanted.actions - 1),
            ):
                print("Kafka, PostgreSQL, ingest, tools and actions run; warming up.", flush=True)
                drive(stack, plan, port, WARM_UP, connections=wanted.connections, first=0)
                return report(stack, plan, port, wanted)


def report(stack: Stack, plan: StackPlan, port: int, wanted: argparse.Namespace) -> int:
    """The measured part."""
    before = cpu_seconds()
    accepted, seconds = drive(stack, plan, port, wanted.events, connections=wanted.connections, first=WARM_UP)
    used = {name: spent - before.get(name, 0.0) for name, spent in cpu_seconds().items()}
    used["load"] = accepted["cpu_seconds"]
    found = counted(port)
    lost = WARM_UP + wanted.events - found["effects"]
    print(f"""
delivered          {wanted.events / seconds:10,.0f} flows/s   ({wanted.events:,} in {seconds:.1f} s)
accepted           {wanted.events / accepted["seconds"]:10,.0f} events/s
acknowledgement    {accepted["p50_ms"]:10.1f} ms p50
                   {accepted["p99_ms"]:10.1f} ms p99, with {wanted.connections} requests at once
called twice       {found["requests"] - found["effects"]:10,}
not delivered      {lost:10,}

CPU seconds a 1,000 flows""")
    for name, spent in sorted(used.items(), key=lambda item: -item[1]):
        print(f"  {name:16} {spent * 1000 / wanted.events:10.3f}")
    print(f"  {'all':16} {sum(used.values()) * 1000 / wanted.events:10.3f}")
    return 1 if lost else 0


def drive(
    stack: Stack, plan: StackPlan, port: int, amount: int, *, connections: int, first: int
) -> tuple[dict[str, float], float]:
    """Send, and wait until the destination saw all; answer what the load measured, and the seconds until then."""
    url = stack.hook("whatsapp", plan.secrets["HOOK_TOKEN_WHATSAPP"])
    command = [sys.executable, "-m", "tests.bench.load", url, *map(str, (amount, connections, first))]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as load:
        output, _ = load.communicate()
    if load.returncode != 0:
        raise SystemExit("the load ended with an error")
    end = time.monotonic() + PATIENCE_SECONDS
    while counted(port)["effects"] < first + amount and time.monotonic() < end:
        stack.check()
        time.sleep(0.02)
    accepted = json.loads(output)
    if accepted["statuses"] != {"202": amount}:
        raise SystemExit(f"not all were accepted: {accepted['statuses']}")
    return accepted, time.monotonic() - begun


def counted(port: int) -> dict[str, int]:
    """What the destination saw."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=5) as answer:
        counts: dict[str, int] = json.load(answer)
    return counts


def cpu_seconds() -> dict[str, float]:
    """User and system seconds so far, by part, of everything that this process started."""
    spent: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            times, line = process.cpu_times(), " ".join(process.cmdline())
        except psutil.Error:
            continue
        name = next((name for part, name in NAMES.items() if part in line), None)
        if name and "orphan_guard.py" not in line:
            spent[name] = spent.get(name, 0.0) + times.user + times.system
    return spent


@contextmanager
def more_actions(stack: Stack, plan: StackPlan, logs: Path, count: int) -> Iterator[None]:
    """So many actions workers beside the stack's own, ready."""
    workers = {}
    for number in range(count):
        port = free_port()
        own = {
            "FLOWS_HEALTH_PORT": str(port),
            "FLOWS_CONNECTIONS_FILE": str(plan.connections),
            "FLOWS_EGRESS_ALLOW": "127.0.0.0/8",
        }
        worker = Service(f"actions-{number + 2}", "services.actions")
        worker.start(stack.environ | own, logs, lambda _name, _line: None)
        workers[worker.name] = (worker, f"http://127.0.0.1:{port}/readyz")
    try:
        ready.wait(
            {name: worker for name, (worker, _) in workers.items()},
            {name: url for name, (_, url) in workers.items()},
            lambda _name: None,
        )
        yield
    finally:
        for worker, _ in workers.values():
            worker.ask_to_end()
            worker.wait_end(20)


@contextmanager
def destination() -> Iterator[int]:
    """The destination's process; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.destination", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            while True:
                try:
                    counted(port)
                    break
                except OSError:
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
