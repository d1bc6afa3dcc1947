"""`flows sources`: who sends what. An external system's webhook becomes a typed trigger from one example of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from services.cli import known_platforms
from services.cli.command import WRITE, declare
from services.cli.terminal import CommandError, show

command = declare("sources", WRITE, "Who sends what: declare an external system's webhook from an example of it.")

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
HEAD = """\
# The trigger `webhook.{name}`: on: webhook.{name}. Made by `flows sources new` from {of}, so look it over:
# - the example has made values: nothing of what stood in yours is kept;
# - every field can be absent but what names the event: add to `required` what the sender never leaves out;
# - a field of another type is kept under `raw`, and counts as absent; of a text over its maxLength what fits stays, and
#   the whole is under `raw`; to refuse such bodies: on_mismatch: refuse;
# - id is what makes a redelivery a duplicate{why};
# - subject is whose order matters, time is when it happened;
# - set {variable} to a secret of 16 characters or more, or say how the sender signs: docs/sources.md.
# Its address: POST /v1/hooks/{name}/TOKEN
"""


@command.command
def new(
    name: Annotated[str, Parameter(name="NAME")],
    *,
    sample: Annotated[list[Path] | None, Parameter(name="--from", consume_multiple=True, negative="")] = None,
    preset: str | None = None,
    to: Path | None = None,
) -> None:
    """Write the typed declaration of a webhook, from samples, whose values are not kept, or for a known platform.

    Parameters
    ----------
    name:
        The source's name; flows say `on: webhook.NAME`.
    sample:
        Files with what the system sends, or folders of them, one body each: a JSON object, a list of them, or a form.
        The more, the better is known what it leaves out.
    preset:
        The platform, as `flows sources presets` lists it.
    to:
        The file to write. Default: sources/NAME.yaml.
    """
    if (not sample) == (preset is None):
        raise CommandError("give either samples (--from FILE) or a platform (--preset NAME: `flows sources presets`)")
    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} is no name: a small letter, then small letters, digits, - or _")
    file = to or Path("sources") / f"{name}.yaml"
    if file.exists():
        raise CommandError(f"{str(file)!r} is there already. Choose another one: --to FILE")
    head, entry = _of_samples(name, sample) if sample else _of_preset(name, preset)
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
    from services.project.source_presets import PRESETS  # noqa: PLC0415 - heavy, and only needed here

    found = known_platforms.chosen(preset or "", PRESETS)
    entry = found.source(name)
    lines = [
        f"{found.title}, by `flows sources new {name} --preset {found.name}`. It is yours: change what differs.",
        f"- there: {found.setup};",
        f"- here: {_variables(entry)};",
        f"- it repeats: {found.retries};",
        f"- not confirmed: {known_platforms.unsure(found)} (`flows sources presets {found.name}` says where from).",
        f"Its address: POST /v1/hooks/{name}{'/TOKEN' if 'token' in entry else ''}",
    ]
    return "".join(f"# {line}\n" for line in lines), entry


def _variables(entry: Any) -> str:  # noqa: ANN401 - any value of a sources file
    names = sorted(set(re.findall(r"HOOK_[A-Z]+_[A-Z0-9_]+", json.dumps(entry))))
    return f"set {' and '.join(names)}" if names else "nothing is to be set"


def _of_samples(name: str, paths: list[Path]) -> tuple[str, dict[str, Any]]:
    from services.flows.event_places import event_places  # noqa: PLC0415 - only needed here
    from services.flows.made_values import made  # noqa: PLC0415
    from services.flows.tolerant_schema import require, tolerant_schema  # noqa: PLC0415
    from services.project.samples import SampleError, samples  # noqa: PLC0415 - heavy

    try:
        found = samples(paths)
    except SampleError as error:
        raise CommandError(str(error)) from None
    places = event_places(found.bodies)
    schema = tolerant_schema(found.bodies)
    if isinstance(places.identity, str):
        require(schema, places.identity)
    variable = f"HOOK_TOKEN_{name.upper().replace('-', '_')}"
    entry: dict[str, Any] = {"schema": schema, "example": made(found.bodies[0]), "on_mismatch": "raw"}
    told = {"id": places.identity, "time": places.time, "subject": places.subject}
    entry |= {key: place for key, place in told.items() if place is not None}
    if found.listed:
        entry["items"] = ""
    entry["token"] = {"env": variable}
    repeats = "10 minutes" if places.subject else "30 seconds"
    why = f"{_shown(places.identity, repeats)}, since {places.why}"
    print(f"id: {why}.")
    return HEAD.format(name=name, variable=variable, why=f": {why}", of=_count(len(found.bodies))), entry


def _count(samples: int) -> str:
    return "one sample" if samples == 1 else f"{samples} samples"


def _shown(identity: Any, repeats: str) -> str:  # noqa: ANN401 - an `id` of a sources file
    if identity is None:
        return f"none (the same content within {repeats} is one delivery)"
    return " + ".join(identity["all"]) if isinstance(identity, dict) else str(identity)


@command.command
def learn(
    name: Annotated[str, Parameter(name="NAME")],
    *,
    since: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Widen the schema of a source by what came, and tell what came otherwise than it says.

    Parameters
    ----------
    name:
        The source's name.
    since:
        Only what came after this: 30m, 2h, 7d, or a date and time. Default: all that Kafka still has (7 days).
    dry_run:
        Tell, and write nothing.
    """
    from services.cli.learning import learned  # noqa: PLC0415 - heavy, and only needed here

    file, entry, write = _written(name)
    bodies, schema, seen = learned(name, entry, since)
    for one in seen:
        print(one)
    if not bodies:
        print(f"Nothing came from {name} yet.")
    elif schema == entry["schema"]:
        print(f"{file} takes all of {bodies} bodies as it is.")
    elif dry_run:
        print(f"{file} would be widened by {bodies} bodies.")
    else:
        entry["schema"] = _compact(schema)
        write()
        print(f"Widened {file} by {bodies} bodies. Look it over, `flows check`, and restart ingest.")


def _written(name: str) -> tuple[Path, Any, Callable[[], None]]:
    """The file in which a source stands, its entry as it is written there, and what writes the file again."""
    from services.project.sources_files import each_file, files, names  # noqa: PLC0415 - heavy

    file = next((file for file in each_file(files()) if name in names(file)), None)
    if file is None:
        raise CommandError(f"no sources file here has {name!r}. `flows sources list` shows those that there are")
    yaml = YAML()
    yaml.width = 120
    document = yaml.load(file.read_text(encoding="utf-8"))
    entry = document["sources"][name]
    if "schema" not in entry:
        raise CommandError(f"{name!r} has no `schema:` in {str(file)!r}, so that there is nothing to widen")

    def write() -> None:
        with file.open("w", encoding="utf-8") as opened:
            yaml.dump(document, opened)

    return file, entry, write


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
    from services.project.source_presets import PRESETS  # noqa: PLC0415 - heavy, and only needed here

    if name is None:
        columns = ("preset", "platform", "proof", *known_platforms.LEVELS)
        rows = [
            {
                "preset": one.name,
                "platform": one.title,
                "proof": one.proof.replace("`", ""),
                "id": one.identity,
                **known_platforms.counts(one),
            }
            for one in PRESETS.values()
        ]
        show(rows, columns, as_json=as_json, empty="There are none.")
        return
    facts = known_platforms.facts(known_platforms.chosen(name, PRESETS))
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
