"""`flows closum verify`: ask a real account, with its key, what of the facts is so."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from services.cli import destinations
from services.cli.commands.closum import command
from services.cli.commands.closum.writing import apply_to_file
from services.cli.terminal import CommandError, console, show

if TYPE_CHECKING:
    from services.cli.commands.closum.asking import Asker
    from services.project.closum_verify import Report, Verification

COLUMNS = ("state", "action", "expected", "seen", "override")
Json = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]
ASK = """This writes into the account of connection {name!r} ({address}):
  a test lead {email} with the tag {tag!r} is added, viewed, edited, tagged, untagged and deleted again;
  the tag {tag!r} stays, as no call is known that deletes one.
{messages}Each call is said before it is made. Go on? [yes/no] """


@command.command(name="verify")
def verify_account(
    *,
    read: Flag = False,
    write: Flag = False,
    tag: str = "flows-verify",
    email: str | None = None,
    phone: str | None = None,
    template: str | None = None,
    connection: str = "closum",
    yes: Flag = False,
    apply: Flag = False,
    as_json: Json = False,
) -> int:
    """Ask a real account which facts hold: confirmed, differs (with the override that mends it), absent, not tried.

    The key is the connection's. It is shown nowhere. One call is made after the other; a limit is waited for. Exit code
    1 when something differs or is absent and was not applied.

    Parameters
    ----------
    read:
        Only what changes nothing: lists, the SMS balance, the view of a lead that nobody has. The default.
    write:
        Add a test lead, view, edit, tag, untag and delete it. Asks first.
    tag:
        The tag of the test lead.
    email:
        An e-mail address of your own: then the template is sent to it. Without one no e-mail is sent.
    phone:
        A phone of your own: then an SMS is sent to it, and the WhatsApp template. Without one no message is sent.
    template:
        The name of an approved template, for the e-mail and the WhatsApp message.
    connection:
        The connection of the account.
    yes:
        Do not ask.
    apply:
        Write what was confirmed or differs into closum.yaml.
    as_json:
        Print JSON.
    """
    from services.project.closum_facts import facts  # noqa: PLC0415 - heavy, and only needed here
    from services.project.closum_verify import Verification, Wanted  # noqa: PLC0415
    from services.project.connections_file import usable_connection  # noqa: PLC0415

    if read and write:
        raise CommandError("--read or --write: --write reads too")
    _proved(tag, email, phone, template)
    one = usable_connection(connection, None, destinations.environ())
    address = f"flows-verify-{secrets.token_hex(4)}@example.com"
    sent = [f"  an SMS{f' and the WhatsApp template {template!r}' if template else ''} to {phone}\n"] if phone else []
    sent += [f"  the e-mail template {template!r} to {email}\n"] if email and template else []
    asked = ASK.format(name=connection, address=one.base_url, email=address, tag=tag, messages="".join(sent))
    if write and not yes and not _agreed(asked):
        raise CommandError("nothing was called")
    verification = Verification(facts(), Wanted(write, tag, address, email, phone, template))
    limited = asyncio.run(_verified(verification, connection, quiet=as_json))
    report = verification.report
    changes = report.changes("flows closum verify" + _by(), datetime.now(UTC).date().isoformat())
    if limited is not None:
        changes["limits"] = {"requests_per_second": limited}
    _tell(report, changes, as_json=as_json)
    if apply:
        apply_to_file(changes, quiet=as_json)
    wrong = any(row.state.value in {"absent", "refused"} or (row.override and not apply) for row in report.findings)
    return 1 if wrong or report.left else 0


def _proved(tag: str, email: str | None, phone: str | None, template: str | None) -> None:
    """Whoever gets a message is somebody. Raises CommandError."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - heavy, and only needed here

    from services.actions.fields import Tag, prove_mobile  # noqa: PLC0415
    from services.flows.refined import Email  # noqa: PLC0415

    kind: TypeAdapter[str]
    for what, kind, value in (("--tag", TypeAdapter(Tag), tag), ("--email", TypeAdapter(Email), email)):
        try:
            if value is not None:
                kind.validate_python(value)
        except ValidationError as error:
            raise CommandError(f"{what}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    try:
        if phone is not None:
            prove_mobile(phone)
    except ValueError as error:
        raise CommandError(f"--phone: {error}") from None
    if email is not None and template is None:
        raise CommandError("--email needs --template: the name of the template that is sent to it")


def _by() -> str:
    with contextlib.suppress(OSError, KeyError):
        return f" ({getpass.getuser()})"
    return ""


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in {"yes", "y", "sim", "s"}
    except EOFError:
        return False


async def _verified(verification: Verification, name: str, *, quiet: bool) -> float | None:
    """Run it, and clean up whatever ended it. Answers the rate that the account bears, where it said."""
    from services.cli.commands.closum.asking import Asker, AwayError, NoKeyError  # noqa: PLC0415
    from services.project.connections_file import usable_connection  # noqa: PLC0415

    def tell(text: str) -> None:
        if not quiet:
            print(asker.mask.text(text), flush=True)

    one = usable_connection(name, None, destinations.environ())
    async with destinations.calling({name: one}) as (ready, client):
        try:
            asker: Asker = Asker(client, ready[name], tell)
        except NoKeyError as error:
            raise CommandError(str(error)) from None
        try:
            await asker.through(verification.run())
        except AwayError as error:
            raise CommandError(f"no answer from {one.base_url}: {error}. Nothing was written") from None
        finally:
            await asker.through(verification.clean_up())
    return asker.limited


def _tell(report: Report, changes: dict[str, Any], *, as_json: bool) -> None:
    rows = [
        {**asdict(one), "state": one.state.value, "override": _short(one.override) if not as_json else one.override}
        for one in report.findings
    ]
    if as_json:
        print(json.dumps({"rows": rows, "closum.yaml": changes, "left": report.left}, ensure_ascii=False, indent=2))
        return
    show(rows, COLUMNS, as_json=False, empty="Nothing was tried.")
    for what in ("key", "answers", "limits"):
        if what in changes:
            console().print(f"differs: {what}: {_short(changes[what])}", soft_wrap=True)
    for what in report.left:
        console().print(f"LEFT BEHIND: {what}: delete it by hand", soft_wrap=True)


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value else ""
