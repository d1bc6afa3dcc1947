"""Flows at the start of the process: all of them, or a plain text that says what is wrong where."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.settings import SettingsError
from services.tools.folder_flows import load
from tests.support import batches


def test_every_flow_of_the_folder_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.yaml").write_text(batches.ONE_CALL)
    (tmp_path / "deep" / "two.yml").write_text(batches.PHONE)
    assert {flow.name for flow in load(tmp_path).for_trigger(batches.TRIGGER)} == {"one-call", "phone"}


def test_a_folder_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"FLOWS_FLOWS_DIR=.*no such folder"):
        load(tmp_path / "nowhere")


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "form.yaml").write_text("flow: [\n")
    (tmp_path / "tool.yaml").write_text(batches.PHONE.replace("phone.format", "phone.fromat"))
    (tmp_path / "good.yaml").write_text(batches.ONE_CALL)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    lines = str(caught.value).splitlines()
    assert any("form.yaml:" in line for line in lines)
    assert any("tool.yaml" in line and "phone.fromat" in line for line in lines)
    assert not any("good.yaml" in line for line in lines)
