"""`flows dev` from start to end: checks, starts, explains, watches."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from rich.console import Console

from services.cli.commands.dev.follow import followed
from services.cli.commands.dev.watching import Watch, redeployed
from services.cli.stack.addresses import known_or_next
from services.cli.stack.folder import held
from services.cli.stack.lines import Log
from services.cli.stack.stack import Stack, StackPlan, running
from services.cli.stack.startup import shown
from services.cli.stack.stopping import Stop, stop_on_signals
from services.cli.terminal import CommandError, console
from services.flows.load import load_paths
from services.project import sources_files
from services.project.checking import checked
from services.project.root import flow_paths, project

LOOK_SECONDS = 0.25


def develop(path: Path | None, port: int, connections: Path | None, sources: Path | None) -> int:
    """Run a stack until a signal comes. Raises CommandError when it does not start, or a service ends by itself."""
    (flows,) = flow_paths([path] if path else None)
    out = console()
    log = Log(out)
    try:
        with stop_on_signals() as stopping, held(project().local, "flows dev") as folder:
            wanted = {"ingest": port}
            if sources:  # the check and every deployment know its triggers too
                os.environ["FLOWS_SOURCES_FILE"] = str(sources.absolute())
            found = sources_files.each_file(sources_files.files([flows]))
            ports = known_or_next(wanted)
            plan = StackPlan(
                flows=flows,
                ports=ports,
                sources=(sources or folder.sources(found)).absolute(),
                connections=(connections or folder.connections(ports.closum)).absolute(),
                secrets=folder.secrets(found),
            )
            mistakes = checked([flows], plan.connections).mistakes
            if mistakes:
                told = "\n".join(map(str, mistakes))
                raise CommandError(f"these flows have mistakes; nothing was started.\n{told}")
            for name, (asked, got) in ports.moved(wanted).items():
                out.print(f"Port {asked} is taken: {name.replace('_', ' ')} is at {got} instead.")
            with contextlib.ExitStack() as all_of_it:
                with shown(out) as progress:
                    stack = all_of_it.enter_context(running(folder, plan, log, progress, stopping))
                folder.tell(_told(stack, plan))
                all_of_it.enter_context(followed(stack.settings(), log))
                _explain(out, stack, plan)
                files = Watch(flows)
                while not stopping.asked.is_set():
                    stack.check()
                    if files.changed():
                        out.print(redeployed(plan, stack.environ["DATABASE_URL"]))
                    time.sleep(LOOK_SECONDS)
    except Stop:
        pass
    out.print("All has ended.")
    return 0


def _told(stack: Stack, plan: StackPlan) -> dict[str, object]:
    """What other commands of this folder need to know."""
    names = ("KAFKA_BOOTSTRAP", "DATABASE_URL", "FLOWS_TOPIC_PREFIX", "FLOWS_TOPIC_PARTITIONS")
    return {
        "environ": {name: stack.environ[name] for name in names},
        "ingest": stack.ingest,
        "closum": stack.closum,
        "events_token": plan.secrets["FLOWS_EVENTS_TOKEN"],
        "connections_file": str(plan.connections),
        "sources_file": str(plan.sources),
        "egress_allow": "127.0.0.0/8",
        "actions": f"http://127.0.0.1:{stack.ports.actions_health}",
    }


def _explain(out: Console, stack: Stack, plan: StackPlan) -> None:
    """Where everything is, and what to type first."""
    ports = stack.ports
    health = (ports.ingest_health, ports.tools_health, ports.actions_health)
    lines = [
        "",
        f"Ready. Events: {stack.ingest}   its documentation: {stack.ingest}/docs",
        f"Stand-in Closum and CRM: {stack.closum}   what they hold: {stack.closum}/_state",
        f"Health and metrics of ingest, tools, actions: ports {', '.join(map(str, health))}",
        f"Kafka: {stack.environ['KAFKA_BOOTSTRAP']}   every line of every service: .flows/logs/",
        "",
    ]
    if hooks := _hooks(plan):
        lines.append("Send something:")
    for hook in hooks:
        example = json.dumps(hook.reader.triggers[0].example, ensure_ascii=False)
        lines.append(f"  curl -d '{example}' {stack.hook(hook.name, hook.tokens[0].decode())}")
    lines += [
        "In another terminal, in this folder: flows runs, flows dead list, flows send --help",
        f"A flow file below {plan.flows} that is saved runs a moment later. Ctrl-C ends all.",
        "",
    ]
    out.print("\n".join(lines), soft_wrap=True)


def _hooks(plan: StackPlan) -> list[sources_files.Hook]:
    """The hooks that a token opens: those for which a flow runs, if there are such."""
    hooks = [hook for hook in sources_files.hooks(plan.sources, {**os.environ, **plan.secrets}) if hook.tokens]
    heard = {word.text for each in load_paths([plan.flows])[0] for word in each.flow.triggers}
    some = [hook for hook in hooks if any(trigger.trigger in heard for trigger in hook.reader.triggers)]
    return [hook for hook in some or hooks if hook.proof is None]
