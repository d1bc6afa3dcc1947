"""`flows closum verify` against accounts that are other than we assume; then the actions work there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.actions import connections
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt
from services.actions.outcome import Done
from services.actions.registry import ACTIONS, ENDPOINTS
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client
from tests.support import made_account as made
from tests.support.example_flows import assert_examples_pass
from tests.support.flows_command import flows
from tests.support.made_account import SECRET, Account, Dialect, made_account

ENV = {"CLOSUM_API_KEY": SECRET, "FLOWS_EGRESS_ALLOW": "127.0.0.0/8", "FLOWS_CONNECTIONS_FILE": "connections.yaml"}
OWN = ("--phone", "+351912345678", "--email", "me@example.com", "--template", "welcome")
SHAPES = {
    "as assumed": made.AS_ASSUMED,
    "another envelope": made.ENVELOPE,
    "other verbs": made.OTHER_VERBS,
    "bearer": made.BEARER,
    "other spelling": made.SPELLING,
    "failures in 200": made.FAILURES_IN_200,
    "limits": made.LIMITED,
    "a redirect for the slash": made.SLASHED,
    "no word of success": made.NO_WORD_OF_SUCCESS,
    "ten others": made.TEN_OTHERS,
}


def folder_of(account: Account, folder: Path) -> Path:
    (folder / "connections.yaml").write_text(
        "connections:\n  closum:\n"
        f"    base_url: {account.base_url}\n"
        "    authentication: { query: api-key, secret: { env: CLOSUM_API_KEY } }\n"
    )
    return folder


async def played(folder: Path) -> dict[str, Any]:
    """Each action's first example as services/actions makes it, with the lead that the first one added."""
    one = connections.load(folder / "connections.yaml", {"CLOSUM_API_KEY": SECRET})["closum"]
    client = Client(Egress((allowed("127.0.0.0/8"),)))
    found: dict[str, Any] = {}
    last = ("closum.lead.delete", "closum.contact.remove")
    order = ["closum.lead.add", *(name for name in ENDPOINTS if name not in {"closum.lead.add", *last}), *last]
    try:
        for name in order:
            action = ACTIONS[name]
            inputs = dict(action.signature.examples[0].inputs)
            if name == "closum.contact.remove":
                again = ACTIONS["closum.lead.add"]
                given = again.signature.inputs.model_validate(again.signature.examples[0].inputs)
                added = await attempt(again, given, HttpCall(client, one, "e", 5))
                found["closum.lead.add"] = added
            number = getattr(found.get("closum.lead.add"), "outputs", {}).get("lead_id")
            inputs |= {key: number for key in ("lead_id", "contact_id") if key in inputs}
            if name == "closum.lead.view":
                inputs = {"lead_id": number}
            elif "email" in inputs and name != "closum.lead.add":
                inputs["email"] = "new@example.com"
            made_inputs = action.signature.inputs.model_validate(inputs)
            found[name] = await attempt(action, made_inputs, HttpCall(client, one, "e", 5))
    finally:
        await client.close()
    return found


@pytest.mark.parametrize("shape", SHAPES)
async def test_after_one_command_every_action_works_there(shape: str, tmp_path: Path) -> None:
    """Nothing of ours is left in the account, and the key is nowhere that people or files could see it."""
    with made_account(SHAPES[shape]) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", "--yes", "--apply", *OWN, cwd=folder, env=ENV, seconds=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert account.leads == {}
        assert {op for op, _ in account.sent} == {"sms", "whatsapp", "email"}
        assert len(account.sent) == 3
        if account.dialect.a_second is None:
            outcomes = await played(folder)
            assert {name: one for name, one in outcomes.items() if not isinstance(one, Done)} == {}
            assert outcomes["closum.sms.check_credits"].outputs == {"credits": 420.0}
            assert outcomes["closum.lead.view"].outputs["name"] == "Inês C."
            assert account.leads == {}
    everything = [done.stdout, done.stderr, *(file.read_text() for file in folder.iterdir())]
    assert SECRET not in "".join(everything)
    assert "basis: confirmed" in (folder / "closum.yaml").read_text()
    assert flows("closum", "facts", cwd=folder, env=ENV).returncode == 0
    if shape == "ten others":
        assert_examples_pass(folder, ENV)


def test_what_holds_is_confirmed_and_needs_no_override(tmp_path: Path) -> None:
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", "--yes", "--json", *OWN, cwd=folder, env=ENV)
    told = json.loads(done.stdout)
    assert {row["state"] for row in told["rows"]} == {"confirmed"}
    assert all(set(row) == {"basis", "by", "on"} for row in told["closum.yaml"]["actions"].values())
    assert not (folder / "closum.yaml").exists()


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """Not one call but GET; without a recipient or --write the rest is not tried."""
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--read", "--json", cwd=folder, env=ENV)
        assert {verb for verb, _, _ in account.calls} == {"GET"}
    states = {row["action"]: row["state"] for row in json.loads(done.stdout)["rows"]}
    assert states["closum.sms.check_credits"] == states["closum.lead.view"] == "confirmed"
    assert set(states.values()) == {"confirmed", "not tried"}


@pytest.mark.parametrize("answer", ["no\n", ""])
def test_it_writes_nothing_before_it_was_told_yes(tmp_path: Path, answer: str) -> None:
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", cwd=folder, env=ENV, text=answer)
        assert account.calls == []
    assert done.returncode == 1
    assert "nothing was called" in done.stderr


def test_each_call_is_said_and_no_message_goes_without_an_own_recipient(tmp_path: Path) -> None:
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", cwd=folder, env=ENV, text="yes\n")
        said = re.findall(r"(?:WRITES|reads ) +([A-Z]+) (\S+) ", done.stdout)
        assert said == [(verb, path) for verb, path, _ in account.calls]
        assert account.sent == []
    assert "not tried" in done.stdout


def test_what_breaks_in_between_leaves_no_lead(tmp_path: Path) -> None:
    """The deletion that the account refuses is tried by the other one; what is left all the same is named."""
    with made_account(made.AS_ASSUMED) as account:
        account.broken = {"update", "add_tag", "delete"}
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", "--yes", cwd=folder, env=ENV)
        assert done.returncode == 1
        assert account.leads == {}
        account.broken = {"delete", "remove"}
        done = flows("closum", "verify", "--write", "--yes", cwd=folder, env=ENV)
        assert len(account.leads) == 1
        assert f"LEFT BEHIND: the test lead {next(iter(account.leads))}" in done.stdout


def test_a_deletion_that_does_nothing_is_not_believed(tmp_path: Path) -> None:
    """The other one deletes the lead after all, and the one that only says so is told."""
    with made_account(made.AS_ASSUMED) as account:
        account.idle = {"delete"}
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", "--yes", "--json", cwd=folder, env=ENV)
        assert account.leads == {}
    told = json.loads(done.stdout)
    rows = {row["action"]: row for row in told["rows"]}
    assert rows["closum.lead.delete"]["state"] == "refused"
    assert "still there" in rows["closum.lead.delete"]["seen"]
    assert "closum.lead.delete" not in told["closum.yaml"]["actions"]


def test_what_the_file_says_already_is_kept_to(tmp_path: Path) -> None:
    """A field that the account does not know is not sent; a path that needs what a call has not is not tried."""
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
        (folder / "closum.yaml").write_text(
            "actions:\n  closum.lead.add: { lacks: [tags] }\n"
            "  closum.lead.edit_by_email: { path: 'lead/{mobile_number}/' }\n"
        )
        done = flows("closum", "verify", "--write", "--yes", "--json", cwd=folder, env=ENV)
        assert account.leads == {}
    assert "Traceback" not in done.stderr
    rows = {row["action"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["closum.lead.add"]["state"] == "confirmed"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--phone", "912345678"), "--phone: '912345678' is no number of any country"),
        (("--phone", "me"), "--phone: 'me' is no number"),
        (("--email", "me", "--template", "x"), "--email: "),
        (("--email", "me@example.com"), "--email needs --template"),
        (("--tag", ""), "--tag: "),
        (("--tag", "x" * 251), "--tag: "),
    ],
)
def test_whom_or_what_there_is_not_is_refused_before_anything_is_called(
    words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    with made_account(made.AS_ASSUMED) as account:
        done = flows("closum", "verify", "--write", "--yes", *words, cwd=folder_of(account, tmp_path), env=ENV)
        assert account.calls == []
    assert done.returncode == 1
    assert told in done.stderr


def test_an_account_that_does_not_answer_is_not_written_to(tmp_path: Path) -> None:
    """Nor is any row told to hold or not: it is said why there is no answer."""
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
    for environ, why in ((ENV, "refused"), ({**ENV, "FLOWS_EGRESS_ALLOW": ""}, "FLOWS_EGRESS_ALLOW")):
        done = flows("closum", "verify", "--write", "--yes", "--apply", cwd=folder, env=environ)
        assert done.returncode == 1
        assert "WRITES" not in done.stdout
        assert "no answer from" in done.stderr
        assert why in done.stderr
    assert not (folder / "closum.yaml").exists()


@pytest.mark.parametrize("answer", ["ill", "a page", "lost"])
def test_what_answers_nothing_of_use_is_not_confirmed_and_not_asked_twice(answer: str, tmp_path: Path) -> None:
    """A lead may have been added without a clear answer: it is added once, and told."""
    with made_account(made.AS_ASSUMED) as account:
        folder = folder_of(account, tmp_path)
        account.useless = dict.fromkeys(("view", "add", "sms"), answer)
        done = flows("closum", "verify", "--write", "--yes", "--json", *OWN, cwd=folder, env=ENV)
        read = flows("closum", "verify", "--read", "--json", cwd=folder, env=ENV)
        adds = [path for verb, path, _ in account.calls if path.startswith("lead/add")]
    rows = {row["action"]: row for row in json.loads(done.stdout)["rows"]}
    rows["closum.lead.view"] = {row["action"]: row for row in json.loads(read.stdout)["rows"]}["closum.lead.view"]
    assert {rows[f"closum.{name}"]["state"] for name in ("lead.add", "lead.view", "sms.send")} == {"refused"}
    assert len(adds) == [channel for channel, _ in account.sent].count("sms") == 1
    assert "perhaps a test lead flows-verify-" in json.loads(done.stdout)["left"][0]


def test_a_path_that_is_nowhere_is_absent_with_the_nearest_that_answered(tmp_path: Path) -> None:
    gone = Dialect(ways={name: way for name, way in made.VERBS.items() if name not in {"edit_by_email", "tag"}})
    with made_account(gone) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "verify", "--write", "--yes", "--json", "--apply", cwd=folder, env=ENV)
    rows = {row["action"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["closum.lead.edit_by_email"]["state"] == "absent"
    assert "404; the nearest that answered: lead/add/" in rows["closum.lead.edit_by_email"]["seen"]
    assert "closum.tag.create" not in (folder / "closum.yaml").read_text()


def test_comments_and_other_rows_of_the_file_stay(tmp_path: Path) -> None:
    with made_account(made.BEARER) as account:
        folder = folder_of(account, tmp_path)
        (folder / "closum.yaml").write_text(
            "# ours\nwebhooks:\n  closum.lead.created: { fields: { name: nome } }  # seen\n"
        )
        assert flows("closum", "verify", "--apply", cwd=folder, env=ENV).returncode == 0
    text = (folder / "closum.yaml").read_text()
    assert text.startswith("# ours\n")
    assert "# seen" in text
    assert "key: bearer" in text


@pytest.mark.parametrize(
    ("named", "told"),
    [("", "set FLOWS_CONNECTIONS_FILE"), ("connections.yaml", "no connection 'closum' in 'connections.yaml'")],
)
@pytest.mark.parametrize("words", [("closum", "verify"), ("connections", "test", "closum")])
def test_without_the_connection_it_says_where_it_looked(
    words: tuple[str, ...], named: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "connections.yaml").write_text("connections:\n  crm: { base_url: http://127.0.0.1:9 }\n")
    done = flows(*words, cwd=tmp_path, env={**ENV, "FLOWS_CONNECTIONS_FILE": named})
    assert done.returncode == 1
    assert told in done.stderr
