"""`closum.yaml`: one file says what is other in this account, and everybody reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.actions import connections
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt
from services.actions.outcome import Done
from services.actions.registry import ACTIONS, ENDPOINTS, SHAPES
from services.closum.endpoint import Basis
from services.closum.facts import WEBHOOKS, Facts, FactsError, load
from services.ingest.readers.reader import Reading, ReceivedBody
from services.ingest.sources.load import load as load_sources
from services.project import closum_facts
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client
from tests.support.closum import Closum, closum
from tests.support.flows_command import flows

KEY = "k3y-of-the-account"
CONNECTIONS = """\
connections:
  closum:
    base_url: {base}
    authentication: {{ query: api-key, secret: {{ env: CLOSUM_API_KEY }} }}
"""
OTHER = """\
# Seen with our own account.
key: { header: X-Closum-Key }
limits: { requests_per_second: 7 }
answers: { success: { ok: 1 }, data: /result, code: /error/code, message: why }
actions:
  closum.lead.add:
    basis: confirmed
    by: Inês
    on: 2026-11-30
    path: people
    fields: { name: full_name, mobile_number: phone, tags: labels }
    forms: { tags: joined, consent_email: number, consent_sms: number }
    answer: { lead_id: id }
  closum.lead.view: { path: "people/{lead_id}" }
  closum.lead.update: { method: PUT, path: "people/{lead_id}", place: form, forms: { tags: map } }
  closum.sms.check_credits: { path: credits, data: "", answer: { credits: /sms/left } }
webhooks:
  closum.sms.status_updated:
    basis: documented
    by: the collection
    on: 2026-10-01
    items: /events
    data: /data
    fields: { message_id: uid, recipient: /to/number, at: when }
    id: /delivery
    statuses: { entregue: delivered, falhou: failed }
"""
EXAMPLE = {
    "name": "Inês Conceição",
    "email": "new@example.com",
    "mobile_number": "+351912345678",
    "consent_email": True,
    "consent_sms": False,
    "tags": ["feira", "2026"],
}
FLOW = """\
flow: add
on: closum.sms.status_updated
steps:
  - action: closum.lead.add
    connection: closum
    with: { name: Inês, mobile_number: "+351912345678", consent_email: true, consent_sms: true }
"""


def written(folder: Path, text: str = OTHER) -> Path:
    file = folder / "closum.yaml"
    file.write_text(text)
    return file


def test_all_that_is_known_is_printed_as_a_file_that_says_it_again(tmp_path: Path) -> None:
    """Empty by default: what is printed then corrects nothing, and every row says where it is known from."""
    printed = flows("closum", "facts", cwd=tmp_path)
    assert printed.returncode == 0, printed.stderr
    content = YAML(typ="safe", pure=True).load(printed.stdout)
    assert set(content["actions"]) == set(ENDPOINTS)
    assert set(content["webhooks"]) == set(WEBHOOKS)
    again = load(written(tmp_path, printed.stdout), SHAPES)
    for name, row in ENDPOINTS.items():
        said, told = again.endpoint(name, row), content["actions"][name]
        assert told["basis"] == row.basis.value
        assert (said.method, said.path, said.place, said.success, said.missing) == (
            *(row.method, row.path, row.place, row.success, row.missing),
        )
    assert {row["basis"] for row in content["webhooks"].values()} == {"assumed"}


async def called(base: str, file: Path, name: str, inputs: dict[str, Any]) -> Done:
    """One action by the connections file and the facts beside it."""
    (connected := file.parent / "connections.yaml").write_text(CONNECTIONS.format(base=base))
    one = connections.load(connected, {"CLOSUM_API_KEY": KEY})["closum"]
    client = Client(Egress((allowed("127.0.0.0/8"),)))
    try:
        action = ACTIONS[name]
        made = await attempt(action, action.signature.inputs.model_validate(inputs), HttpCall(client, one, "e", 5))
    finally:
        await client.close()
    assert isinstance(made, Done), made
    return made


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in that was told what the file says."""
    file = written(tmp_path)
    monkeypatch.chdir(tmp_path)
    with closum() as stand_in:
        stand_in.form(closum_facts.stand_in_facts())
        yield stand_in, file


async def test_the_connector_and_the_stand_in_are_as_the_file_says(told: tuple[Closum, Path]) -> None:
    """Path, verb, names, forms, key, success, data, id and the place of fields: each contradicts an assumption."""
    stand_in, file = told
    added = await called(stand_in.v2, file, "closum.lead.add", EXAMPLE)
    number = added.outputs["lead_id"]
    assert stand_in.state("leads") == [{**EXAMPLE, "lead_id": number, "mobile_number": "351912345678"}]
    seen = await called(stand_in.v2, file, "closum.lead.view", {"lead_id": number})
    assert seen.outputs["tags"] == ["feira", "2026"]
    await called(stand_in.v2, file, "closum.lead.update", {"lead_id": number, "tags": ["cliente"], "consent_sms": True})
    assert stand_in.state("leads")[0]["tags"] == ["cliente"]
    assert stand_in.state("leads")[0]["consent_sms"] is True
    assert (await called(stand_in.v2, file, "closum.sms.check_credits", {})).outputs == {"credits": 10_000.0}
    asked = [(one["method"], one["path"], one["status"]) for one in stand_in.state("requests")]
    assert asked[:2] == [("POST", "/v2/people", 200), ("GET", f"/v2/people/{number}", 200)]


def test_limits_and_the_key_are_the_connections_own_where_it_says_so(tmp_path: Path) -> None:
    """`endpoints:`, `limits:` of the connections file go before it; its key is only moved."""
    written(tmp_path)
    file = tmp_path / "connections.yaml"
    own = "    limits: { concurrency: 3 }\n    endpoints: { closum.lead.add: { path: mine } }\n"
    file.write_text(CONNECTIONS.format(base="https://x") + own + "  crm: { base_url: https://y }\n")
    found = connections.load(file, {"CLOSUM_API_KEY": KEY})
    assert (found["closum"].headers, found["closum"].query) == ({"X-Closum-Key": KEY}, "")
    assert (found["closum"].limits.concurrency, found["closum"].limits.requests_per_second) == (3, None)
    row = found["closum"].endpoints["closum.lead.add"]
    assert (row.path, row.basis, row.fields["name"]) == ("mine", Basis.CONFIGURED, "full_name")
    assert found["crm"].limits.requests_per_second is None


def test_ingest_reads_a_webhook_as_the_file_says(tmp_path: Path) -> None:
    """A batch, an envelope, other names, words and ids; the assumed form is read as ever."""
    written(tmp_path)
    sources = tmp_path / "sources.yaml"
    sources.write_text("sources:\n  sms:\n    trigger: closum.sms.status_updated\n    token: { env: A }\n")
    [hook] = load_sources(sources, {"A": "t" * 24}).hooks
    event = {
        "delivery": 71,
        "to": {"number": "351912345678"},
        "data": {"uid": "s-1", "status": "ENTREGUE", "when": "2026-03-02T09:30:00Z", "id": "not the message's"},
    }
    read = hook.reader.read(ReceivedBody({"events": [event, {**event, "delivery": 72}]}))
    payloads = [one for one in read if isinstance(one, Reading)]
    assert [one.identity for one in payloads] == ["71", "72"]
    seen = json.loads(payloads[0].payload.to_json())
    assert (seen["message_id"], seen["recipient_e164"], seen["status"], seen["status_sent"]) == (
        *("s-1", "+351912345678", "delivered", "ENTREGUE"),
    )
    assert seen["raw"]["id"] == "not the message's"
    [plain] = hook.reader.read(ReceivedBody({"events": {"message_id": "9", "status": "sent"}}))
    assert isinstance(plain, Reading)
    assert plain.identity == "9/sent"


def test_the_checker_knows_what_this_account_needs_and_lacks(tmp_path: Path) -> None:
    (tmp_path / "add.yaml").write_text(FLOW)
    assert flows("check", "add.yaml", cwd=tmp_path).returncode == 0
    written(tmp_path, "actions: { closum.lead.add: { needs: [email], lacks: [consent_sms] } }\n")
    wrong = flows("check", "add.yaml", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "error[input_missing]" in wrong.stdout
    assert "email" in wrong.stdout
    assert "error[input_unexpected]" in wrong.stdout
    assert "consent_sms" in wrong.stdout


def test_an_id_that_is_not_answered_may_be_empty_for_the_checker(tmp_path: Path) -> None:
    """What the answer does not have is no id that a next step could count on."""
    use = '  - action: closum.lead.delete\n    connection: closum\n    with: { lead_id: "${ add.lead_id }" }\n'
    (tmp_path / "add.yaml").write_text(FLOW.replace("  - action", "  - id: add\n    action") + use)
    assert flows("check", "add.yaml", cwd=tmp_path).returncode == 0
    written(tmp_path, "actions: { closum.lead.add: { answer: { lead_id: null } } }\n")
    wrong = flows("check", "add.yaml", cwd=tmp_path)
    assert "lead_id" in wrong.stdout
    assert wrong.returncode == 1


def test_flows_test_plays_against_what_the_file_says(tmp_path: Path) -> None:
    """A webhook in the account's own form is given, and the call goes to the account's own path."""
    written(tmp_path)
    (tmp_path / "add.yaml").write_text(FLOW)
    (tmp_path / "add.test.yaml").write_text(
        "cases:\n"
        "  - name: as this account is\n"
        "    given: { data: { delivery: 1, to: { number: '351912345678' }, data: { uid: a, status: falhou } } }\n"
        "    answers:\n"
        "      - http: POST /people\n"
        "        sent: { full_name: Inês, consent_email: 1 }\n"
        "        json: { ok: 1, result: [{ id: 7 }] }\n"
    )
    played = flows("test", ".", "--record", cwd=tmp_path)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "recorded" in played.stdout


def test_the_catalogue_says_where_each_row_is_known_from(tmp_path: Path) -> None:
    written(tmp_path)
    rows = {row["name"]: row for row in json.loads(flows("catalog", "--json", cwd=tmp_path).stdout)}
    assert rows["closum.lead.add"]["known"] == "confirmed by Inês on 2026-11-30"
    assert rows["closum.lead.view"]["basis"] == "configured"
    assert rows["closum.tag.create"]["basis"] == "assumed"
    assert rows["closum.sms.status_updated"]["known"] == "documented by the collection on 2026-10-01"
    assert rows["closum.lead.created"]["basis"] == "assumed"
    assert "confirmed by Inês on 2026-11-30" in flows("catalog", "closum.lead.add", cwd=tmp_path).stdout


MISTAKES = {
    "closum.lead.ad: {}": ("1:12", "did you mean 'closum.lead.add'?"),
    "closum.lead.add: { fields: { nam: x } }": ("1:41", "no field 'nam'"),
    "closum.lead.add: { forms: { name: joined } }": ("1:40", "cannot be joined"),
    "closum.lead.add: { forms: { tags: number } }": ("1:40", "cannot be number"),
    "closum.lead.add: { answer: { id: x } }": ("1:41", "no output 'id'"),
    "closum.lead.add: { path: 'https://x/y' }": ("1:37", "no whole address"),
    "closum.lead.view: { path: 'x/{nope}' }": ("1:38", "'nope'"),
    "closum.lead.view: { method: GET, place: json }": ("1:12", "has no body"),
    "closum.lead.add: { basis: confirmed }": ("1:12", "by whom"),
    "closum.lead.add: { by: me }": ("1:12", "need `basis`"),
    "closum.lead.add: { pat: x }": ("1:31", "did you mean 'path'?"),
    "closum.lead.add: { fields: { name: a, email: a } }": ("1:12", "two fields go to 'a'"),
    "closum.lead.add: { needs: [email], lacks: [email] }": ("1:12", "cannot be needed and unknown"),
}


@pytest.mark.parametrize("row", MISTAKES)
def test_a_row_that_makes_no_sense_is_a_mistake_with_its_place(tmp_path: Path, row: str) -> None:
    place, text = MISTAKES[row]
    file = written(tmp_path, f"actions: {{ {row} }}\n")
    with pytest.raises(FactsError) as wrong:
        load(file, SHAPES)
    assert str(wrong.value).startswith(f"{file}:{place}: actions.")
    assert text in str(wrong.value)
    (tmp_path / "flows").mkdir()
    assert f"closum.yaml:{place}: error[" in flows("check", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("key: { query: a, header: b }", "1:1"),
        ("limits: { burst: 3 }", "1:1"),
        ("webhooks: { closum.sms: {} }", "1:13"),
        ("webhooks: { closum.lead.created: { statuses: { a: sent } } }", "1:36"),
        ("webhooks: { closum.sms.status_updated: { statuses: { a: gone } } }", "1:57"),
        ("webhooks: { closum.sms.status_updated: { fields: { uid: x } } }", "1:52"),
        ("nothing", "1:1"),
    ],
)
def test_so_is_any_other_part(tmp_path: Path, text: str, place: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(FactsError) as wrong:
        load(file, SHAPES)
    assert str(wrong.value).startswith(f"{file}:{place}: ")


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, ""), SHAPES) == Facts()
