"""The image: sound by hadolint, without root, holding what the Dockerfile says it takes, and what services need."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

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
