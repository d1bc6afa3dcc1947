"""Every action of the catalogue against the stand-in Closum, over real HTTP: success, each failure, each repetition.

A new action needs no line here, and no test of its own for any of this: what is tried is its declared examples.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web

from contracts.errors import ErrorCode
from contracts.runs import RunMessage
from contracts.topics import RUNS
from services.actions.action import Implementation
from services.actions.attempt import verification
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt, checked
from services.actions.connections import Connection
from services.actions.effect_verification import EffectAbsent, EffectHappened, EffectUnknown, Verdict
from services.actions.outcome import Done, Failed
from services.actions.registry import ACTIONS, ENDPOINTS, shown_answers
from services.closum.endpoint import Basis
from services.flows.catalogue import BaseInputs, Example, Guarantee
from services.flows.idempotency import ASSUMED, IdempotencyKey
from services.runtime.documents.secrets import Mask
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client
from tests.support.actions import kafka, request, worker
from tests.support.closum import Closum, closum

AT_MOST_ONCE = Guarantee.AT_MOST_ONCE
SECRET = "Marker-s3cret-7"
LEAD = {"name": "Inês", "email": "ines@example.com", "consent_email": True, "consent_sms": False}
# Inputs of each action's first example. Lead 1001 is there.
USES: dict[str, dict[str, Any]] = {name: dict(one.signature.examples[0].inputs) for name, one in ACTIONS.items()}
LEAD_ID = "1001"
# Inputs with which an action that declares `verify` must not be made twice, and is asked for instead.
ASKED: dict[str, dict[str, Any]] = {
    name: dict(example.inputs)
    for name, one in ACTIONS.items()
    for example in one.signature.examples
    if one.verify is not None
    and one.guarantee(one.signature.inputs.model_validate(dict(example.inputs)), ASSUMED) is AT_MOST_ONCE
}
DELETING = {"closum.lead.delete", "closum.contact.remove"}


@dataclass
class Bench:
    """One action, ready to be tried again and again with the same effect id."""

    closum: Closum
    client: Client
    connection: Connection
    action: Implementation
    inputs: BaseInputs

    @property
    def guarantee(self) -> Guarantee:
        """What it declares for these inputs."""
        return self.action.guarantee(self.inputs, self.connection.idempotency)

    async def attempt(self, seconds: float = 5, inputs: BaseInputs | None = None) -> Done | Failed:
        """One attempt, as the worker makes it."""
        call = HttpCall(self.client, self.connection, "e" * 32, seconds)
        outcome = await attempt(self.action, inputs or self.inputs, call)
        # Both to the author's eye and to the worker's: what was declared is what was asked of the client.
        assert call.guarantee is self.action.guarantee(inputs or self.inputs, self.connection.idempotency)
        return outcome

    def things(self) -> dict[str, Any]:
        """All that Closum and the CRM hold, without counters."""
        state = self.closum.state()
        held = {part: state[part] for part in ("leads", "tags", "sms", "whatsapp", "emails", "credits")}
        contacts = [{name: value for name, value in one.items() if name != "writes"} for one in state["contacts"]]
        return {**held, "contacts": contacts}


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all."""
    with closum() as running:
        running.teach(shown_answers(ACTIONS))
        yield running


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    """The worker's client."""
    made = Client(Egress([allowed("127.0.0.0/8")]))
    yield made
    await made.close()


def connection(name: str, address: str) -> Connection:
    """A connection with a secret in query or header, as the file would make it."""
    mask = Mask((SECRET,))
    if name == "http.request":
        bearer = {"Authorization": f"Bearer {SECRET}"}
        return Connection("crm", f"{address}/crm", headers=bearer, mask=mask, idempotency=IdempotencyKey())
    return Connection("closum", f"{address}/v2", query=f"api-key={SECRET}", mask=mask)


@pytest.fixture(params=sorted(ACTIONS))
async def bench(request: pytest.FixtureRequest, stand_in: Closum, client: Client) -> Bench:
    """Each action in turn, with a lead in Closum that it can be used on."""
    stand_in.reset()
    stand_in.heal()
    name: str = request.param
    assert await _lead(client, stand_in, LEAD["email"]) == LEAD_ID
    inputs = checked(ACTIONS[name], USES[name])
    assert isinstance(inputs, BaseInputs), inputs
    return Bench(stand_in, client, connection(name, stand_in.url), ACTIONS[name], inputs)


async def _lead(client: Client, stand_in: Closum, email: object) -> str:
    """The id of a new lead."""
    action = ACTIONS["closum.lead.add"]
    inputs = action.signature.inputs.model_validate({**LEAD, "email": email, "tags": ["old"]})
    made = await attempt(action, inputs, HttpCall(client, connection("closum", stand_in.url), "seed", 5))
    assert isinstance(made, Done)
    return str(made.outputs["lead_id"])


def test_every_action_declares_what_it_is_held_to() -> None:
    """An endpoint where it calls Closum; an example that must not be made twice where it declares `verify`."""
    assert set(ENDPOINTS) == {name for name in ACTIONS if name.startswith("closum.")}
    assert set(ASKED) == {name for name, action in ACTIONS.items() if action.verify is not None}


@pytest.mark.parametrize(
    ("name", "example"),
    [(name, example) for name, one in sorted(ACTIONS.items()) for example in one.signature.examples],
    ids=lambda value: value if isinstance(value, str) else value.says,
)
async def test_every_example_is_true(name: str, example: Example, stand_in: Closum, client: Client) -> None:
    """Its inputs give the outputs that it shows: docs and editors repeat them."""
    stand_in.reset()
    stand_in.heal()
    await _lead(client, stand_in, LEAD["email"])
    inputs = checked(ACTIONS[name], dict(example.inputs))
    assert isinstance(inputs, BaseInputs), inputs
    call = HttpCall(client, connection(name, stand_in.url), "e" * 32, 5)
    outcome = await attempt(ACTIONS[name], inputs, call)
    assert isinstance(outcome, Done), outcome
    assert {field: outcome.outputs[field] for field in example.outputs} == dict(example.outputs)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_describes_itself(name: str) -> None:
    """A catalogue line that ends, and a word about every field."""
    signature = ACTIONS[name].signature
    assert signature.line.endswith(".")
    for model in (signature.inputs, signature.outputs):
        assert [field for field, info in model.model_fields.items() if not info.description] in ([], ["method"])


async def test_it_does_what_it_promises(bench: Bench) -> None:
    """One request, and outputs that are as declared."""
    before = bench.closum.state("received")
    outcome = await bench.attempt()
    assert isinstance(outcome, Done), outcome
    bench.action.signature.outputs.model_validate(outcome.outputs)
    assert bench.closum.state("received") == before + 1


async def test_the_same_effect_twice_is_one_effect(bench: Bench) -> None:
    """A repeatable or keyed action leaves everything as the first call did. Others are never repeated, see below."""
    if bench.guarantee is Guarantee.AT_MOST_ONCE:
        return
    await bench.attempt()
    after_one = bench.things()
    second = await bench.attempt()
    assert bench.things() == after_one
    if bench.action.signature.name in DELETING:
        assert isinstance(second, Failed)
        assert (second.code, second.again) == (ErrorCode.CALL_REJECTED, False)
    else:
        assert isinstance(second, Done), second
    if bench.guarantee is Guarantee.KEYED:
        assert bench.closum.state("keys") == {"e" * 32: {"requests": 2, "effects": 1}}


@dataclass(frozen=True)
class Meets:
    """A fault, the error that it is, and whether the call is made again."""

    fault: dict[str, Any]
    code: ErrorCode
    again: Literal["never", "if harmless", "always"]


FAULTS = {
    "refused in the body": Meets({"kind": "refuse"}, ErrorCode.CALL_REJECTED, "never"),
    "400": Meets({"kind": "status", "status": 400}, ErrorCode.CALL_REJECTED, "never"),
    "401": Meets({"kind": "status", "status": 401}, ErrorCode.CREDENTIALS_REFUSED, "always"),
    "404": Meets({"kind": "status", "status": 404}, ErrorCode.CALL_REJECTED, "never"),
    "429": Meets({"kind": "status", "status": 429, "retry_after": 7}, ErrorCode.DESTINATION_BUSY, "always"),
    "503": Meets({"kind": "status", "status": 503}, ErrorCode.DESTINATION_BUSY, "always"),
    "500": Meets({"kind": "status", "status": 500}, ErrorCode.DESTINATION_FAILED, "if harmless"),
    "cut before": Meets({"kind": "cut_before"}, ErrorCode.CALL_INTERRUPTED, "if harmless"),
    "cut after": Meets({"kind": "cut_after"}, ErrorCode.CALL_INTERRUPTED, "if harmless"),
    "hang": Meets({"kind": "hang"}, ErrorCode.CALL_TIMED_OUT, "if harmless"),
    "malformed": Meets({"kind": "malformed"}, ErrorCode.ANSWER_INVALID, "never"),
}


@pytest.mark.parametrize("meets", FAULTS.values(), ids=FAULTS.keys())
async def test_each_failure_ends_as_declared(bench: Bench, meets: Meets) -> None:
    """Final errors are final, others are tried again; what may have happened is repeated only where harmless."""
    inputs = bench.inputs
    if meets.fault["kind"] in {"refuse", "malformed"} and bench.action.signature.name == "http.request":
        # For it the body of a 200 decides nothing but by its schema.
        schema = {"type": "object", "required": ["phone"]}
        inputs = inputs.model_copy(update={"json_schema": schema})
        meets = Meets(meets.fault, ErrorCode.ANSWER_INVALID, "never")
    bench.closum.fault(times=1, **meets.fault)
    outcome = await bench.attempt(0.4 if meets.fault["kind"] == "hang" else 5, inputs)
    assert isinstance(outcome, Failed)
    assert outcome.code is meets.code
    harmless = bench.guarantee is not Guarantee.AT_MOST_ONCE
    assert outcome.again is (meets.again == "always" or (harmless and meets.again == "if harmless"))
    assert outcome.retry_after_seconds == meets.fault.get("retry_after")
    if outcome.again:
        again = await bench.attempt(inputs=inputs)
        gone = bench.action.signature.name in DELETING and meets.fault["kind"] == "cut_after"
        assert isinstance(again, Failed if gone else Done), again


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_an_effect_that_must_not_be_made_twice_is_asked_for(name: str, stand_in: Closum, client: Client) -> None:
    """Cut off before acting: not there. After acting: there, with the action's outputs. Unwell: not told. No change."""
    stand_in.reset()
    stand_in.heal()
    seen = {"closum.lead.view": replace(ENDPOINTS["closum.lead.view"], basis=Basis.CONFIGURED)}
    action, where = ACTIONS[name], replace(connection(name, stand_in.url), endpoints=seen)
    inputs = checked(action, ASKED[name])
    assert isinstance(inputs, BaseInputs), inputs
    verdicts: list[Verdict] = []
    for kind in ("cut_before", "cut_after"):
        stand_in.fault(times=1, kind=kind)
        outcome = await attempt(action, inputs, HttpCall(client, where, "e" * 32, 5))
        assert isinstance(outcome, Failed)
        assert (outcome.unknown, outcome.again) == (True, False)
        effects = stand_in.state("effects")
        verdicts.append((await verification.ask(action, inputs, HttpCall(client, where, "e" * 32, 5)))[0])
        assert stand_in.state("effects") == effects
    stand_in.fault(kind="status", status=503)
    verdicts.append((await verification.ask(action, inputs, HttpCall(client, where, "e" * 32, 5)))[0])
    stand_in.heal()
    assert [type(one) for one in verdicts] == [EffectAbsent, EffectHappened, EffectUnknown]
    assert isinstance(verdicts[1], EffectHappened)
    action.signature.outputs.model_validate(verdicts[1].outputs.model_dump(mode="json", by_alias=True))
    assert "Marker" not in repr(verdicts)


async def test_nobody_is_there(bench: Bench) -> None:
    """Certainly not sent: every action may be tried again."""
    bench.connection = connection(bench.action.signature.name, "http://127.0.0.1:9")
    outcome = await bench.attempt()
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.again) == (ErrorCode.CALL_REFUSED, True)


def _shouting(status: int, closing: bool) -> Callable[[web.BaseRequest], Any]:  # noqa: FBT001 - one of a table
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        """Everything that it was sent, in every place of an answer."""
        sent = {"url": str(request.raw_path), "headers": dict(request.headers)}
        text = json.dumps({"status": False, "code": 422, "message": f"{sent}", "detail": f"{sent}"})
        if closing and request.transport is not None:
            request.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + text.encode())
            request.transport.close()
        return web.Response(text=text, status=status, content_type="application/json", headers={"x-echo": f"{sent}"})

    return answer


@pytest.mark.parametrize(("status", "closing"), [(200, False), (422, False), (500, False), (302, False), (200, True)])
async def test_secrets_stay_out_of_outcomes(bench: Bench, status: int, closing: bool) -> None:  # noqa: FBT001 - a table
    """Also when the destination repeats them in its answers and errors."""
    runner = web.ServerRunner(web.Server(_shouting(status, closing), access_log=None), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        bench.connection = connection(bench.action.signature.name, f"http://127.0.0.1:{runner.addresses[0][1]}")
        outcome = await bench.attempt()
    finally:
        await runner.cleanup()
    assert "Marker" not in repr(outcome)
    assert status != 422 or "[hidden]" in repr(outcome)


async def test_every_action_asked_for_twice_is_called_once(
    *, kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, client: Client
) -> None:
    """By the whole worker: the second record of an effect is answered from the journal, with the same outputs."""
    stand_in.reset()
    stand_in.heal()
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database) as one:
            one.start()
            asked = []
            for number, name in enumerate(sorted(ACTIONS)):
                email = f"n{number}@example.com"
                lead = await _lead(client, stand_in, email)
                inputs = {
                    field: lead if value == LEAD_ID else email if value == LEAD["email"] else value
                    for field, value in USES[name].items()
                }
                where = "crm" if name == "http.request" else "closum"
                asked.append(request(number, f"s{number}", action=name, connection=where, inputs=inputs))
            before = stand_in.state("received")
            await topics.put([*asked, *asked])
            records = await topics.take(RUNS, lambda found: len(found) >= 2 * len(asked))
            assert one.stop() == 0
    outputs: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        message = RunMessage.model_validate_json(record.value)
        assert message.answer is not None
        assert message.answer.error is None, message.answer
        outputs.setdefault(message.run.id, []).append(message.answer.outputs)
    assert stand_in.state("received") - before == len(asked)
    assert all(len(pair) == 2 and pair[0] == pair[1] for pair in outputs.values()), outputs
