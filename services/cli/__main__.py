"""`flows`: the one command for people. Each command is a file of commands/; it is imported when it is used."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError

from services.cli import commands
from services.cli.command import add_all
from services.cli.terminal import CommandError
from services.project.errors import ProjectError
from services.runtime import garbage_collector
from services.runtime.version import version

WRONG_USE = 2
INTERRUPTED = 130

ABOUT = """When this happens in Closum (a trigger), apply these tools, then perform these actions.

Flows are YAML files. `flows demo` shows the whole of it in half a minute; `flows dev FOLDER` runs your own.
"""
EPILOGUE = """A first flow: copy examples/whatsapp-to-crm.yaml to flows/, change it, then
  flows check flows
  flows dev flows
and from another terminal in the same folder
  flows send closum.whatsapp.message_received --example
  flows runs

Servers come from KAFKA_BOOTSTRAP and DATABASE_URL, else from the `flows dev` that runs in this folder.
Exit codes: 0 done, 1 something is wrong and the text says what, 2 the command line is wrong.
"""

app = App(
    name="flows",
    version=version,
    help=ABOUT,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    result_action="return_value",
    exit_on_error=False,
)

COMMANDS = add_all(app, commands)


def main() -> None:
    """Run the command line; exit with its code. What a person can mend is said without a stack trace."""
    garbage_collector.collect_seldom()
    if not sys.argv[1:] or sys.argv[1] in app.help_flags:
        for command in COMMANDS:  # a command that is not imported has no line in the list
            app[command]
    try:
        code = app()
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except ProjectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
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
