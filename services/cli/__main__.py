"""`flows`: the one command for people. Each command is a file of this folder; it is imported when it is used."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError, Group

from services.cli.terminal import CommandError

WRONG_USE = 2
INTERRUPTED = 130

RUN = Group.create_ordered("Run it here")
WRITE = Group.create_ordered("Write flows")
WATCH = Group.create_ordered("See what happens")
OPERATE = Group.create_ordered("Operate an installation")

ABOUT = """When this happens in Closum (a trigger), apply these tools, then perform these actions.

Flows are YAML files. `flows demo` shows the whole of it in half a minute; `flows dev FOLDER` runs your own.
"""
EPILOGUE = """A first flow: copy examples/whatsapp-to-crm.yaml to flows/, change it, then

    flows check flows

    flows dev flows

    flows send closum.whatsapp.message_received --example

    flows runs

Servers come from KAFKA_BOOTSTRAP and DATABASE_URL, else from the `flows dev` that runs in this folder.
Exit codes: 0 done, 1 something is wrong and the text says what, 2 the command line is wrong.
"""

app = App(name="flows", help=ABOUT, help_epilogue=EPILOGUE, result_action="return_value", exit_on_error=False)

COMMANDS = (
    ("dev", RUN, "Start everything on this machine and run the flows of a folder, until Ctrl-C."),
    ("demo", RUN, "Send 200 real events through two flows and show what came of them."),
    ("check", WRITE, "Find mistakes in flow files: file, line, column, what to do."),
    ("catalog", WRITE, "What a flow may name: triggers, tools, actions, with their inputs and outputs."),
    ("list", WRITE, "The flows of a folder, with their triggers and versions."),
    ("send", WATCH, "Send one event, as a trigger would."),
    ("runs", WATCH, "How runs ended: delivered, filtered, duplicate, dead."),
    ("run", WATCH, "All that is known of one run or event."),
    ("dead", WATCH, "Dead letters: what could not be done, why, and who must act."),
    ("doctor", OPERATE, "Look at this installation and say what is wrong with it."),
    ("db", OPERATE, "The database: `flows db migrate`."),
    ("topics", OPERATE, "The Kafka topics: `flows topics apply`."),
)
for name, group, line in COMMANDS:
    app.command(f"services.cli.{name}:command", name=name, group=group, help=line)


def main() -> None:
    """Run the command line; exit with its code. What a person can mend is said without a stack trace."""
    try:
        code = app()
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except CycloptsError:  # it has said what is wrong
        sys.exit(WRONG_USE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `flows runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
