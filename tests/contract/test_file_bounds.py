"""Every kind of file that we read has the same bounds: what is small on paper and large in memory ends at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.actions import connections
from services.cli.commands import send as send_command
from services.cli.commands import sources as sources_command
from services.cli.terminal import CommandError
from services.flows.load import load_paths
from services.ingest import tokens_file
from services.ingest.sources.load import declarations, load
from services.project.connections_file import connection_names
from services.project.errors import ProjectError
from services.project.testing.suite_files import find
from services.runtime.documents.bounds import MAX_CHARACTERS
from services.runtime.settings import SettingsError

SECONDS = 2.0
"""Of processor time. A bomb that goes off takes minutes, and all memory."""
TOKEN = "token-0123456789abcdef"


def bomb(key: str) -> str:
    """Twelve lists of ten aliases: 10^12 items, in 700 characters."""
    lists = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lists += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join([*lists, f"{key}: *a11", ""])


def merged(key: str) -> str:
    """The same with maps that are merged into maps."""
    maps = ["a0: &a0 { x: 1 }"]
    maps += [f"a{n}: &a{n} {{ {', '.join(f'k{i}: *a{n - 1}' for i in range(10))} }}" for n in range(1, 12)]
    return "\n".join([*maps, f"{key}: {{ <<: *a11 }}", ""])


YAML: dict[str, Callable[[str], str]] = {
    "aliases of aliases": bomb,
    "maps of maps": merged,
    "an alias of itself": lambda key: f"{key}: &a {{ b: *a }}\n",
    "deep": lambda key: f"{key}: {'[' * 300}{']' * 300}\n",
    "very deep": lambda key: f"{key}: {'{a: ' * 30_000}1{'}' * 30_000}\n",
    "long": lambda key: f"{key}: {'x' * (MAX_CHARACTERS + 1)}\n",
}


def faults_of(read: Callable[[], object]) -> str:
    """What a reader says of a file, in whatever way it does."""
    try:
        found = read()
    except (SettingsError, ProjectError, CommandError) as error:
        return str(error)
    return str(found)


def suite(file: Path) -> str:
    """Of a test file beside a flow."""
    (file.parent / "f.yaml").write_text("flow: f\non: closum.lead.created\nsteps: []\n")
    (file.parent / "f.test.yaml").write_text(file.read_text())
    return faults_of(lambda: find([file.parent / "f.test.yaml"])[1])


READERS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "flow": ("flow", lambda file: faults_of(lambda: load_paths([file])[1])),
    "test": ("cases", suite),
    "sources": ("sources", lambda file: faults_of(lambda: load(file, {}))),
    "sources without secrets": ("sources", lambda file: faults_of(lambda: declarations(file).faults)),
    "connections": ("connections", lambda file: faults_of(lambda: connections.load(file, {}))),
    "names of connections": ("connections", lambda file: faults_of(lambda: connection_names(file))),
    "tokens": ("tokens", lambda file: faults_of(lambda: tokens_file.load(file))),
}


@pytest.mark.parametrize("kind", YAML)
@pytest.mark.parametrize("reader", READERS)
def test_a_yaml_file_that_unfolds_ends_at_once(reader: str, kind: str, tmp_path: Path) -> None:
    """With a fault that says so; whichever command or service reads it."""
    key, read = READERS[reader]
    file = tmp_path / "bomb.yaml"
    file.write_text(YAML[kind](key))
    began = time.process_time()
    said = read(file)
    assert time.process_time() - began < SECONDS
    assert any(words in said for words in ("by its aliases", "over 1000000 characters", "nested too deep")), said[:300]


JSON = {
    "deep": "[" * 500 + "]" * 500,
    "very deep": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "long": '{"a": "' + "x" * (MAX_CHARACTERS + 1) + '"}',
}


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("name", ["example_file", "schema_file", "sample", "payload"])
def test_a_json_file_has_the_same_bounds(name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by a sources file, or by a command."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "body.json"
    file.write_text(JSON[kind])
    (tmp_path / "s.yaml").write_text(f"sources:\n  a: {{ {name}: body.json, token: {{ env: T }} }}\n")
    readers: dict[str, Callable[[], object]] = {
        "sample": lambda: sources_command.new("a", sample=[file]),
        "payload": lambda: send_command._read(file),
    }
    began = time.process_time()
    said = faults_of(readers.get(name, lambda: load(tmp_path / "s.yaml", {"T": TOKEN})))
    assert time.process_time() - began < SECONDS
    assert ("nested" in said or "over 1000000 characters" in said, "xxx" in said) == (True, False), said[:300]


def test_what_people_write_stays_readable(tmp_path: Path) -> None:
    """Aliases and merges that mean something, in every file that takes them."""
    file = tmp_path / "sources.yaml"
    file.write_text(
        "sources:\n  a: &a { trigger: closum.lead.created, token: &t { env: T } }\n  b: { <<: *a, account: porto }\n"
        "  c: { trigger: closum.contact.updated, token: *t }\n"
    )
    found = load(file, {"T": TOKEN})
    assert sorted((hook.name, hook.account) for hook in found.hooks) == [
        ("a", "default"),
        ("b", "porto"),
        ("c", "default"),
    ]
