"""`flows sources`: who sends what. An external system's webhook becomes a typed trigger from one example of it."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

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
    sample: Annotated[Path | None, Parameter(name="--from")] = None,
    preset: str | None = None,
    to: Path | None = None,
) -> None:
    """Write the typed declaration of a webhook, from an example, whose values are not kept, or for a known platform.

    Parameters
    ----------
    name:
        The source's name; flows say `on: webhook.NAME`.
    sample:
        A file with the JSON object that the system sends, or a list of them.
    preset:
        The platform, as `flows sources presets` lists it.
    to:
        The file to write. Default: sources/NAME.yaml.
    """
    if (sample is None) == (preset is None):
        raise CommandError(
            "give either an example (--from FILE) or a platform (--preset NAME: `flows sources presets`)"
        )
    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} is no name: a small letter, then small letters, digits, - or _")
    file = to or Path("sources") / f"{name}.yaml"
    if file.exists():
        raise CommandError(f"{str(file)!r} is there already. Choose another one: --to FILE")
    head, entry = _of_preset(name, preset) if sample is None else _of_example(name, sample)
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 120
    yaml.dump({"sources": {name: _compact(entry)}}, text)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(head + text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {str(file)!r}: {error.strerror}") from None
    _told(name, file, entry)


def _compact(value: Any) -> Any:  # noqa: ANN401 - any value of a sources file
    """The same with each small mapping and list in one line."""
    if isinstance(value, dict):
        mapping = CommentedMap({key: _compact(inner) for key, inner in value.items()})
        if value.keys() <= {"type", "env", "header", "status", "all", "ping"}:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list):
        items = CommentedSeq(_compact(inner) for inner in value)
        if all(isinstance(inner, str) for inner in value):
            items.fa.set_flow_style()
        return items
    return value


def _told(name: str, file: Path, entry: dict[str, Any]) -> None:
    if "platform" in entry:
        print(f"Wrote {file}. `flows sources list {file}` and docs/sources.md say which triggers it has.")
    else:
        print(
            f"Wrote {file}. A flow begins with `on: webhook.{name}`; `flows catalog webhook.{name}` "
            "shows what it knows."
        )


def _of_preset(name: str, preset: str | None) -> tuple[str, dict[str, Any]]:
    from services.project.source_presets import PRESETS, Known  # noqa: PLC0415 - heavy, and only needed here
    from services.runtime.documents.suggestion import suggestion  # noqa: PLC0415

    found = PRESETS.get(preset or "")
    if found is None:
        raise CommandError(f"there is no preset {preset!r}; {suggestion(preset or '', PRESETS)}")
    entry = found.source(name)
    unsure = [what for what, one in found.facts.items() if one.known is not Known.CONFIRMED]
    lines = [
        f"{found.title}, by `flows sources new {name} --preset {found.name}`. It is yours: change what differs.",
        f"- there: {found.setup};",
        f"- here: {_variables(entry)};",
        f"- it repeats: {found.retries};",
        f"- not confirmed: {', '.join(unsure) or 'nothing'} (`flows sources presets {found.name}` says where from).",
        f"Its address: POST /v1/hooks/{name}{'/TOKEN' if 'token' in entry else ''}",
    ]
    return "".join(f"# {line}\n" for line in lines), entry


def _variables(entry: Any) -> str:  # noqa: ANN401 - any value of a sources file
    names = sorted(set(re.findall(r"HOOK_[A-Z]+_[A-Z0-9_]+", json.dumps(entry))))
    return f"set {' and '.join(names)}" if names else "nothing is to be set"


def _of_example(name: str, sample: Path) -> tuple[str, dict[str, Any]]:
    from services.flows.made_values import made  # noqa: PLC0415 - only needed here
    from services.flows.schema_from_example import schema_of  # noqa: PLC0415

    bodies = _read(sample)
    body = bodies[0]
    variable = f"HOOK_TOKEN_{name.upper().replace('-', '_')}"
    entry: dict[str, Any] = {"schema": schema_of(bodies)["items"], "example": made(body)}
    for key, likely in (("id", LIKELY_IDS), ("time", LIKELY_TIMES), ("subject", LIKELY_SUBJECTS)):
        found = _find(body, likely)
        if found:
            entry[key] = found
    if isinstance(bodies, _Several):
        entry["items"] = ""
    entry["token"] = {"env": variable}
    return HEAD.format(name=name, variable=variable), entry


@command.command
def presets(
    name: Annotated[str | None, Parameter(name="PRESET")] = None,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """The platforms whose requests are known, and how sure that is; of one, where each thing is known from.

    Parameters
    ----------
    name:
        Show this one.
    as_json:
        Print a JSON array.
    """
    from services.project.source_presets import PRESETS, Known  # noqa: PLC0415 - heavy, and only needed here
    from services.runtime.documents.suggestion import suggestion  # noqa: PLC0415

    if name is None:
        columns = ("preset", "platform", "proof", *(known.value for known in Known))
        rows = [
            {
                "preset": one.name,
                "platform": one.title,
                "proof": one.proof.replace("`", ""),
                "id": one.identity,
                **{known.value: one.count(known) for known in Known},
            }
            for one in PRESETS.values()
        ]
        show(rows, columns, as_json=as_json, empty="There are none.")
        return
    found = PRESETS.get(name)
    if found is None:
        raise CommandError(f"there is no preset {name!r}; {suggestion(name, PRESETS)}")
    facts = [
        {"what": what, "known": one.known.value, "document": one.document, "read": one.read}
        for what, one in found.facts.items()
    ]
    show(facts, ("what", "known", "document", "read"), as_json=as_json, empty="Nothing is known of it.")


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


class _Several(list[dict[str, Any]]):
    """What a sender puts into one body."""


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        found = json_file.read(file)
    except OSError as error:
        raise CommandError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{str(file)!r} is not JSON: {error}") from None
    bodies = _Several(found) if isinstance(found, list) else [found]
    if not bodies or not all(isinstance(body, dict) and body for body in bodies):
        raise CommandError(f"{str(file)!r} holds no JSON object with fields, nor a list of them")
    return bodies


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
