"""The caret of `flows check` stands under the place of the fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.excerpt import WIDEST, drawn, excerpt


@pytest.mark.parametrize(
    ("text", "col", "caret"),
    [
        ("on: a", 5, 4),
        ("on: a", 1, 0),
        ("on: a", 99, 5),
        ("\tx: a", 2, 1),
        ("a: é", 4, 3),
        ("a: 漢字 b", 7, 8),
        ("a: e\u0301 b", 7, 5),
    ],
)
def test_the_caret_stands_under_the_sign(text: str, col: int, caret: int) -> None:
    """Counted in the columns of a terminal: a wide character takes two."""
    code, under = drawn(text, 7, col).split("\n")
    assert code.startswith("    7 | ")
    assert under == "      | " + " " * caret + "^"


def test_a_wide_line_is_cut_around_the_place() -> None:
    """What is told stays on the screen."""
    code, under = drawn("x" * 500 + "HERE" + "y" * 500, 1, 501).split("\n")
    assert len(code) <= WIDEST + len("    1 | ……")
    assert code[len(under) - 1 :].startswith("HERE")


def test_a_line_that_is_not_there_has_none(tmp_path: Path) -> None:
    """No such file, no such line, an empty line, a file that is no text."""
    file = tmp_path / "flow.yaml"
    file.write_bytes(b"\xef\xbb\xbfflow: a\r\n\r\non: b\r\n")
    assert excerpt(str(file), 1, 7) == "    1 | flow: a\n      |       ^"
    assert excerpt(str(file), 3, 1) == "    3 | on: b\n      | ^"
    assert excerpt(str(file), 2, 1) is None
    assert excerpt(str(file), 9, 1) is None
    assert excerpt(str(tmp_path / "none.yaml"), 1, 1) is None
    (tmp_path / "wild.yaml").write_bytes(b"\xff")
    assert excerpt(str(tmp_path / "wild.yaml"), 1, 1) is None


def test_it_shows_the_file_as_it_is_now(tmp_path: Path) -> None:
    """A file is changed, or another folder has one of the same name, while one process looks at both."""
    file = tmp_path / "flow.yaml"
    file.write_text("on: before")
    assert "before" in str(excerpt(str(file), 1, 1))
    file.write_text("on: after")
    assert "after" in str(excerpt(str(file), 1, 1))
