"""`flows.yaml`: found upward, it says where a project's files stand; without it they stand in their usual places."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.flows.load import load_paths
from services.project.errors import ProjectError
from services.project.root import flow_paths, project
from tests.support.flows_command import flows

FLOW = "flow: hello\non: closum.lead.created\nsteps:\n  - stop: ${ trigger.email }\n"


def made(folder: Path, text: str = "") -> Path:
    """A project with one flow and a folder two steps below its root."""
    (folder / "flows.yaml").write_text(text)
    (folder / "flows" / "deep").mkdir(parents=True)
    (folder / "flows" / "hello.yaml").write_text(FLOW)
    return folder / "flows" / "deep"


def test_it_is_found_upward_and_may_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made(tmp_path))
    found = project()
    assert found.folder == Path("../..")
    assert found.flows == Path("../../flows")
    assert found.sources == (Path("../../sources.yaml"), Path("../../sources"))
    assert found.connections is None
    assert found.local.resolve() == tmp_path / ".flows"


def test_it_says_where_things_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "flows: automations\nsources: hooks.yaml\nconnections: config/connections.yaml\n")
    monkeypatch.chdir(tmp_path)
    found = project()
    assert (found.flows, found.sources) == (Path("automations"), (Path("hooks.yaml"),))
    assert found.connections == Path("config/connections.yaml")
    (tmp_path / "flows.yaml").write_text("sources: [hooks.yaml, polls]\n")
    assert project().sources == (Path("hooks.yaml"), Path("polls"))


def test_the_nearest_one_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = made(tmp_path)
    (inner / "flows.yaml").write_text("flows: own\n")
    monkeypatch.chdir(inner)
    assert project().flows == Path("own")


def test_without_it_the_root_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project().flows is None
    with pytest.raises(ProjectError, match="name a PATH"):
        flow_paths(None)
    (tmp_path / "examples").mkdir()
    assert flow_paths(None) == [Path("examples")]
    (tmp_path / "flows").mkdir()
    assert flow_paths([]) == [Path("flows")]
    assert flow_paths([Path("other.yaml")]) == [Path("other.yaml")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flowz: a\n", "flows.yaml:1:1: flowz: no such key; did you mean 'flows'?"),
        ("flows: [a, b]\n", "flows.yaml:1:1: flows: Input should be a valid string"),
        ("flows: ''\n", "flows.yaml:1:8: flows: String should have at least 1 character"),
        ("sources: {a: 1}\n", "flows.yaml:1:1: sources: Input should be a valid tuple"),
        ("connections: 7\n", "flows.yaml:1:14: connections: Input should be a valid string"),
        ("a: b: c\n", "flows.yaml:1:5: this is not YAML"),
        ("- flows\n", "flows.yaml:1:1: the file: Input should be a valid dictionary"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError) as told:
        project()
    assert said in str(told.value)


def test_it_is_no_flow_and_no_sources_file(tmp_path: Path) -> None:
    """Also where a whole folder is read. A file of flows that happens to have its name is one."""
    made(tmp_path, "sources: hooks.yaml\n")
    found, faults = load_paths([tmp_path])
    assert ([each.name for each in found], faults) == (["hello"], [])
    (tmp_path / "flows.yaml").write_text(FLOW.replace("hello", "bye"))
    assert sorted(each.name for each in load_paths([tmp_path])[0]) == ["bye", "hello"]


def test_commands_take_the_projects_flows(tmp_path: Path) -> None:
    """From a folder below the root, with nothing named; and say what is wrong without a stack trace."""
    deep = made(tmp_path)
    done = flows("check", cwd=deep)
    assert (done.returncode, done.stdout) == (0, "No mistakes in 1 flow.\n"), done.stderr
    (tmp_path / "flows" / "hello.yaml").write_text(FLOW.replace("email", "emial"))
    done = flows("check", cwd=deep)
    assert done.returncode == 1
    assert "../../flows/hello.yaml:4:" in done.stdout
    assert "nothing was tested" in flows("test", cwd=deep).stderr
    (tmp_path / "flows.yaml").write_text("sources: x: y\n")
    done = flows("check", cwd=deep)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ../../flows.yaml:1:")


def test_the_connections_that_it_names_are_checked(tmp_path: Path) -> None:
    made(tmp_path, "connections: connections.yaml\n")
    call = "  - action: closum.lead.view\n    connection: closum\n    with: { lead_id: '7' }\n"
    (tmp_path / "flows" / "hello.yaml").write_text(FLOW + call)
    (tmp_path / "connections.yaml").write_text("connections:\n  crm: { base_url: https://crm.example.com }\n")
    done = flows("check", cwd=tmp_path)
    assert done.returncode == 1
    assert "connection_unknown" in done.stdout
