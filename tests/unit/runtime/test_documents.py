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
