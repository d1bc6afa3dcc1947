"""What people write, read in one way: where secrets stand, and JSON Schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.actions.connections import load as connections
from services.ingest.sources.load import load as sources
from services.runtime.documents.json_schema import SchemaError, mismatch, validator, wrong_schema
from services.runtime.documents.secrets import SecretError, SecretSource
from services.runtime.settings import SettingsError

CONNECTIONS = "connections:\n  crm:\n    base_url: https://crm.example\n    authentication: {{ bearer: {} }}\n"
SOURCES = "sources:\n  crm:\n    trigger: closum.lead.created\n    authentication: {{ bearer: {} }}\n"


@pytest.mark.parametrize(
    "given", ["s3cret-in-the-file", "{}", "{ env: A, file: b }", "{ env: '' }", "{ enw: A }", "[]"]
)
@pytest.mark.parametrize("lines", ["", "two\nlines", "a\x00nul", "  "])
def test_both_files_refuse_the_same_secrets(given: str, lines: str, tmp_path: Path) -> None:
    """And neither shows one."""
    file = tmp_path / "file.yaml"
    for where, value in ((given, "fine"), ("{ env: A }", lines)):
        for text, load in ((CONNECTIONS, connections), (SOURCES, sources)):
            file.write_text(text.format(where))
            with pytest.raises(SettingsError) as told:
                load(file, {"A": value})
            assert "s3cret" not in str(told.value)
            assert "two" not in str(told.value)


def test_a_secret_is_read_from_where_it_stands(tmp_path: Path) -> None:
    """Without white space at its ends; what cannot be read says where, and no more."""
    file = tmp_path / "secret"
    file.write_text(" Olá 🙂 \n")
    assert SecretSource(file=file).read({}) == "Olá 🙂"
    assert SecretSource(env="A").read({"A": "x "}) == "x"
    for wrong in (SecretSource(file=tmp_path / "none"), SecretSource(file=tmp_path), SecretSource(env="B")):
        with pytest.raises(SecretError, match=r"none|test_a_secret|'B'"):
            wrong.read({"A": "x"})
    with pytest.raises(ValidationError, match="never stands"):
        SecretSource.model_validate("s3cret")


@pytest.mark.parametrize(
    "schema", [{"type": "nothing"}, {"$ref": "https://a.example/b"}, {"pattern": "("}, {"a": 2**70}]
)
def test_a_schema_that_cannot_be_used_is_told_in_one_line(schema: dict[str, object]) -> None:
    """Also one that lies elsewhere: nothing is fetched."""
    with pytest.raises(SchemaError) as told:
        validator(schema)
    assert "\n" not in str(told.value)


def test_the_first_that_does_not_match_is_told_with_its_path() -> None:
    """Formats where they are asked for; a masked value is not shown."""
    schema = {"properties": {"a": {"items": {"type": "string", "format": "email"}}}}
    assert mismatch(validator(schema), {"a": ["x", "y@z.pt"]}) is None
    where, what = mismatch(validator(schema, formats=True), {"a": ["y@z.pt", "x"]}) or ("", "")
    assert (where, "email" in what) == ("/a/1", True)
    _, what = mismatch(validator(schema, mask="[hidden]"), {"a": [4711]}) or ("", "")
    assert ("4711" in what, "[hidden]" in what) == (False, True)
    assert wrong_schema(schema) is None
    assert (wrong_schema({"properties": {"a": {"type": 1}}}) or "").startswith("properties/a/type: ")


NOT_YAML = {
    "a: [1\n": "2:1",
    "a: {b: s3cret\n": "2:1",
    "sources: {}\nconnections: {}\nb: s3cret\nb: s3cret2\n": "4:1",
    "a: 2026-99-01\n": "1:1",
    "a: !!int s3cret\n": "1:1",
    "a: *none\n": "1:4",
    "\t": "1:1",
}


@pytest.mark.parametrize("text", NOT_YAML)
def test_both_files_say_where_they_are_no_yaml(text: str, tmp_path: Path) -> None:
    """With line and column, and without what stands there."""
    file = tmp_path / "file.yaml"
    file.write_text(text)
    for load in (connections, sources):
        with pytest.raises(SettingsError) as told:
            load(file, {})
        assert str(told.value).startswith(f"{file}:{NOT_YAML[text]}: ")
        assert "s3cret" not in str(told.value)


def test_a_mistake_in_a_connection_stands_at_its_line_and_column(tmp_path: Path) -> None:
    """A key where the key is wrong, a value where the value is, and the connection where a secret is missing."""
    file = tmp_path / "file.yaml"
    for entry, where in (
        ("basse_url: https://x", "3:5"),
        ("base_url: nowhere", "3:15"),
        ("base_url: https://x\n    allowed_hosts: [a.example, '%']", "4:32"),
        ("base_url: https://x\n    authentication: { bearer: { env: A, file: b } }", "4:23"),
        ("base_url: https://x\n    authentication: { bearer: { env: A } }", "4:5"),
    ):
        file.write_text(f"\ufeffconnections:\n  crm:\n    {entry}\n", encoding="utf-8")
        with pytest.raises(SettingsError) as told:
            connections(file, {})
        assert any(line.startswith(f"{file}:{where}: connections.crm") for line in str(told.value).splitlines()), (
            told.value
        )
