"""The import rules of pyproject.toml hold, and each of them finds a planted violation."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES: list[str] = [
    rule["name"] for rule in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
# One forbidden line for each rule, and where it is planted.
PLANTED = {
    "contracts import none of ours": ("contracts/ids.py", "import services.runtime.settings"),
    "flows imports contracts and documents only, and does no I/O": ("services/flows/needs.py", "import aiohttp"),
    "runtime has mechanics and no vocabulary": ("services/runtime/metrics.py", "import services.flows.needs"),
    "runtime is built in floors, each of which imports only those below": (
        "services/runtime/database.py",
        "import services.runtime.kafka.producer",
    ),
    "documents import nothing of ours, and do no I/O": (
        "services/runtime/documents/secrets.py",
        "import contracts.ids",
    ),
    "documents are built in floors, each of which imports only those below": (
        "services/runtime/documents/faults.py",
        "import services.runtime.documents.yaml_tree",
    ),
    "tables are built in floors, each of which imports only those below": (
        "services/runtime/tables/expiry.py",
        "import services.runtime.tables.claims",
    ),
    "Kafka is built in floors, each of which imports only those below": (
        "services/runtime/kafka/offset_gaps.py",
        "import services.runtime.kafka.producer",
    ),
    "what is known of Closum imports contracts, flows and runtime only": (
        "services/closum/shapes.py",
        "import services.ingest.settings",
    ),
    "ingest, tools and actions never import each other": ("services/ingest/__init__.py", "import services.actions"),
    "nothing but the command line imports the command line or deploy": (
        "services/actions/__init__.py",
        "import services.cli.generate.compatibility",
    ),
    "only the command line imports the project": ("services/tools/__init__.py", "import services.project.root"),
    "the project knows the services by what they declare": (
        "services/project/root.py",
        "import services.tools.batch_processor",
    ),
    "the command line imports of services what operates them": (
        "services/cli/times.py",
        "import services.tools.catalog",
    ),
    "commands never import each other": ("services/cli/commands/topics.py", "import services.cli.commands.db"),
    "catalogue files never import a Kafka, database or web library": (
        "services/tools/catalog/phone_format.py",
        "import httpx",
    ),
    "actions are built in floors, each of which imports only those below": (
        "services/actions/limits/gate.py",
        "import services.actions.attempt.states",
    ),
    "the rooms of actions are given time, chance and every connection": (
        "services/actions/queue/lanes.py",
        "import time",
    ),
    "only services.tools imports faust": ("services/actions/catalog/__init__.py", "import faust"),
    "the flow language is built in floors, each of which imports only those below": (
        "services/flows/presence.py",
        "import services.flows.literals",
    ),
    "no ring of modules in the flow language": ("services/flows/steps/kind.py", "import services.flows.steps.wait"),
}


def tree(to: Path) -> Path:
    """A copy of what the rules are about."""
    for name in ("contracts", "services", "deploy"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def verdicts(root: Path) -> dict[str, str]:
    """KEPT or BROKEN, for each rule."""
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    found: dict[str, str] = dict(re.findall(r"(?m)^(.+?) (KEPT|BROKEN)", done.stdout))
    assert done.returncode == (1 if "BROKEN" in found.values() else 0), done.stdout + done.stderr
    return found


def test_the_rules_hold() -> None:
    """In the tree as it is."""
    assert verdicts(ROOT) == dict.fromkeys(RULES, "KEPT")


def test_every_rule_finds_a_planted_violation(tmp_path: Path) -> None:
    """All violations at once: each rule reports its own."""
    root = tree(tmp_path)
    for place, line in PLANTED.values():
        file = root / place
        file.write_text(f"{file.read_text()}\n{line}\n")
    assert verdicts(root) == dict.fromkeys(RULES, "BROKEN")


def test_every_rule_has_its_violation() -> None:
    """A new rule comes with a line here that it forbids."""
    assert list(PLANTED) == RULES


@pytest.mark.parametrize("place", [place for place, _ in PLANTED.values()])
def test_the_files_of_the_violations_exist(place: str) -> None:
    """A violation in a file that nobody has would prove nothing."""
    assert (ROOT / place).is_file()
