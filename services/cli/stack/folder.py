"""The folder of one stack, `.flows/` by default: who uses it, its secrets, its configuration files.

.flows/
  kafka/ postgres/    the parts' data (deploy/local)
  secrets.json        tokens and keys, made once
  sources.yaml or sources/, connections.yaml
  logs/               all lines of each service
  stack.lock running.json
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from services.cli import place
from services.cli.terminal import CommandError

SECRETS = (
    "HOOK_TOKEN_WHATSAPP",
    "HOOK_TOKEN_LEADS",
    "HOOK_TOKEN_CONTACTS",
    "HOOK_TOKEN_SMS",
    "FLOWS_EVENTS_TOKEN",
    "CLOSUM_API_KEY",
    "CRM_TOKEN",
)
ENV = re.compile(r"\benv:\s*([A-Za-z_]\w*)")
SOURCES = """\
# Made by `flows dev`. To use your own: flows dev --sources FILE
sources:
  whatsapp:
    trigger: closum.whatsapp.message_received
    token: { env: HOOK_TOKEN_WHATSAPP }
  leads:
    trigger: closum.lead.created
    token: { env: HOOK_TOKEN_LEADS }
  contacts:
    trigger: closum.contact.updated
    token: { env: HOOK_TOKEN_CONTACTS }
  sms:
    trigger: closum.sms.status_updated
    token: { env: HOOK_TOKEN_SMS }
"""
CONNECTIONS = """\
# Made by `flows dev`; all are the stand-in on this machine. To use your own: flows dev --connections FILE
connections:
  closum:
    base_url: http://127.0.0.1:{port}/v2/
    authentication: {{ query: api-key, secret: {{ env: CLOSUM_API_KEY }} }}
    probe: closum.sms.check_credits
  crm:
    base_url: http://127.0.0.1:{port}/crm
    authentication: {{ bearer: {{ env: CRM_TOKEN }} }}
  slack:
    base_url: http://127.0.0.1:{port}/chat
  companies:
    base_url: http://127.0.0.1:{port}
"""


@dataclass(frozen=True)
class Folder:
    """One stack's folder, while we hold it."""

    path: Path

    @property
    def logs(self) -> Path:
        """Where the services' lines are kept."""
        return self.path / "logs"

    def secrets(self, beside: Sequence[Path] = ()) -> dict[str, str]:
        """Tokens and keys by variable: those of the environment, else those made at the first start.

        Also those that the sources files beside the flows name, so that every one of them can be tried at once.
        """
        named = [name for file in beside for name in ENV.findall(file.read_text(encoding="utf-8", errors="replace"))]
        wanted = dict.fromkeys((*SECRETS, *named))
        file = self.path / "secrets.json"
        try:
            kept: dict[str, str] = json.loads(file.read_text())
        except (OSError, ValueError):
            kept = {}
        if set(kept) != set(wanted):
            kept = {name: kept.get(name) or secrets.token_urlsafe(24) for name in wanted}
            file.touch(mode=0o600)
            file.write_text(json.dumps(kept))
        return {name: os.environ.get(name) or value for name, value in kept.items()}

    def sources(self, beside: Sequence[Path] = ()) -> Path:
        """Our sources, written anew: a file, or a folder with links to those beside the flows too."""
        if not beside:
            return self._write("sources.yaml", SOURCES)
        folder = self.path / "sources"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "own.yaml").write_text(SOURCES)
        for number, file in enumerate(beside):
            (folder / f"{number}-{file.name}").symlink_to(file.absolute())
        return folder

    def connections(self, closum_port: int) -> Path:
        """The connections file, written anew: its address changes with the stand-in's port."""
        return self._write("connections.yaml", CONNECTIONS.format(port=closum_port))

    def tell(self, told: Mapping[str, object]) -> None:
        """Say to other commands of this folder what runs here."""
        file = self.path / place.RUNNING
        file.touch(mode=0o600)
        file.write_text(json.dumps({"pid": os.getpid(), **told}))

    def _write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.write_text(text)
        return file


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[Folder]:
    """The folder, made and held: nobody else starts a stack in it. Raises CommandError when somebody has it."""
    lock = FileLock(path / "stack.lock")
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / ".gitignore").write_text("*\n")
        lock.acquire(blocking=False)
    except Timeout:
        told = place.running(path)
        who = f" (process {told['pid']}, ingest at {told.get('ingest')})" if told else ""
        raise CommandError(
            f"`{what}` already runs in {str(path.absolute())!r}{who}. Stop it first, or use it"
        ) from None
    except OSError as error:
        raise CommandError(f"cannot use the folder {str(path)!r}: {error.strerror}. Is it yours to write to?") from None
    try:
        yield Folder(path.absolute())
    finally:
        (path / place.RUNNING).unlink(missing_ok=True)
        lock.release()
