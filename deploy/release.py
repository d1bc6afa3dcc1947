"""Make a release: `make release RELEASE=0.2.0`. For maintainers, in a clean tree; nothing leaves the machine.

    version          pyproject.toml, the tag of the image in the manifests and in docs/production.md
    CHANGELOG.md     what is under [Unreleased] becomes the release's section, with today's date
    contracts        schemas, and contracts/schemas/released: against which the next breaking change is found
    recorded runs    tests/data/recorded/VERSION, by the code of this release; tests/data/previous_release.txt
    dist/            wheel, Kubernetes manifests, NOTES.md

Two commits: the release, and what its commit id stands in. It says what to push.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

FORM = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
SECTION = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL)
TAGGED = ("deploy/kubernetes/kustomization.yaml", "docs/production.md")
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
AS_LOCKED = ("--no-deps", "--no-build-isolation")
MANIFESTS = ("deploy/kubernetes", "deploy/config")


class ReleaseError(Exception):
    """No release can be made. The text says what to do; nothing was changed."""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A release that can be made: the text of each file that changes, by its path, and the notes."""

    version: str
    texts: dict[str, str]
    notes: str


def plan(root: Path, version: str, today: date) -> ReleasePlan:
    """What a release changes. Raises ReleaseError for one that cannot be made."""
    if not FORM.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version: write three numbers, such as RELEASE=0.2.0")
    if dirty := _git(root, "status", "--porcelain"):
        raise ReleaseError(f"the tree is not clean: commit or stash these first\n{dirty}")
    pyproject = (root / "pyproject.toml").read_text()
    now = tomllib.loads(pyproject)["project"]["version"]
    if _numbers(version) <= _numbers(now):
        raise ReleaseError(f"{version} is not greater than {now}, the version in pyproject.toml")
    changelog = (root / "CHANGELOG.md").read_text()
    if f"## [{version}]" in changelog or _git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"{version} was released before: CHANGELOG.md has its section, or git its tag")
    section = SECTION.search(changelog)
    if section is None or not section[1].strip():
        raise ReleaseError(
            "CHANGELOG.md has nothing under `## [Unreleased]`: say what this release changes for its users"
        )
    notes = section[1].strip()
    dated = f"## [Unreleased]\n\n## [{version}] - {today.isoformat()}\n\n{notes}\n\n"
    texts = {
        "CHANGELOG.md": changelog[: section.start()] + dated + changelog[section.end() :],
        "pyproject.toml": _replaced(pyproject, f'version = "{now}"', f'version = "{version}"', "pyproject.toml"),
    }
    for name in TAGGED:
        texts[name] = _replaced((root / name).read_text(), f"newTag: {now}", f"newTag: {version}", name)
    return ReleasePlan(version, texts, notes)


def make(root: Path, made: ReleasePlan) -> str:
    """Make the release, in two commits and in dist/. The answer is the commit of the release."""
    version = made.version
    for name, text in made.texts.items():
        (root / name).write_text(text)
    # What is generated says which version is installed.
    _python(root, *PIP, "install", *AS_LOCKED, "--editable", ".")
    _python(root, "-m", "services.cli.generate", "--release")
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", f"Release {version}\n\n{made.notes}")
    commit = _git(root, "rev-parse", "HEAD")
    _dist(root, made)
    _python(root, "-m", "tests.recorded.record", f"tests/data/recorded/{version}", "--commit", commit)
    (root / "tests/data/previous_release.txt").write_text(f"{commit}\n")
    _git(root, "add", "--all")
    _git(
        root,
        "commit",
        "--quiet",
        "--message",
        f"The commit of release {version}, and its recorded runs, for upgrade tests",
    )
    return commit


def _dist(root: Path, made: ReleasePlan) -> None:
    """Wheel, manifests and notes of the commit that is checked out."""
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    _python(root, *PIP, "wheel", *AS_LOCKED, "--wheel-dir", "dist", ".")
    (dist / "NOTES.md").write_text(f"# closum-flows {made.version}\n\n{made.notes}\n")
    name = f"closum-flows-{made.version}-kubernetes"
    if kubectl := shutil.which("kubectl"):
        rendered = subprocess.run([kubectl, "kustomize", MANIFESTS[0]], cwd=root, check=True, capture_output=True)
        (dist / f"{name}.yaml").write_bytes(rendered.stdout)
    else:
        _git(
            root, "archive", "--format=tar.gz", f"--prefix={name}/", f"--output=dist/{name}.tar.gz", "HEAD", *MANIFESTS
        )


def _replaced(text: str, old: str, new: str, name: str) -> str:
    if old not in text:
        raise ReleaseError(f"{name} does not say {old!r}: put the version of the last release there")
    return text.replace(old, new)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _python(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=root, check=True)


def main() -> None:
    """Make it, or say why not."""
    root = Path(__file__).parents[1]
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 - the command and its argument
        sys.exit("Say which release to make: make release RELEASE=0.2.0")
    try:
        made = plan(root, sys.argv[1], datetime.now(UTC).date())
    except ReleaseError as error:
        sys.exit(f"No release was made: {error}")
    before = _git(root, "rev-parse", "HEAD")
    try:
        commit = make(root, made)
    except subprocess.CalledProcessError as error:
        back = f"git reset --hard {before} && git clean -fd tests/data/recorded"
        sys.exit(f"The release is not whole: {error}\nGo back with: {back}")
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    print(f"closum-flows {made.version} is commit {commit}; dist/ has its wheel, manifests and NOTES.md.")
    print("Look it over, run `make test`, and push it:")
    print(f"    git tag --annotate v{made.version} {commit} --file dist/NOTES.md --cleanup=verbatim")
    print(f"    git push origin {branch} v{made.version}")


if __name__ == "__main__":
    main()
