"""Which installation a command means: the environment's, else that of the `flows dev` that runs in this folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from services.cli.terminal import CommandError
from services.project import local
from services.runtime.settings import RuntimeSettings, SettingsError, load


def settings() -> RuntimeSettings:
    """The settings of this command. Raises CommandError when one is wrong."""
    environ = dict(os.environ)
    if "KAFKA_BOOTSTRAP" not in environ and "DATABASE_URL" not in environ and (told := local.running()):
        environ.update(told["environ"])
    try:
        return load(RuntimeSettings, environ)
    except SettingsError as error:
        raise CommandError(f"a setting is wrong.\n{error}") from None


def how_to_reach(kind: str) -> str:
    """What to do when a server does not answer."""
    variable = {"Kafka": "KAFKA_BOOTSTRAP", "PostgreSQL": "DATABASE_URL"}[kind]
    with contextlib.suppress(OSError):
        return f"Start `flows dev` in {str(Path.cwd())!r}, or set {variable} to a server that runs"
    return f"Set {variable} to a server that runs"


def unanswered(kind: str, error: BaseException) -> CommandError:
    """A server that does not answer, or not in time."""
    return CommandError(f"{kind}: {error or 'no answer in time'}. {how_to_reach(kind)}")
