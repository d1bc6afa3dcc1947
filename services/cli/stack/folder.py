"""The folder of one stack, `.flows/` by default: who uses it, its secrets, its configuration files.

.flows/
  kafka/ postgres/    the parts' data (deploy/local)
  secrets.json        tokens and keys, made once
  sources.yaml or sources/, connections.yaml, tokens.yaml
  logs/               all lines of each service
  stack.lock running.json
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from services.cli import event_tokens
from services.cli.event_tokens import EVERY, EventToken, hash_of
from services.cli.terminal import CommandError
from services.project import local, sources_files

HOOKS = {
    "whatsapp": ("HOOK_TOKEN_WHATSAPP", "closum.whatsapp.message_received"),
    "leads": ("HOOK_TOKEN_LEADS", "closum.lead.created"),
    "contacts": ("HOOK_TOKEN_CONTACTS", "closum.contact.updated"),
    "sms": ("HOOK_TOKEN_SMS", "closum.sms.status_updated"),
    "unsubscribes": ("HOOK_TOKEN_UNSUBSCRIBES", "closum.unsubscribed"),
    "emails": ("HOOK_TOKEN_EMAILS", "closum.email.event"),
}
"""By source: the variable of its token, and its trigger."""
SOURCES = "# Made by `flows dev`. To use your own: flows dev --sources FILE\nsources:"
SOURCE = "\n  {name}:\n    trigger: {trigger}\n    token: {{ env: {variable} }}"
SECRETS = (*(variable for variable, _ in HOOKS.values()), "FLOWS_EVENTS_TOKEN", "CLOSUM_API_KEY", "CRM_TOKEN")
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
    idempotency: {{ header: Idempotency-Key, for: 24h }}
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

        Also those that the sources files beside the flows name, so that every one of them can be tried at once. They
        are hexadecimal, which is fit for an address and is base64 too, as secrets of Standard Webhooks are.
        """
        named = [name for file in beside for name in sources_files.variables(file)]
        wanted = dict.fromkeys((*SECRETS, *named))
        kept = local.kept_secrets(self.path)
        if set(kept) != set(wanted):
            kept = {name: kept.get(name) or secrets.token_hex(24) for name in wanted}
            file = self.path / local.SECRETS
            file.touch(mode=0o600)
            file.write_text(json.dumps(kept))
        return {name: os.environ.get(name) or value for name, value in kept.items()}

    def sources(self, beside: Sequence[Path] = ()) -> Path:
        """Our sources, written anew: a file, or a folder with links to those beside the flows too.

        One of ours whose name stands there too is left out.
        """
        if not beside:
            return self._write("sources.yaml", _own(set()))
        folder = self.path / "sources"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "own.yaml").write_text(_own({name for file in beside for name in sources_files.names(file)}))
        for number, file in enumerate(beside):
            (folder / f"{number}-{file.name}").symlink_to(file.absolute())
        return folder

    def connections(self, closum_port: int) -> Path:
        """The connections file, written anew: its address changes with the stand-in's port."""
        return self._write("connections.yaml", CONNECTIONS.format(port=closum_port))

    def event_tokens(self, token: str) -> Path:
        """The tokens file of `flows send`: a token for everything on this machine."""
        file = self.path / "tokens.yaml"
        event_tokens.write(file, [EventToken("flows-send", (EVERY,), (EVERY,), ((hash_of(token), None),))])
        return file

    def tell(self, told: Mapping[str, object]) -> None:
        """Say to other commands of this folder what runs here."""
        file = self.path / local.RUNNING
        file.touch(mode=0o600)
        file.write_text(json.dumps({"pid": os.getpid(), **told}))

    def _write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.write_text(text)
        return file


def _own(taken: Collection[str]) -> str:
    left = [(name, hook) for name, hook in HOOKS.items() if name not in taken]
    entries = [SOURCE.format(name=name, trigger=trigger, variable=variable) for name, (variable, trigger) in left]
    return SOURCES + ("".join(entries) or " {}") + "\n"


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[Folder]:
    """The folder, made and held: nobody else starts a stack in it. Raises CommandError when somebody has it."""
    lock = FileLock(path / "stack.lock")
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / ".gitignore").write_text("*\n")
        lock.acquire(blocking=False)
    except Timeout:
        told = local.running(path)
        who = f" (process {told['pid']}, ingest at {told.get('ingest')})" if told else ""
        raise CommandError(
            f"`{what}` already runs in {str(path.absolute())!r}{who}. Stop it first, or use it"
        ) from None
    except OSError as error:
        raise CommandError(f"cannot use the folder {str(path)!r}: {error.strerror}. Is it yours to write to?") from None
    try:
        yield Folder(path.absolute())
    finally:
        (path / local.RUNNING).unlink(missing_ok=True)
        lock.release()
