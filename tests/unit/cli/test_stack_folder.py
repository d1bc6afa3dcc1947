"""The folder of a stack: one user at a time, secrets made once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml

from services.cli.stack.folder import SECRETS, held
from services.cli.terminal import CommandError
from services.ingest.sources.load import load
from services.project import local
from services.project.connections_file import connection_names
from services.project.source_presets import PRESETS


def test_a_second_user_is_told_who_has_it(tmp_path: Path) -> None:
    with held(tmp_path / "a", "flows dev") as folder:
        folder.tell({"ingest": "http://127.0.0.1:8080"})
        with (
            pytest.raises(CommandError, match=f"already runs .*process {os.getpid()}.*8080"),
            held(folder.path, "flows dev"),
        ):
            pass
    with held(tmp_path / "a", "flows dev"):
        assert local.running(tmp_path / "a") is None


def test_secrets_are_made_once_are_long_and_readable_by_the_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    with held(tmp_path, "x") as folder:
        made = folder.secrets()
        assert folder.secrets() == made
        assert min(map(len, made.values())) >= 16
        assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
        monkeypatch.setenv("CRM_TOKEN", "mine")
        assert folder.secrets()["CRM_TOKEN"] == "mine"
        (tmp_path / "secrets.json").write_text("{broken")
        assert set(folder.secrets()) == set(SECRETS)


def test_configuration_names_the_stand_ins_port_and_no_secret(tmp_path: Path) -> None:
    with held(tmp_path, "x") as folder:
        connections = folder.connections(8099)
        assert connection_names(connections) == {"closum", "crm", "slack", "companies"}
        assert ":8099/v2/" in connections.read_text()
        for secret in folder.secrets().values():
            assert secret not in connections.read_text() + folder.sources().read_text()


def test_sources_beside_the_flows_run_too_each_with_a_token(tmp_path: Path) -> None:
    """So that `flows dev FOLDER` runs all of a folder; schema files are found beside the original."""
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "shop.json").write_text('{"type": "object"}')
    file = flows / "sources.yaml"
    file.write_text("sources:\n  shop:\n    schema_file: shop.json\n    token: { env: HOOK_TOKEN_SHOP }\n")
    with held(tmp_path / "a", "x") as folder:
        for _ in range(2):
            environ = folder.secrets([file])
            loaded = load(folder.sources([file]), environ)
            assert len(loaded.hooks) == 7
            assert loaded.hooks.find("shop", environ["HOOK_TOKEN_SHOP"]) is not None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file"), held(tmp_path / "file" / "x", "flows dev"):
        pass


def test_every_preset_can_be_tried_with_the_secrets_that_are_made(tmp_path: Path) -> None:
    """Also those whose secret is base64."""
    file = tmp_path / "all.sources.yaml"
    made = {"sources": {name: preset.source(name) for name, preset in PRESETS.items()}}
    file.write_text(yaml.safe_dump(made))
    with held(tmp_path / "stack", "flows dev") as folder:
        assert len(load(file, folder.secrets([file])).hooks) == len(PRESETS)
