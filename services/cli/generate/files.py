"""The files that are made from code: what stands in contracts and docs, .env.example, a policy of deploy.

With `release` the schemas also become the new baseline in contracts/schemas/released, against which breaking changes
are found (services/cli/generate/compatibility.py). That is done when a version is released, and only then.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import contracts
from contracts.published_schemas import PUBLISHED, PublishedSchema
from contracts.topics import Topic
from services.cli.generate import asyncapi, egress_policy, reference, reference_pages
from services.closum.facts_form import FactsFile
from services.flows.editor_schema import editor_schema
from services.project.catalogue import ACTIONS, catalogue, writes_of
from services.project.declarations import SETTINGS
from services.project.source_presets import PRESETS, Sample
from services.runtime import settings
from services.runtime.documents import yaml_file

ROOT = Path(contracts.__file__).parent.parent
SCHEMAS = "contracts/schemas"
RELEASED = f"{SCHEMAS}/released"
ACTIONS_PAGE = "docs/actions.md"
EGRESS_POLICY = "deploy/kubernetes/networkpolicy-actions.yaml"
SOURCES_PAGE = "docs/sources.md"
SHAPES = "tests/data/shapes"
CONNECTIONS_PAGE = "docs/connections.md"
CLOSUM_PAGE = "docs/closum.md"
FLOW_SCHEMA = f"{SCHEMAS}/flow.schema.json"
FACTS_SCHEMA = f"{SCHEMAS}/closum.schema.json"
WRITES = "contracts/writes.json"
VARIABLES = "services/runtime/variables.json"
EXAMPLES = "contracts/examples"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(published: PublishedSchema) -> dict[str, Any]:
    """The JSON Schema of what a sender may send, with the topics that carry it."""
    made = published.model.model_json_schema(mode="validation")
    return {
        "$schema": DIALECT,
        "$id": f"urn:closum-flows:{published.name.replace('/', ':')}",
        **({"x-topics": [_topic(topic, published) for topic in published.topics]} if published.topics else {}),
        **made,
    }


def _topic(topic: Topic, published: PublishedSchema) -> dict[str, Any]:
    return {
        "name": topic.name,
        "what": topic.what,
        "part": "headers, as flows-<field>" if published.headers else "value",
        "producers": list(topic.producers),
        "consumers": list(topic.consumers),
        "keep_days": topic.keep_days,
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema, by name."""
    return {published.name: schema(published) for published in PUBLISHED}


def released(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Every schema of the last release, by name."""
    folder = root / RELEASED
    return {
        file.relative_to(folder).with_suffix("").as_posix(): json.loads(file.read_text())
        for file in sorted(folder.rglob("*.json"))
    }


def generated() -> dict[str, str]:
    """Every generated file: its path from the root, and its text."""
    texts = {f"{SCHEMAS}/{name}.json": _text(made) for name, made in schemas().items()}
    for published in PUBLISHED:
        texts[f"{EXAMPLES}/{published.name}.json"] = _text(published.example)
    texts[f"{SCHEMAS}/asyncapi.json"] = _text(asyncapi.document())
    texts[".env.example"] = settings.env_example(SETTINGS)
    texts[VARIABLES] = _text(sorted(settings.variables(SETTINGS)))
    texts[ACTIONS_PAGE] = reference.with_actions((ROOT / ACTIONS_PAGE).read_text())
    texts |= reference_pages.pages(ROOT)
    texts[WRITES] = _text({name: asdict(sets) for name, sets in writes_of(ACTIONS).items()})
    texts[EGRESS_POLICY] = egress_policy.text()
    texts[FLOW_SCHEMA] = _text(editor_schema(catalogue()))
    texts[SOURCES_PAGE] = reference.with_presets((ROOT / SOURCES_PAGE).read_text(), _odd_shapes())
    texts[CONNECTIONS_PAGE] = reference.with_connection_presets((ROOT / CONNECTIONS_PAGE).read_text())
    texts[CLOSUM_PAGE] = reference.with_facts((ROOT / CLOSUM_PAGE).read_text())
    texts[FACTS_SCHEMA] = _text({"$schema": DIALECT, **FactsFile.model_json_schema()})
    for preset in PRESETS.values():
        texts[f"{EXAMPLES}/presets/{preset.name}.json"] = _text([_sample(sample) for sample in preset.samples])
    return texts


def _odd_shapes() -> dict[str, list[str]]:
    """What each case of tests/data/shapes says that it is, by preset."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / SHAPES).glob("*/*.yaml")):
        said = yaml_file.read(file).content()
        found.setdefault(file.parent.name, []).append(str(said["what"]) if isinstance(said, dict) else "")
    return found


def _sample(sample: Sample) -> dict[str, Any]:
    sent = {"content-type": sample.content_type, **sample.headers}
    seen = {} if sample.events is None else {"events": list(sample.events)}
    return {"what": sample.what, "headers": sent, "body": sample.body, **seen}


def present(root: Path = ROOT) -> dict[str, str]:
    """What stands there now, in the places where generated files are."""
    files = [
        root / ".env.example",
        root / ACTIONS_PAGE,
        root / SOURCES_PAGE,
        root / CONNECTIONS_PAGE,
        root / CLOSUM_PAGE,
        root / WRITES,
        root / VARIABLES,
        root / EGRESS_POLICY,
        *(root / reference_pages.FOLDER).glob("*.md"),
        *(root / SCHEMAS).rglob("*.json"),
        *(root / EXAMPLES).rglob("*.json"),
    ]
    names = {file.relative_to(root).as_posix(): file for file in files if file.is_file()}
    return {name: file.read_text() for name, file in names.items() if not name.startswith(RELEASED + "/")}


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write(root: Path = ROOT, *, release: bool = False) -> list[str]:
    """Write what differs, remove what is left over; answer the paths. Twice is once."""
    wanted = generated()
    if release:
        wanted |= {f"{RELEASED}/{name}.json": _text(made) for name, made in schemas().items()}
    there = present(root)
    changed = []
    for name, text in wanted.items():
        file = root / name
        if not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            changed.append(name)
    for name in there.keys() - wanted.keys():
        (root / name).unlink()
        changed.append(name)
    return sorted(changed)
