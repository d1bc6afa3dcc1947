"""The names of a connections file, without its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.project.connections_file import connection_names
from services.project.errors import ProjectError


def test_a_file_without_connections_is_refused(tmp_path: Path) -> None:
    for text, told in (
        ("sources: {}", "no conn"),
        ("- 1", "no conn"),
        ("", "no conn"),
        ("a: [", "c.yaml:1:5: .* not YAML"),
    ):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(ProjectError, match=told):
            connection_names(tmp_path / "c.yaml")
    with pytest.raises(ProjectError, match="cannot be read"):
        connection_names(tmp_path / "none.yaml")
