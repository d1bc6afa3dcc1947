"""`make release` in a clone: what it changes, what it builds, and when it changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pytest

from deploy import release
from tests.recorded import form
from tests.support import previous_release

ROOT = Path(__file__).parents[2]
NEXT = "99.0.0"
TODAY = date(2026, 12, 24)


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    return subprocess.check_output(["git", *arguments], cwd=folder, text=True).strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this tree as it stands, committed, with something to release."""
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(folder))
    git(folder, "config", "user.name", "Ana")
    git(folder, "config", "user.email", "ana@example.com")
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    changelog = folder / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n- Flows sing.\n", 1))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "As it stands")
    return folder


def test_a_release_is_two_commits_a_wheel_manifests_and_notes(clone: Path, tmp_path: Path) -> None:
    """As a maintainer makes it, but for the push."""
    python = previous_release.bare(tmp_path / "environment")
    before = git(clone, "rev-parse", "HEAD")
    said = subprocess.check_output(
        [python, "-m", "deploy.release", NEXT], cwd=clone, env=previous_release.environ(PYTHONSAFEPATH=""), text=True
    )

    made, named = git(clone, "rev-parse", "HEAD~1"), git(clone, "rev-parse", "HEAD")
    assert git(clone, "rev-parse", "HEAD~2") == before
    assert git(clone, "status", "--porcelain") == ""
    assert f"git push origin {git(clone, 'branch', '--show-current')} v{NEXT}" in said
    assert git(clone, "show", "--no-patch", "--format=%s", made) == f"Release {NEXT}"
    at = {
        name: git(clone, "show", f"{made}:{name}") for name in git(clone, "diff", "--name-only", before, made).split()
    }
    assert f'version = "{NEXT}"' in at["pyproject.toml"]
    assert f"newTag: {NEXT}" in at["deploy/kubernetes/kustomization.yaml"]
    assert f"newTag: {NEXT}" in at["docs/production.md"]
    assert json.loads(at["contracts/schemas/asyncapi.json"])["info"]["version"] == NEXT
    assert f"## [Unreleased]\n\n## [{NEXT}] - 20" in at["CHANGELOG.md"]

    assert git(clone, "show", f"{named}:tests/data/previous_release.txt") == made
    manifest = json.loads(git(clone, "show", f"{named}:tests/data/recorded/{NEXT}/manifest.json"))
    assert (manifest["release"], manifest["commit"]) == (NEXT, made)
    assert form.unplayed(clone / "tests/data/recorded" / NEXT) == []

    dist = clone / "dist"
    with zipfile.ZipFile(dist / f"closum_flows-{NEXT}-py3-none-any.whl") as wheel:
        assert {"services/flows/advance.py", f"closum_flows-{NEXT}.dist-info/METADATA"} <= set(wheel.namelist())
    assert (dist / "NOTES.md").read_text().startswith(f"# closum-flows {NEXT}\n\n- Flows sing.\n")
    manifests = next(dist.glob(f"closum-flows-{NEXT}-kubernetes.*"))
    if manifests.suffix == ".gz":
        with tarfile.open(manifests) as tar:
            text = tar.extractfile(f"closum-flows-{NEXT}-kubernetes/deploy/kubernetes/kustomization.yaml")
            assert text is not None
            assert f"newTag: {NEXT}" in text.read().decode()
    else:
        assert f"closum-flows:{NEXT}" in manifests.read_text()


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("", "is no version"),
        ("v99.0.0", "is no version"),
        ("99.0", "is no version"),
        ("99.0.0rc1", "is no version"),
        ("0.0.9", "is not greater than"),
        ("{now}", "is not greater than"),
        ("99.1.0", "was released before"),
    ],
)
def test_a_wrong_version_is_refused(tree: Path, version: str, said: str) -> None:
    git(tree, "tag", "v99.1.0")
    with pytest.raises(release.ReleaseError, match=said):
        release.plan(tree, version.format(now="0.1.0"), TODAY)


def test_a_tree_that_is_not_clean_is_refused_and_shown(tree: Path) -> None:
    (tree / "note.txt").write_text("of mine")
    with pytest.raises(release.ReleaseError, match=r"(?s)not clean.*note\.txt"):
        release.plan(tree, NEXT, TODAY)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "CHANGELOG.md",
            "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n\n- It is.\n",
            "has nothing under",
        ),
        ("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-11-30\n\n- It is.\n", "has nothing under"),
        ("CHANGELOG.md", f"## [Unreleased]\n\n- More.\n\n## [{NEXT}] - 2026-11-30\n", "was released before"),
        ("docs/production.md", "newTag: 0.0.9\n", "does not say 'newTag: 0.1.0'"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tree: Path, name: str, text: str, said: str) -> None:
    (tree / name).write_text(text)
    git(tree, "commit", "--quiet", "--all", "--message", "other")
    with pytest.raises(release.ReleaseError, match=said):
        release.plan(tree, NEXT, TODAY)


def test_the_section_gets_its_date_and_the_ones_before_stay(tree: Path) -> None:
    """A plan changes nothing itself."""
    made = release.plan(tree, NEXT, TODAY)

    assert made.notes == "- More."
    assert made.texts["CHANGELOG.md"] == (
        f"# Changelog\n\n## [Unreleased]\n\n## [{NEXT}] - 2026-12-24\n\n- More.\n\n"
        "## [0.1.0] - 2026-11-30\n\n- It is.\n"
    )
    assert git(tree, "status", "--porcelain") == ""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What `plan` reads, and nothing else."""
    texts = {
        "pyproject.toml": '[project]\nname = "closum-flows"\nversion = "0.1.0"\n',
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- More.\n\n## [0.1.0] - 2026-11-30\n\n- It is.\n",
        **dict.fromkeys(release.TAGGED, "newTag: 0.1.0\n"),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Ana")
    git(tmp_path, "config", "user.email", "ana@example.com")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path
