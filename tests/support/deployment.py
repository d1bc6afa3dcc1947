"""Reads what is deployed: Compose and Kubernetes files, and what their commands and settings mean to our code."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from services.actions.settings import ActionsSettings
from services.ingest.settings import IngestSettings
from services.runtime import settings
from services.runtime.settings import RuntimeSettings
from services.tools.settings import ToolsSettings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
CONFIG = ROOT / "deploy" / "config"
KINDS: dict[str, type[RuntimeSettings]] = {"ingest": IngestSettings, "tools": ToolsSettings, "actions": ActionsSettings}
HEALTH_PORTS = {"ingest": 9101, "tools": 9102, "actions": 9103}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<rest>[^}]*))?\}")

Document = dict[str, Any]


def expanded(text: object, environ: Mapping[str, str]) -> str:
    """A value of a Compose file as Compose would expand it. A variable that must be set and is not fails the test."""

    def value(found: re.Match[str]) -> str:
        name, how, rest = found["name"], found["how"], found["rest"]
        if environ.get(name):
            return environ[name]
        assert how != "?", f"{name} is not set"
        return rest or ""

    return VARIABLE.sub(value, str(text)).replace("$$", "$")


def documents(file: Path) -> list[Document]:
    """The YAML documents of a file."""
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def manifests() -> dict[str, list[Document]]:
    """The Kubernetes objects of the base, as their files say; and as kubectl builds them, where it is there."""
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    found = {
        "files": [document for name in listed if name.endswith(".yaml") for document in documents(KUBERNETES / name)]
    }
    if shutil.which("kubectl"):
        built = subprocess.run(["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, check=True, text=True)
        found["kubectl kustomize"] = list(yaml.safe_load_all(built.stdout))
    return found


def pods(objects: list[Document]) -> Iterator[tuple[str, Document]]:
    """The pod templates among Kubernetes objects, by the name of their owner."""
    for document in objects:
        template = document.get("spec", {}).get("template")
        if template:
            yield document["metadata"]["name"], template


def containers(pod: Document) -> list[Document]:
    """All containers of a pod template."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def configmaps() -> dict[str, dict[str, str]]:
    """The ConfigMaps that the kustomizations generate: key and content."""
    made: dict[str, dict[str, str]] = {}
    for folder in (KUBERNETES, CONFIG):
        for generator in yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]:
            literals = dict(literal.split("=", 1) for literal in generator.get("literals", []))
            files = {name: (folder / name).read_text() for name in generator.get("files", [])}
            made[generator["name"]] = {**literals, **files}
    return made


def secrets() -> dict[str, dict[str, str]]:
    """The Secrets that secret.example.yaml shows."""
    return {
        document["metadata"]["name"]: document["stringData"]
        for document in documents(KUBERNETES / "secret.example.yaml")
    }


def secret_places(file: Path) -> tuple[set[str], set[str]]:
    """The environment variables and the files that a configuration file takes secrets from."""
    variables: set[str] = set()
    paths: set[str] = set()

    def look(value: object) -> None:
        if isinstance(value, dict):
            if set(value) == {"env"}:
                variables.add(value["env"])
            elif set(value) == {"file"}:
                paths.add(value["file"])
            for inner in value.values():
                look(inner)

    look(yaml.safe_load(file.read_text()))
    return variables, paths


def ours(environ: Mapping[str, str]) -> dict[str, str]:
    """Of an environment, what settings are read from."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(settings.PREFIX) or name in settings.known_variables()
    }


def commands(words: list[str]) -> list[list[str]]:
    """The commands that a container runs; a shell's line is taken apart, its variables are left out."""
    if words[:2] != ["sh", "-c"]:
        return [words]
    parts = [part.split() for part in words[2].split("&&")]
    return [[word for word in part if word != "exec" and "=" not in word] for part in parts]


def assert_it_runs(command: list[str]) -> None:
    """Fail unless the command is one that our image has: a module of ours, or a `flows` command."""
    match command:
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(f"{module}.__main__"), f"{module} cannot be run"
        case ["flows", *words]:
            asked = subprocess.run(
                [sys.executable, "-m", "services.cli", *words, "--help"], capture_output=True, text=True, check=False
            )
            assert asked.returncode == 0, asked.stderr
            assert " ".join(words) in asked.stdout
        case _:
            raise AssertionError(f"not one of our commands: {command}")
