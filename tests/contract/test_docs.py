"""Documents are right about the tree: links lead somewhere, commands and paths that they name exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
)
TOP = ("contracts", "services", "deploy", "tests", "docs", "examples")


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in links."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file of the repository, and a heading of it where it has one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_are_named_exist(page: Path) -> None:
    """A path in backticks that begins with a folder of ours is there; `<…>` in it stands for a name of your own."""
    for path in re.findall(rf"`((?:{'|'.join(TOP)})/[\w./<>-]*)`", page.read_text()):
        if "<" not in path:
            assert (ROOT / path).exists(), path


def test_every_decision_is_listed() -> None:
    """docs/decisions/README.md links each page."""
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}


def test_every_make_target_that_is_named_exists() -> None:
    """`make …` in any page is a target of the Makefile."""
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    for page in PAGES:
        for target in re.findall(r"(?:`|^    )make ([a-z]+)\b", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_the_hooks_of_pre_commit_need_no_network() -> None:
    """They are well formed, local, and what they call is installed."""
    installed = Path(sys.executable).parent
    file = ROOT / ".pre-commit-config.yaml"
    done = subprocess.run(
        [installed / "pre-commit", "validate-config", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    text = file.read_text()
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    for tool in re.findall(r"entry: \.venv/bin/([\w-]+)", text):
        assert (installed / tool).exists(), tool
