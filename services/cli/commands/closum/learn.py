"""`flows closum learn`: what Closum's own Postman collection says of the facts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from services.cli.commands.closum import command
from services.cli.commands.closum.writing import apply_to_file
from services.cli.terminal import CommandError, show

if TYPE_CHECKING:
    from services.project.closum_learn import Documented, Learned

COLUMNS = ("state", "name", "assumed", "documented", "request")
Flag = Annotated[bool, Parameter(negative="")]


@command.command(name="learn")
def learn_collection(
    collection: Annotated[Path, Parameter(name="COLLECTION")],
    *,
    apply: Flag = False,
    snippets: Flag = False,
    connection: str = "closum",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """What a Postman collection (v2.0 or v2.1, exported) says: assumed → as documented, for each action and webhook.

    Where several requests fit one action you are asked. Scripts are not run, and no value of an example is copied. Exit
    code 1 when something is left open.

    Parameters
    ----------
    collection:
        The exported file.
    apply:
        Write what is documented into closum.yaml, with the document and its date.
    snippets:
        Print a step of http.request for each request that fits no action.
    connection:
        The connection that these steps name.
    as_json:
        Print JSON; nothing is asked.
    """
    from services.project.closum_facts import facts  # noqa: PLC0415 - heavy, and only needed here
    from services.project.closum_learn import CollectionError, learn, requests_of, snippet  # noqa: PLC0415

    content, on = _read(collection)
    try:
        documented = requests_of(content)
    except CollectionError as error:
        raise CommandError(f"{collection}: {error}") from None
    known = facts()
    found = learn(documented, known)
    if found.choices and not as_json:
        found = learn(documented, known, _chosen(found))
    changes = found.changes(f"the collection {_title(content)}", on)
    rows = list(_rows(found))
    if as_json:
        others = [snippet(one, connection) for one in found.others]
        told = {"rows": rows, "closum.yaml": changes, "notes": found.notes, "others": others}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show(rows, COLUMNS, as_json=False, empty="It holds no request.")
        if "key" in changes:
            print(f"the key: {json.dumps(changes['key'])}")
        for note in found.notes:
            print(f"note: {note}")
        for one in found.others:
            print(snippet(one, connection) if snippets else f"no action: {one.method} {one.path}   {one.name}")
    if apply:
        apply_to_file(changes, quiet=as_json)
    return 1 if found.choices or found.missing else 0


def _read(file: Path) -> tuple[Any, str]:
    """The content, and the date of the file: a collection has none of its own."""
    from services.runtime.documents import json_file  # noqa: PLC0415

    try:
        return json_file.read_export(file), datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()
    except OSError as error:
        raise CommandError(f"cannot read {str(file)!r}: {error.strerror or error}") from None
    except ValueError as error:
        raise CommandError(f"{str(file)!r} cannot be read as JSON: {error}") from None


def _title(content: Any) -> str:  # noqa: ANN401 - JSON
    info = content.get("info") if isinstance(content, dict) else None
    name = str(info.get("name") or "") if isinstance(info, dict) else ""
    return "".join(sign if sign.isalnum() or sign in " ._-" else " " for sign in name)[:80].strip() or "without a name"


def _chosen(found: Learned) -> dict[str, int]:
    """Ask which of several requests an action is. No answer leaves it open."""
    chosen: dict[str, int] = {}
    for name, several in found.choices.items():
        print(f"{name} may be")
        for number, one in enumerate(several, 1):
            print(f"  {number}  {_call(one)}   {one.name}")
        try:
            said = input("which of them? [number, or nothing] ").strip()
        except EOFError:
            return chosen
        if said.isdecimal() and 1 <= int(said) <= len(several):
            chosen[name] = int(said) - 1
    return chosen


def _call(one: Documented) -> str:
    return f"{one.method} {one.path}"


def _rows(found: Learned) -> Any:  # noqa: ANN401 - rows of a table
    from services.project.catalogue import ENDPOINTS  # noqa: PLC0415

    for name, row in ENDPOINTS.items():
        assumed = f"{row.method} {row.path}"
        if name in found.actions:
            says = found.actions[name]
            state = "differs" if says else "documented"
            told = json.dumps(says, ensure_ascii=False) if says else assumed
            yield {"state": state, "name": name, "assumed": assumed, "documented": told, "request": found.sources[name]}
        elif name in found.choices:
            several = "; ".join(map(_call, found.choices[name]))
            yield {"state": "several", "name": name, "assumed": assumed, "documented": several, "request": ""}
        else:
            yield {"state": "missing", "name": name, "assumed": assumed, "documented": "", "request": ""}
    for name, says in found.webhooks.items():
        told = json.dumps(says, ensure_ascii=False) if says else "as assumed"
        yield {
            "state": "differs" if says else "documented",
            "name": name,
            "assumed": "docs/closum.md",
            "documented": told,
            "request": found.sources[name],
        }
