"""What the stand-in Closum promises: V2's wire format, a CRM that honours keys, faults as they are described."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from contracts.triggers.contact_updated import ContactUpdated
from contracts.triggers.lead_created import LeadCreated
from tests.support.closum import Closum, closum
from tests.support.recorder import recorder

LEAD = {"name": "Inês Conceição", "mobile_number": "351912345678", "consent_email": True, "consent_sms": True}


@pytest.fixture(scope="module")
def running() -> Iterator[Closum]:
    with closum() as handle:
        yield handle


@pytest.fixture
def stand_in(running: Closum) -> Closum:
    running.reset()
    return running


@pytest.fixture
def v2(stand_in: Closum) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stand_in.v2, params={"api-key": "k"}, timeout=5, trust_env=False) as client:
        yield client


@pytest.fixture
def crm(stand_in: Closum) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer t"}
    with httpx.Client(base_url=stand_in.crm, headers=headers, timeout=5, trust_env=False) as client:
        yield client


def body(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_lead_is_added_and_listed(v2: httpx.Client, stand_in: Closum) -> None:
    added = body(v2.post("lead/add/", json=LEAD))
    assert added["status"] is True
    number = added["responseData"][0]["lead_id"]
    assert body(v2.get("lead/"))["responseData"][0]["lead_id"] == number
    assert body(v2.post("lead/view/", json={"lead_id": number}))["responseData"][0]["name"] == "Inês Conceição"
    assert [lead["mobile_number"] for lead in stand_in.state("leads")] == ["351912345678"]


def test_a_known_lead_is_refused_with_200_unless_updates_are_enabled(v2: httpx.Client) -> None:
    first = body(v2.post("lead/add/", json=LEAD))
    again = body(v2.post("lead/add/", json=LEAD))
    assert (again["status"], again["code"]) == (False, 409)
    updated = body(v2.post("lead/add/", json={**LEAD, "name": "Inês", "update_enabled": True}))
    assert updated["responseData"] == first["responseData"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mobile_number": "912"}, "phone"),
        ({"mobile_number": None}, "email or mobile_number"),
        ({"consent_sms": None, "consent_email": "yes"}, "consent_email"),
        ({"contact_lifecycle_stage_id": 10}, "1 to 9"),
        ({"birth_date": "01/02/1990"}, "Y-m-d"),
        ({"name": ""}, "name"),
    ],
)
def test_a_wrong_lead_is_refused_with_200_and_status_false(v2: httpx.Client, change: dict[str, Any], says: str) -> None:
    answer = body(v2.post("lead/add/", json={**LEAD, **change}))
    assert answer["status"] is False
    assert says in answer["message"]


def test_the_key_belongs_in_the_query(stand_in: Closum) -> None:
    answer = httpx.get(stand_in.v2 + "lead/", headers={"api-key": "k"}, trust_env=False)
    assert (answer.status_code, answer.json()["status"]) == (401, False)


def test_the_rest_of_a_leads_life(v2: httpx.Client, stand_in: Closum) -> None:
    number = body(v2.post("lead/add/", json={**LEAD, "email": "Ines@example.com"}))["responseData"][0]["lead_id"]
    assert body(v2.post("lead/edit-by-email/", json={"email": "ines@EXAMPLE.com", "name": "Inês C."}))["status"]
    assert body(v2.post("contact/add-tag/", json={"lead_id": number, "tag": "vip"}))["status"]
    assert body(v2.post("contact/add-tag-by-email/", json={"email": "ines@example.com", "tag": "feira"}))["status"]
    assert body(v2.post("contact/remove-tag-by-email/", json={"email": "ines@example.com", "tag": "vip"}))["status"]
    lead = stand_in.state("leads")[0]
    assert (lead["name"], lead["tags"]) == ("Inês C.", ["feira"])
    assert body(v2.post("tag/add/", json={"name": "feira"}))["code"] == 409
    assert body(v2.post("contact/remove/", json={"lead_id": number}))["status"]
    assert stand_in.state("leads") == []
    assert body(v2.post("lead/view/", json={"lead_id": number}))["code"] == 404


def test_messages_are_kept_and_sms_cost_a_credit_a_part(v2: httpx.Client, stand_in: Closum) -> None:
    before = body(v2.get("sms/balance/"))["responseData"][0]["balance"]
    sent = body(v2.post("sms/send/", json={"message": "🙂" * 36, "recipient": "351912345678", "sender": "Closum"}))
    assert sent["responseData"][0]["parts"] == 2
    assert body(v2.get("sms/balance/"))["responseData"][0]["balance"] == before - 2
    template = {"to": "351912345678", "template": "welcome", "language": "pt_PT", "parameters": ["Inês"]}
    assert body(v2.post("whatsapp/send-template/", json=template))["responseData"][0]["message_id"]
    assert body(v2.post("email/send-template/", json={"to": "a@b.pt", "template": "7"}))["status"]
    assert stand_in.state("whatsapp")[0]["parameters"] == ["Inês"]
    assert [effect["kind"] for effect in stand_in.state("effects")] == ["sms.sent", "whatsapp.sent", "email.sent"]


def test_the_crm_answers_the_same_key_as_the_first_time(crm: httpx.Client, stand_in: Closum) -> None:
    contact = {"phone": "+351912345678", "name": "Inês"}
    headers = {"Idempotency-Key": '"e1"'}
    first = crm.post("/contacts", json=contact, headers=headers)
    again = crm.post("/contacts", json=contact, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert crm.post("/contacts", json={**contact, "name": "Rui"}, headers=headers).status_code == 422
    assert stand_in.state("keys") == {"e1": {"requests": 3, "effects": 1}}
    assert crm.post("/contacts", json={**contact, "name": "Rui"}).status_code == 200
    assert [(found["name"], found["writes"]) for found in stand_in.state("contacts")] == [("Rui", 2)]


def test_the_crm_reads_changes_and_removes_contacts(crm: httpx.Client) -> None:
    number = crm.post("/contacts", json={"phone": "+351912345678", "name": "Inês", "note": "x"}).json()["id"]
    assert crm.patch(f"/contacts/{number}", json={"name": "Inês C."}).json()["note"] == "x"
    assert "note" not in crm.put(f"/contacts/{number}", json={"phone": "+351912345679", "name": "Inês"}).json()
    assert crm.get("/contacts", params={"phone": "+351912345679"}).json()["contacts"][0]["id"] == number
    assert crm.delete(f"/contacts/{number}").status_code == 200
    assert crm.get(f"/contacts/{number}").status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"phone": "912345678"}, {"name": "Inês"}, {"phone": "+351912345678", "name": "x" * 101}]
)
def test_the_crm_refuses_what_is_no_contact(crm: httpx.Client, wrong: dict[str, str]) -> None:
    answer = crm.post("/contacts", json=wrong)
    assert (answer.status_code, answer.json()["status"]) == (422, 422)


def test_the_crm_wants_a_token(stand_in: Closum) -> None:
    assert httpx.get(stand_in.crm + "/contacts", trust_env=False).status_code == 401


def test_a_busy_destination_says_when_to_come_back_and_then_works(v2: httpx.Client, stand_in: Closum) -> None:
    stand_in.fault(path="/v2/lead/*", kind="status", status=429, retry_after=2, times=1)
    busy = v2.post("lead/add/", json=LEAD)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "2")
    assert body(v2.post("lead/add/", json=LEAD))["status"] is True
    assert stand_in.faults()[0]["hits"] == 1


@pytest.mark.parametrize(
    ("kind", "happens"), [("cut_before", False), ("cut_after", True), ("malformed", True), ("refuse", False)]
)
def test_each_fault_says_truly_whether_the_effect_happened(
    v2: httpx.Client,
    stand_in: Closum,
    kind: str,
    happens: bool,  # noqa: FBT001 - a column of the table
) -> None:
    stand_in.fault(kind=kind, contains="351912345678", times=1)
    if kind.startswith("cut"):
        with pytest.raises(httpx.RemoteProtocolError):
            v2.post("lead/add/", json=LEAD)
    elif kind == "malformed":
        with pytest.raises(json.JSONDecodeError):
            v2.post("lead/add/", json=LEAD).json()
    else:
        assert body(v2.post("lead/add/", json=LEAD))["status"] is False
    assert bool(stand_in.state("leads")) is happens
    assert stand_in.state("requests")[-1]["fault"] == kind


def test_slow_answers_late_and_hang_never(v2: httpx.Client, stand_in: Closum) -> None:
    stand_in.fault(kind="slow", seconds=0.2, times=1)
    before = time.monotonic()
    assert body(v2.post("lead/add/", json=LEAD))["status"] is True
    assert time.monotonic() - before >= 0.2
    stand_in.fault(kind="hang")
    with pytest.raises(httpx.ReadTimeout):
        v2.get("lead/", timeout=0.2)
    stand_in.heal()
    assert body(v2.get("lead/"))["status"] is True


def test_a_misspelled_fault_is_refused(stand_in: Closum) -> None:
    answer = httpx.post(stand_in.url + "/_faults", json={"kind": "status", "stauts": 500}, trust_env=False)
    assert answer.status_code == 422
    assert "stauts" in answer.json()["detail"]


def test_wrong_json_paths_and_methods_are_told_apart(v2: httpx.Client) -> None:
    assert v2.post("lead/add/", content=b"{").status_code == 400
    assert v2.post("nothing/").status_code == 404
    assert v2.get("sms/send/").status_code == 405


def test_it_runs_as_a_process_that_ends_when_its_parent_lets_go() -> None:
    command = [sys.executable, "-m", "deploy.local.closum", "--port", "0", "--end-with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdin is not None
        address = json.loads(process.stderr.readline())["address"]
        assert httpx.get(f"http://{address}/_state", trust_env=False).json()["received"] == 0
        process.stdin.close()
        assert process.wait(10) == 0


def test_tags_are_told_of_as_the_list_before_and_after(v2: httpx.Client, stand_in: Closum) -> None:
    """As Closum's webhooks are assumed to do it; also when the contact had the tag."""
    number = body(v2.post("lead/add/", json=LEAD))["responseData"][0]["lead_id"]
    with recorder() as hook:
        httpx.post(f"{stand_in.url}/_webhooks", json={"system": "closum", "url": hook.url}, trust_env=False)
        for told, path in enumerate(("add-tag", "add-tag", "remove-tag"), start=1):
            body(v2.post(f"contact/{path}/", json={"contact_id": number, "tag": "vip"}))
            until = time.monotonic() + 10
            while len(hook.seen) < told and time.monotonic() < until:
                time.sleep(0.01)
    tags = [heard["changes"]["tags"] for _, heard in hook.seen]
    assert tags == [
        {"before": None, "after": ["vip"]},
        {"before": ["vip"], "after": ["vip"]},
        {"before": ["vip"], "after": []},
    ]


def test_a_new_lead_is_told_of_once_and_a_changed_one_as_a_change(v2: httpx.Client, stand_in: Closum) -> None:
    """Each by its own hook, as New Lead and Contact Updated are; what they send is what our triggers read."""
    with recorder() as new, recorder() as changed:
        for of, hook in (("new", new), ("changed", changed)):
            subscription = {"system": "closum", "of": of, "url": hook.url}
            httpx.post(f"{stand_in.url}/_webhooks", json=subscription, trust_env=False).raise_for_status()
        for name in ("Inês", "Inês Conceição"):
            body(v2.post("lead/add/", json={**LEAD, "name": name, "update_enabled": True}))
        until = time.monotonic() + 10
        while not (new.seen and changed.seen) and time.monotonic() < until:
            time.sleep(0.01)
    ((_, made),) = new.seen
    lead = LeadCreated.read(made)
    assert (lead.name, lead.mobile_number, lead.created_at is not None) == ("Inês", "351912345678", True)
    assert "changes" not in made
    ((_, told),) = changed.seen
    assert ContactUpdated.read(told).changes["name"].after == "Inês Conceição"


async def test_it_carries_many_connections_at_once(stand_in: Closum) -> None:
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": "Bearer t"}, timeout=20) as client:
        contacts = [{"phone": f"+3519120{number:05}"} for number in range(200)]
        answers = await asyncio.gather(*(client.post(stand_in.crm + "/contacts", json=one) for one in contacts))
    assert {answer.status_code for answer in answers} == {201}
    assert len(stand_in.state("contacts")) == 200


PUBLIC = {
    "a newsletter": ("lead/add/", {"email": "a@example.com", "consent_email": True, "consent_sms": False}),
    "an update with tags": (
        "lead/add/",
        {
            "email": "b@example.com",
            "consent_email": True,
            "consent_sms": True,
            "update_enabled": True,
            "name": "Bea",
            "mobile_number": "351912345679",
            "tags": ["Newsletter"],
        },
    ),
    "without the last slash": (
        "lead/add",
        {"email": "c@example.com", "lead_opt_in": True, "consent_email": True, "tags": ["Newsletter Site"]},
    ),
    "a phone alone": ("lead/add/", {"mobile_number": "351912345678", "consent_email": False, "consent_sms": True}),
}


@pytest.mark.parametrize("caller", PUBLIC)
def test_what_public_callers_send_works(v2: httpx.Client, stand_in: Closum, caller: str) -> None:
    """Their bodies, with the key in the query: docs/closum.md says where they are known from."""
    path, sent = PUBLIC[caller]
    first, again = body(v2.post(path, json=sent)), body(v2.post(path, json={**sent, "update_enabled": True}))
    assert first["status"] is again["status"] is True
    [lead] = stand_in.state("leads")
    assert lead["lead_id"] == first["responseData"][0]["lead_id"] == again["responseData"][0]["lead_id"]
    assert lead.get("tags") == sent.get("tags")
