"""docs/closum.md begins with "You have a key: ten minutes": walked here, in an account that is other than assumed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from services.actions.registry import SHAPES
from services.closum.facts import load
from tests.support.flows_command import flows
from tests.support.made_account import SECRET, TEN_OTHERS, made_account

PAGE = (Path(__file__).parents[3] / "docs/closum.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## You have a key: ten minutes")[2].partition("\n## ")[0]
CONNECTIONS, COMMANDS = re.findall(r"```(?:yaml)?\n(.*?)```", SECTION, re.DOTALL)
FLOW = """\
flow: lead
on: closum.lead.created
steps:
  - action: closum.lead.update
    connection: closum
    with: { lead_id: "7", name: "${ trigger.name }", tags: [a, b] }
"""
CASE = """\
cases:
  - name: as the account is
    given: { example: true }
    answers:
      - http: PUT /contacts/7
        sent: { full_name: João Gonçalves, labels: "a,b" }
        json: { ok: true, result: { id: 7 } }
    expect: { outcome: delivered }
"""


def test_it_is_the_beginning() -> None:
    assert PAGE.startswith("# Closum\n\n## You have a key: ten minutes\n")


def test_its_commands_do_what_it_says(tmp_path: Path) -> None:
    """Each one in turn; after them flows are checked and tested against what was found out."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/lead.yaml").write_text(FLOW)
    (tmp_path / "flows/lead.test.yaml").write_text(CASE)
    env = {"CLOSUM_API_KEY": SECRET, "FLOWS_EGRESS_ALLOW": "127.0.0.0/8"}
    with made_account(TEN_OTHERS) as account:
        (tmp_path / "connections.yaml").write_text(CONNECTIONS.replace("https://api.closum.com/v2/", account.base_url))
        codes = {}
        told = ""
        for line in COMMANDS.strip().splitlines():
            word, *rest = shlex.split(line)
            if word == "export":
                env |= dict([rest[0].split("=", 1)])
                continue
            if "listen" in rest:
                rest += ["--port", "0", "--seconds", "0.1"]  # nobody sets a webhook off here
            done = flows(*rest, cwd=tmp_path, env=env, text="yes\n", seconds=120)
            codes[" ".join(rest[:3])] = done.returncode
            told += done.stdout + done.stderr
        assert account.leads == {}
        assert account.sent == []
    assert codes == {
        "closum verify --read": 1,  # it differs, and nothing was written
        "closum verify --write": 0,
        "catalog closum.lead.add": 0,
        "closum listen --apply": 1,  # nothing came
        "check": 0,
        "test": 0,
    }
    assert SECRET not in told
    assert "confirmed by flows closum verify" in told
    rows = {row["name"]: row for row in json.loads(flows("catalog", "--json", cwd=tmp_path, env=env).stdout)}
    assert rows["closum.lead.add"]["call"] == "POST contacts"
    # What was not tried does not look confirmed.
    assert rows["closum.email.send_template"]["known"] == "assumed"
    assert rows["closum.lead.created"]["known"] == "assumed"


@pytest.mark.parametrize("name", ["closum.whatsapp.send_template", "closum.email.send_template"])
def test_no_assumed_row_looks_confirmed(name: str) -> None:
    """The table of facts in the page is made from the code, and says what the catalogue says."""
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}`")]
    assert row.endswith("| assumed |")


def test_the_file_that_the_page_shows_is_right(tmp_path: Path) -> None:
    """Every key of it is one."""
    [shown] = [one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "webhooks:" in one]
    (tmp_path / "closum.yaml").write_text(shown)
    found = load(tmp_path / "closum.yaml", SHAPES)
    assert found.answers.code == "/error/code"
    assert set(found.webhooks) == {"closum.sms.status_updated"}
