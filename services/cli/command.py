"""How a command is declared, and how the list of commands follows from the files of a folder."""

from __future__ import annotations

import pkgutil
from types import ModuleType

from cyclopts import App, Group

RUN = Group.create_ordered("Run it here")
WRITE = Group.create_ordered("Write flows")
WATCH = Group.create_ordered("See what happens")
OPERATE = Group.create_ordered("Operate an installation")


def declare(name: str, group: Group, what: str | None = None) -> App:
    """The command of a file, which is named as the command and keeps this as its `command`.

    Its function is under `@command.default`, and `flows --help` shows the first line of that one's docstring. A command
    of two words (`flows dead list`) has a function for each second one under `@command.command`, and says `what` they
    are about.
    """
    return App(name=name, group=group, help=what, help_epilogue="", help_format="markdown")


def add_all(app: App, folder: ModuleType) -> tuple[str, ...]:
    """Add a command for each file of the folder; answer their names. A file is imported when its command is used."""
    names = tuple(file.name for file in pkgutil.iter_modules(folder.__path__))
    for name in names:
        app.command(f"{folder.__name__}.{name}:command", name=name)
    return names
