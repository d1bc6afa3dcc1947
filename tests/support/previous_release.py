"""The previous release: its wheel, built from its commit, in an environment of its own.

The wheel is kept in the user's cache by commit. The environment is made anew each time, in a second: what the release's
`requirements.lock` pins and the tests' own environment has too is taken from there, the rest is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from filelock import FileLock
from packaging.requirements import Requirement
from platformdirs import user_cache_path

ROOT = Path(__file__).parents[2]
NAMED = ROOT / "tests" / "data" / "previous_release.txt"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def commit() -> str:
    """The commit of the previous release. Fails the test, in words, where the clone does not have it."""
    named = NAMED.read_text().strip()
    have = subprocess.run(["git", "cat-file", "-e", f"{named}^{{commit}}"], cwd=ROOT, capture_output=True, check=False)
    if have.returncode != 0:
        shallow = "this clone has no full history: run `git fetch --unshallow` (or clone without --depth)"
        pytest.fail(
            f"the previous release, commit {named} of tests/data/{NAMED.name}, is not here; {shallow}", pytrace=False
        )
    return named


def wheel(named: str) -> Path:
    """The wheel of a commit: built once a machine."""
    folder = user_cache_path("closum-flows") / "releases" / named
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (found := list(folder.glob("*.whl"))):
            with tempfile.TemporaryDirectory(dir=folder) as made:
                _unpack(named, Path(made) / "tree")
                build = (*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, f"{made}/tree")
                subprocess.run(build, check=True, stdin=subprocess.DEVNULL)
                built = next(Path(made).glob("*.whl"))
                found = [built.rename(folder / built.name)]
    return found[0]


def environment(named: str, folder: Path) -> Path:
    """The Python of a new environment that has this release, with the libraries of its lock."""
    own = wheel(named)
    python = bare(folder)
    site = _site(folder)
    with zipfile.ZipFile(own) as archive:
        archive.extractall(site)
    lock = subprocess.check_output(["git", "show", f"{named}:requirements.lock"], cwd=ROOT, text=True)
    if wanted := _others(lock):
        subprocess.run((*PIP, "--python", python, "install", "--no-deps", *wanted), check=True)
    return python


def bare(folder: Path) -> Path:
    """The Python of a new environment that has the libraries of this one, and nothing of ours."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    # A plain line adds the folder alone: the .pth files in it, such as that of our editable install, do not count.
    (_site(folder) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def environ(**more: str) -> dict[str, str]:
    """Variables for a process of that environment: nothing of ours, and not the code of the folder it is started in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWS_", "PYTHON"))}
    return kept | {"PYTHONSAFEPATH": "1"} | more


def _site(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))


def _unpack(named: str, folder: Path) -> None:
    folder.mkdir()
    archive = subprocess.run(["git", "archive", "--format=tar", named], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def _others(lock: str) -> list[str]:
    """The pins of a lock that this environment has in no or in another version."""
    pins = [
        Requirement(line) for line in lock.splitlines() if line.strip() and not line.lstrip().startswith(("#", "-"))
    ]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return [f"{pin.name}{pin.specifier}" for pin in here if not _has(pin)]


def _has(pin: Requirement) -> bool:
    try:
        return metadata.version(pin.name) in pin.specifier
    except metadata.PackageNotFoundError:
        return False
