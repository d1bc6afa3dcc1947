"""`flows sources`: who sends what. An external system's webhook becomes a typed trigger from one example of it."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from ruamel.yaml import YAML

from services.cli.command import WRITE, declare
from services.cli.terminal import CommandError, show
from services.runtime.documents import json_file

command = declare("sources", WRITE, "Who sends what: declare an external system's webhook from an example of it.")

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LIKELY_IDS = ("event_id", "eventId", "id", "uuid", "guid", "message_id")
LIKELY_TIMES = ("occurred_at", "updated_at", "created_at", "timestamp", "time", "date", "created")
LIKELY_SUBJECTS = ("contact_id", "customer_id", "email", "phone", "mobile", "mobile_number")
DEPTH = 2
HEAD = """\
# The trigger `webhook.{name}`: on: webhook.{name}. Made by `flows sources new` from one example, so look it over:
# - the example has made values: nothing of what stood in yours is kept;
# - `required` are the fields without which a request is refused: take out what the sender may leave out;
# - id is what makes a redelivery a duplicate, subject is whose order matters;
# - set {variable} to a secret of 16 characters or more, or say how the sender signs: docs/sources.md.
# Its address: POST /v1/hooks/{name}/TOKEN
"""


@command.command
def new(
    name: Annotated[str, Parameter(name="NAME")],
    *,
    sample: Annotated[Path, Parameter(name="--from")],
    to: Path | None = None,
) -> None:
    """Write the typed declaration of a webhook from one example of its body. Its values are not kept.

    Parameters
    ----------
    name:
        The source's name; flows say `on: webhook.NAME`.
    sample:
        A file with the JSON object that the system sends.
    to:
        The file to write. Default: sources/NAME.yaml.
    """
    from services.flows.made_values import made  # noqa: PLC0415 - only needed here
    from services.flows.schema_from_example import schema_of  # noqa: PLC0415 - only needed here

    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} is no name: a small letter, then small letters, digits, - or _")
    body = _read(sample)
    file = to or Path("sources") / f"{name}.yaml"
    if file.exists():
        raise CommandError(f"{str(file)!r} is there already. Choose another one: --to FILE")
    variable = f"HOOK_TOKEN_{name.upper().replace('-', '_')}"
    entry: dict[str, Any] = {"schema": schema_of(body), "example": made(body)}
    for key, likely in (("id", LIKELY_IDS), ("time", LIKELY_TIMES), ("subject", LIKELY_SUBJECTS)):
        found = _find(body, likely)
        if found:
            entry[key] = found
    entry["token"] = {"env": variable}
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump({"sources": {name: entry}}, text)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD.format(name=name, variable=variable) + text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {str(file)!r}: {error.strerror}") from None
    print(f"Wrote {file}. A flow begins with `on: webhook.{name}`; `flows catalog webhook.{name}` shows what it knows.")


@command.command(name="list")
def list_(
    path: Annotated[Path | None, Parameter(name="PATH")] = None,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """The triggers that sources files declare.

    Parameters
    ----------
    path:
        A sources file, or a folder of them. Default: FLOWS_SOURCES_FILE, else sources.yaml or sources/ here.
    as_json:
        Print a JSON array.
    """
    from services.project.sources_files import declared, files  # noqa: PLC0415 - heavy, and only needed here

    rows = []
    for file in [path] if path else files():
        for name, model in sorted(declared(file).items()):
            fields = list(model.model_json_schema().get("properties", {}))
            rows.append({"trigger": name, "fields": fields, "file": str(file)})
    show(rows, ("trigger", "fields", "file"), as_json=as_json, empty="No sources file declares a trigger here.")


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json_file.read(file)
    except OSError as error:
        raise CommandError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{str(file)!r} is not JSON: {error}") from None
    if not isinstance(found, dict) or not found:
        raise CommandError(f"{str(file)!r} holds no JSON object with fields")
    return found


def _find(body: dict[str, Any], likely: tuple[str, ...], depth: int = 0, place: str = "") -> str | None:
    """The pointer of the first likely field that holds something, near the top first."""
    for name in likely:
        if isinstance(body.get(name), str | int | float) and not isinstance(body.get(name), bool):
            return f"{place}/{name}"
    if depth == DEPTH:
        return None
    for name, value in body.items():
        if isinstance(value, dict):
            pointer = name.replace("~", "~0").replace("/", "~1")
            found = _find(value, likely, depth + 1, f"{place}/{pointer}")
            if found:
                return found
    return None
