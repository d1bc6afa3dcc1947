"""`flows demo`: see the whole of it work."""

from __future__ import annotations

from services.cli.command import RUN, declare
from services.cli.stack.packages import need_local

command = declare("demo", RUN)


@command.default
def run_demo() -> int:
    """Start everything, send 200 real events through two flows, show what came of them, end everything.

    The stand-in Closum tells of each lead that it gets, as Closum does: nobody is greeted twice for it.

    Real Kafka and PostgreSQL, in `.flows/demo/`, with ports, topics and tables of its own: it does not meet a
    `flows dev` that runs, and can be run as often as you like. Exit code 0 when every event is accounted for:
    accepted = delivered + filtered + duplicate + suppressed + dead.
    """
    need_local("flows demo")
    from services.cli.commands.demo.show import demonstrate  # noqa: PLC0415 - needs what only a whole installation has

    return demonstrate()
