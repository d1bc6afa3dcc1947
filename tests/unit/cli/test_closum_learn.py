"""`flows closum learn`: made collections, good and bad; then the actions work in the account that they document."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.triggers.registry import TRIGGERS
from services.actions.outcome import Done
from services.actions.registry import ENDPOINTS
from services.closum.facts import NOTHING, WEBHOOKS
from services.project.closum_learn import CollectionError, learn, requests_of
from tests.support import made_account as made
from tests.support.example_flows import assert_examples_pass
from tests.support.flows_command import flows
from tests.support.made_account import SECRET, made_account
from tests.support.made_collection import PERSON, V2_0, V2_1, made_collection, published
from tests.unit.cli.test_closum_listen import OTHERS, ingest_reads_them
from tests.unit.cli.test_closum_verify import ENV, folder_of, played

AS_ASSUMED = [(trigger, TRIGGERS[trigger].example) for trigger in WEBHOOKS]
TITLES = {
    "closum.sms.status_updated": "SMS",
    "closum.whatsapp.message_received": "WhatsApp",
    "closum.lead.created": "Leads",
    "closum.contact.updated": "Contact updated",
    "closum.unsubscribed": "Unsubscribes",
    "closum.email.event": "Email",
}
OTHER_WEBHOOKS = [(TITLES[trigger], body) for trigger, body in OTHERS.items()]


def written(folder: Path, content: Any, name: str = "collection.json") -> str:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(file, (1_790_000_000, 1_790_000_000))
    return name


def states(folder: Path, name: str) -> dict[str, str]:
    done = flows("closum", "learn", name, "--json", cwd=folder)
    return {row["name"]: row["state"] for row in json.loads(done.stdout)["rows"]}


def test_a_good_one_says_what_is_assumed_and_from_where(tmp_path: Path) -> None:
    content = made_collection(made.AS_ASSUMED, webhooks=[(TITLES[name], body) for name, body in AS_ASSUMED])
    found = states(tmp_path, written(tmp_path, content))
    assert set(found) == {*ENDPOINTS, *WEBHOOKS}
    assert set(found.values()) == {"documented"}
    done = flows("closum", "learn", "collection.json", "--apply", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["name"]: row for row in json.loads(flows("catalog", "--json", cwd=tmp_path).stdout)}
    for name in (*ENDPOINTS, *WEBHOOKS):
        assert rows[name]["known"] == "documented by the collection CLOSUM V2.0 on 2026-09-21", name


SHAPES = {
    "another envelope": made.ENVELOPE,
    "other verbs": made.OTHER_VERBS,
    "bearer": made.BEARER,
    "other spelling": made.SPELLING,
    "failures in 200": made.FAILURES_IN_200,
    "no word of success": made.NO_WORD_OF_SUCCESS,
    "ten others": made.TEN_OTHERS,
}


@pytest.mark.parametrize("schema", [V2_0, V2_1])
@pytest.mark.parametrize("name", SHAPES)
async def test_after_one_command_every_action_works_there(name: str, schema: str, tmp_path: Path) -> None:
    """From the document alone; no value of it is copied, be it a secret or a person's."""
    shape = replace(SHAPES[name], a_second=None)
    content = made_collection(shape, schema=schema, webhooks=OTHER_WEBHOOKS)
    with made_account(shape) as account:
        folder = folder_of(account, tmp_path)
        done = flows("closum", "learn", written(folder, content), "--apply", cwd=folder, env=ENV)
        assert done.returncode == 0, done.stdout + done.stderr
        outcomes = await played(folder)
        assert {name: one for name, one in outcomes.items() if not isinstance(one, Done)} == {}
        assert outcomes["closum.sms.check_credits"].outputs == {"credits": 420.0}
        assert account.leads == {}
    text = (folder / "closum.yaml").read_text()
    for secret in (SECRET, PERSON, "Maria", "evil.example"):
        assert secret not in text + done.stdout
    ingest_reads_them(folder)
    if name == "ten others" and schema == V2_1:
        assert_examples_pass(folder, ENV)


@pytest.mark.parametrize("name", SHAPES)
async def test_the_published_reference_is_read_too(name: str, tmp_path: Path) -> None:
    """As Postman hands it out: the key in each address, every name with the noun first."""
    shape = replace(SHAPES[name], a_second=None)
    with made_account(shape) as account:
        folder = folder_of(account, tmp_path)
        content = published(shape, OTHER_WEBHOOKS)
        done = flows("closum", "learn", written(folder, content), "--apply", cwd=folder, env=ENV)
        assert done.returncode == 0, done.stdout + done.stderr
        outcomes = await played(folder)
        assert {name: one for name, one in outcomes.items() if not isinstance(one, Done)} == {}
    assert SECRET not in (folder / "closum.yaml").read_text() + done.stdout


def test_a_query_in_the_text_alone_is_read(tmp_path: Path) -> None:
    """As schema v2.0 has it: the fields of a GET, and where the key goes; never a value."""
    url = "{{base}}/lead/view/?api_key=" + SECRET + "&id=5001&email=" + PERSON
    item = {"name": "Lead View", "request": {"method": "GET", "url": url}}
    content = {"info": {"schema": V2_0}, "item": [item]}
    done = flows("closum", "learn", written(tmp_path, content), "--json", cwd=tmp_path)
    told = json.loads(done.stdout)["closum.yaml"]
    assert told["key"] == {"query": "api_key"}
    assert told["actions"]["closum.lead.view"]["fields"] == {"lead_id": "id"}
    assert SECRET not in done.stdout
    assert PERSON not in done.stdout


def test_a_partial_one_leaves_the_rest_assumed_and_offers_what_fits_no_action(tmp_path: Path) -> None:
    some = made.Dialect(ways={name: made.VERBS[name] for name in ("add", "balance", "list")})
    content = made_collection(some)
    content["item"].append(
        {
            "name": "URL shortening",
            "item": [
                {
                    "name": "Shorten",
                    "request": {
                        "method": "POST",
                        "url": "{{base}}/url/shorten/?api-key=" + SECRET,
                        "body": {
                            "mode": "urlencoded",
                            "urlencoded": [{"key": "long_url", "value": "https://private.example"}],
                        },
                    },
                }
            ],
        }
    )
    done = flows("closum", "learn", written(tmp_path, content), "--apply", "--snippets", cwd=tmp_path)
    assert done.returncode == 1
    found = states(tmp_path, "collection.json")
    assert found["closum.lead.add"] == "documented"
    assert found["closum.lead.update"] == "missing"
    assert "url: /url/shorten/" in done.stdout
    assert "long_url: # a text" in done.stdout
    assert SECRET not in done.stdout
    assert "private.example" not in done.stdout
    assert "closum.lead.update" not in (tmp_path / "closum.yaml").read_text()


def test_of_two_versions_the_newer_counts(tmp_path: Path) -> None:
    new, old = made_collection(made.OTHER_VERBS), made_collection(made.AS_ASSUMED)
    text = json.dumps(old["item"]).replace("{{base}}", "https://api.closum.com/v1")
    new["item"] = [{"name": "V1", "item": json.loads(text)}, {"name": "V2", "item": new["item"]}]
    name = written(tmp_path, new)
    told = json.loads(flows("closum", "learn", name, "--json", cwd=tmp_path).stdout)
    assert told["closum.yaml"]["actions"]["closum.lead.add"]["path"] == "contacts"
    assert any("an older version has it too" in note for note in told["notes"])
    assert not [row for row in told["rows"] if row["state"] == "several"]


def test_where_two_fit_it_asks(tmp_path: Path) -> None:
    content = made_collection(made.AS_ASSUMED)
    for folder in content["item"]:
        for item in folder["item"]:
            if item["name"] == "Add Lead":
                item["request"]["url"]["raw"] = "{{base}}/lead/create/"
                other = {**item, "request": {**item["request"], "url": {"raw": "{{base}}/lead/new/"}}}
                folder["item"] = [item, other, *folder["item"][1:]]
                break
    name = written(tmp_path, content)
    asked = flows("closum", "learn", name, "--apply", cwd=tmp_path, text="2\n")
    assert "closum.lead.add may be" in asked.stdout
    assert "path: lead/new/" in (tmp_path / "closum.yaml").read_text()
    (tmp_path / "closum.yaml").unlink()
    left = flows("closum", "learn", name, "--apply", cwd=tmp_path)
    assert left.returncode == 1
    assert "several" in left.stdout
    assert "closum.lead.add" not in (tmp_path / "closum.yaml").read_text()


def deep(levels: int) -> Any:
    content: Any = {"name": "x", "request": {"method": "GET", "url": "x"}}
    for _ in range(levels):
        content = {"name": "f", "item": [content]}
    return {"info": {"schema": V2_1}, "item": [content]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "no Postman collection"),
        ('{"openapi": "3.1.0"}', "no Postman collection"),
        ('{"info": {"schema": "https://schema.getpostman.com/json/collection/v1.0.0/"}, "item": []}', "export it as"),
        ("[" * 100_000, "cannot be read as JSON"),
        (" " * 5_000_000, "cannot be read as JSON"),
        (" " * 34_000_000, "over 32 MB: export the folders"),
        ("[" + "[]," * 3_000_000 + "[]]", "over 2 million values"),
        ('{"item": [' + '{"a":' * 500 + "1" + "}" * 500 + "]}", "nested deeper"),
    ],
)
def test_what_is_none_is_told(tmp_path: Path, content: str, says: str) -> None:
    done = flows("closum", "learn", written(tmp_path, content), cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_large_one_is_read_whole(tmp_path: Path) -> None:
    """With answers saved that list thousands of leads, the one that counts among them: 12 MB, over 200 kB each."""
    content = made_collection(made.TEN_OTHERS)
    leads = [{"id": number, "full_name": "Maria Silva", "phone": "351912345678"} for number in range(4_000)]
    for folder in content["item"]:
        for item in folder["item"]:
            body = json.loads(item["response"][0]["body"])
            item["response"][0]["body"] = json.dumps({**body, "others": leads})
            item["response"] += [{"name": "all", "code": 200, "body": json.dumps({"ok": True, "result": leads})}] * 2
    name = written(tmp_path, content)
    assert (tmp_path / name).stat().st_size > 10_000_000
    small = written(tmp_path, made_collection(made.TEN_OTHERS), "small.json")
    told = [
        json.loads(flows("closum", "learn", one, "--json", cwd=tmp_path, seconds=30).stdout)["closum.yaml"]
        for one in (name, small)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize("text", ["\n", "{{", "{{a", "[", '{"a":'])
@pytest.mark.parametrize("where", ["request", "response", "webhook"])
def test_a_text_in_it_takes_no_time(text: str, where: str) -> None:
    """A regular expression that goes back is minutes at 200,000 signs; a parser that goes down is out of its stack."""
    text *= 200_000
    item: Any = {"name": "Add Lead", "request": {"method": "POST", "url": "https://x/lead/add/"}}
    if where == "response":
        item["response"] = [{"code": 200, "body": text}]
    else:
        item["request"]["body"] = {"mode": "raw", "raw": text}
    folder = {"name": "Webhooks" if where == "webhook" else "Leads", "item": [item]}
    began = time.process_time()
    learn(requests_of({"info": {"schema": V2_1}, "item": [folder]}), NOTHING)
    assert time.process_time() - began < 2


def test_an_answer_of_many_floors_is_read() -> None:
    """As deep as its parser goes."""
    body = '{"a":' * 900 + "1" + "}" * 900
    item = {
        "name": "Add Lead",
        "request": {"method": "POST", "url": "https://x/lead/add/"},
        "response": [{"code": 200, "body": body}],
    }
    assert learn(requests_of({"info": {"schema": V2_1}, "item": [item]}), NOTHING).actions


def test_folders_have_an_end() -> None:
    assert len(requests_of(deep(15))) == 1
    with pytest.raises(CollectionError, match="nested deeper"):
        requests_of(deep(30))
    many = {"info": {"schema": V2_1}, "item": [deep(0)["item"][0]] * 3000}
    with pytest.raises(CollectionError, match="more than"):
        requests_of(many)


@pytest.mark.parametrize("seed", range(25))
def test_a_hostile_one_is_read_or_refused_and_nothing_of_it_is_run(seed: int, tmp_path: Path) -> None:
    """Any part replaced by any other value, names that would break out of YAML: no stack trace, no wrong file."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    content = made_collection(made.TEN_OTHERS, webhooks=OTHER_WEBHOOKS)
    odd = [
        None,
        1,
        "",
        "x\n- evil: {",
        [],
        {},
        [None],
        "${{x}}",
        "\x1b[31m",
        {"item": "x"},
        True,
        "a" * 3000,
        "../../etc",
    ]

    def spoiled(value: Any) -> Any:
        if chance.random() < 0.03:
            return chance.choice(odd)
        if isinstance(value, dict):
            return {key if chance.random() > 0.02 else f"{key}\n: x": spoiled(item) for key, item in value.items()}
        return [spoiled(item) for item in value] if isinstance(value, list) else value

    done = flows("closum", "learn", written(tmp_path, spoiled(content)), "--apply", "--snippets", cwd=tmp_path)
    assert "Traceback" not in done.stderr, done.stderr
    assert "\x1b" not in done.stdout
    file = tmp_path / "closum.yaml"
    if file.is_file():
        assert "evil" not in file.read_text()
        assert flows("closum", "facts", cwd=tmp_path).returncode == 0
