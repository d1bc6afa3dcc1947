"""`flows test` as a person runs it: what it says, what it writes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.flows_command import flows

FLOW = """\
flow: hello
on: closum.whatsapp.message_received
steps:
  - if: ${ trigger.text == "bye" }
    then:
      - stop: goodbye
  - action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { text: "${ trigger.text }" } }
"""
TESTS = """\
# A comment that stays.
cases:
  - name: who says hello is written down
    given:
      data: { from: "351912345678", text: hello }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.yaml").write_text(FLOW)
    (tmp_path / "hello.test.yaml").write_text(TESTS)
    return tmp_path


def test_recorded_expectations_hold_and_comments_stay(folder: Path) -> None:
    recorded = flows("test", ".", "--record", cwd=folder)
    assert recorded.returncode == 0, recorded.stderr
    assert "recorded: who says hello is written down" in recorded.stdout

    again = flows("test", "hello.yaml", cwd=folder)

    assert again.returncode == 0
    assert "hello: 1 of 1 cases pass; steps 2/3, branches 1/2 (60 %)" in again.stdout
    assert "hello.yaml line 4: if 0: then" in again.stdout
    assert (folder / "hello.test.yaml").read_text().startswith("# A comment that stays.\n")


def test_a_flow_without_tests_gets_its_first_one(folder: Path) -> None:
    (folder / "hello.test.yaml").unlink()

    made = flows("test", ".", "--record", cwd=folder)

    assert made.returncode == 0
    assert "example: true" in (folder / "hello.test.yaml").read_text()
    assert flows("test", "hello.test.yaml", cwd=folder).returncode == 0


def test_a_case_that_goes_otherwise_says_where_and_how(folder: Path) -> None:
    flows("test", ".", "--record", cwd=folder)
    (folder / "hello.yaml").write_text(FLOW.replace("/contacts", "/people"))

    failed = flows("test", ".", cwd=folder)

    assert failed.returncode == 1
    assert "hello.test.yaml:3: FAILED: who says hello is written down" in failed.stdout
    assert 'call 1 (http.request): with.url: expected "/contacts", was "/people"' in failed.stdout

    assert flows("test", ".", "--rewrite", cwd=folder).returncode == 0
    assert "url: /people" in (folder / "hello.test.yaml").read_text()


def test_too_little_coverage_fails(folder: Path) -> None:
    few = flows("test", ".", "--record", "--min-coverage", "61", cwd=folder)

    assert few.returncode == 1
    assert "Below 61 % of steps and branches: hello" in few.stdout


def test_a_case_that_expects_nothing_fails(folder: Path) -> None:
    told = flows("test", ".", cwd=folder)

    assert told.returncode == 1
    assert "it expects nothing" in told.stdout


def test_results_as_json(folder: Path) -> None:
    (one,) = json.loads(flows("test", ".", "--record", "--json", cwd=folder).stdout)

    assert (one["flow"], one["coverage"], one["cases"][0]["passed"]) == ("hello", 60.0, True)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("hello.yaml", FLOW.replace("trigger.text", "trigger.txt"), "hello.yaml:4:"),
        ("hello.test.yaml", TESTS.replace("given", "givn"), "hello.test.yaml:4:5: error[key_unknown]"),
        ("hello.test.yaml", "flow: helo\n" + TESTS, "no flow beside it is named 'helo': did you mean 'hello'?"),
        ("other.test.yaml", TESTS, "there is no flow file beside it"),
    ],
)
def test_mistakes_are_told_before_anything_is_played(folder: Path, file: str, text: str, says: str) -> None:
    (folder / file).write_text(text)

    told = flows("test", ".", cwd=folder)

    assert told.returncode == 1
    assert says in told.stderr
    assert "Traceback" not in told.stderr


def test_a_broken_test_file_is_not_written_over(folder: Path) -> None:
    """`--record` makes the first test file of a flow that has none: what somebody wrote stays, with its mistake."""
    (folder / "hello.test.yaml").write_text(TESTS.replace("given", "givn"))
    (folder / "other.yaml").write_text(FLOW.replace("flow: hello", "flow: other"))

    told = flows("test", ".", "--record", cwd=folder)

    assert told.returncode == 1
    assert "hello.test.yaml:4:5: error[key_unknown]" in told.stderr
    assert "made other.test.yaml" in told.stdout
    assert "givn" in (folder / "hello.test.yaml").read_text()
