"""Needs: what tools ask of the world is collected over a batch and answered once a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import HistoryRecord, Outcome, Run
from contracts.topics import ACTIONS, HISTORY
from services.flows.catalogue import BaseInputs, StopRun, Tool
from services.flows.needs import Need
from services.flows.state.cells import Asked
from services.runtime.kafka import history
from services.tools.need_answers import Answerers, Unanswered, answer
from tests.support import batches


@dataclass(frozen=True, slots=True)
class Turn(Need[int]):
    """Whose turn it is."""

    name: str


@dataclass(frozen=True, slots=True)
class Letter(Need[str]):
    """A letter of the alphabet."""

    number: int


class Inputs(BaseInputs):
    """What the tool takes."""

    name: str


class Outputs(BaseModel):
    """What it gives."""

    phone: str


async def ask_twice(inputs: Inputs) -> Outputs:
    """Ask for a number, then for the letter with that number."""
    number = await Turn(inputs.name)
    return Outputs(phone=await Letter(number) + str(number))


async def ask_and_stop(inputs: Inputs) -> Outputs:
    """Ask, then end the run."""
    raise StopRun(f"it is the turn of {await Turn(inputs.name)}")


ASKING = Tool("ask.twice", "Asks twice.", Inputs, Outputs, ask_twice)
FLOW = f"""
flow: asking
description: A tool that needs the world.
on: {batches.TRIGGER}
steps:
  - id: asked
    tool: ask.twice
    with: {{ name: "${{ trigger.contact.name }}" }}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ phone: "${{ asked.phone }}" }} }}
"""


class World:
    """Answers from memory, and remembers how it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[Need[Any]]] = []

    async def turns(self, asks: Sequence[Asked]) -> Sequence[object]:
        """Each asker gets the next number."""
        self.asked.append([asked.need for asked in asks])
        return list(range(len(asks)))

    async def letters(self, asks: Sequence[Asked]) -> Sequence[object]:
        """The letter with that number."""
        self.asked.append([asked.need for asked in asks])
        return [chr(ord("a") + asked.need.number) for asked in asks if isinstance(asked.need, Letter)]

    def answerers(self) -> Answerers:
        """Both."""
        return {Turn: self.turns, Letter: self.letters}


def asks(*needs: Need[Any]) -> list[Asked]:
    """Needs of as many runs."""
    return [Asked("default", "asking", f"run {number}", "0", 0, need) for number, need in enumerate(needs)]


async def test_a_batch_asks_once_for_each_kind_and_each_run_gets_its_own_answers(tmp_path: Path) -> None:
    world = World()
    flows = batches.compiled(tmp_path, FLOW, tools={"ask.twice": ASKING})
    processor, published = batches.processor(flows, answer=world.answerers())
    await processor.events(batches.records(*(batches.event(number) for number in range(3))))
    assert [len(needs) for needs in world.asked] == [3, 3]
    made = [(request["run"]["event"]["id"], request["inputs"]["json"]["phone"]) for request in published.to(ACTIONS)]
    assert made == [("0", "a0"), ("1", "b1"), ("2", "c2")]


async def test_a_need_after_an_action_is_asked_too(tmp_path: Path) -> None:
    """The answer of the action is used once: the run that asks stands behind it."""
    text = FLOW.replace("steps:", "steps:" + batches.CALL)
    flows = batches.compiled(tmp_path, text, tools={"ask.twice": ASKING})
    processor, published = batches.processor(flows, answer=World().answerers())
    await processor.events(batches.records(batches.event(1)))
    (request,) = published.to(ACTIONS)
    await processor.runs([batches.reply(request, outputs={"status": 200})])
    assert published.to(ACTIONS)[1]["inputs"]["json"] == {"phone": "a0"}


async def test_the_end_of_a_run_tells_what_its_tools_were_told(tmp_path: Path) -> None:
    """Whichever service ends it, and however: on its way with its calls, dead of an expression, stopped by the tool."""
    texts = (
        FLOW,
        FLOW.replace("asking", "dying").replace("asked.phone }", "asked.phone[9] }"),
        FLOW.replace("asking", "stopping").replace("ask.twice", "ask.stop"),
    )
    stops = Tool("ask.stop", "Asks, and stops.", Inputs, Outputs, ask_and_stop)
    flows = batches.compiled(tmp_path, *texts, tools={"ask.twice": ASKING, "ask.stop": stops})
    processor, published = batches.processor(flows, answer=World().answerers())
    for _ in range(2):  # the second time as after a crash, when others ask for the first time
        await processor.events(batches.records(batches.event(1)))
    requests, ends = published.to(ACTIONS), published.to(HISTORY)
    asked = requests[0]["run"]["need_answers"]
    assert [one["step"] for one in asked] == ["0"]
    assert asked[0]["answers"][1] == "abc"[asked[0]["answers"][0]]
    by_flow = {end["flow"]: end for end in ends}
    assert by_flow["dying"]["outcome"] == "dead"
    assert len(by_flow["dying"]["need_answers"][0]["answers"]) == 2
    assert by_flow["stopping"]["outcome"] == "filtered"
    assert len(by_flow["stopping"]["need_answers"][0]["answers"]) == 1
    run = Run.model_validate(requests[0]["run"])
    ended = HistoryRecord.read(history.end_of_run(run, Outcome.DELIVERED).value)
    assert ended.need_answers == run.need_answers


async def test_a_run_without_state_carries_nothing_of_it(tmp_path: Path) -> None:
    """Nor does its end."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.events(batches.records(batches.event(1)))
    assert "need_answers" not in published.to(ACTIONS)[0]["run"]


async def test_a_need_that_nobody_answers_is_a_bug_of_that_run_only(tmp_path: Path) -> None:
    flows = batches.compiled(tmp_path, FLOW, tools={"ask.twice": ASKING})
    (tmp_path / "more").mkdir()
    flows += batches.compiled(tmp_path / "more", batches.ONE_CALL)
    processor, published = batches.processor(flows)
    await processor.events(batches.records(batches.event(1)))
    letter = DeadLetter.from_headers(published.outputs[0].headers or [])
    assert (letter.code, letter.flow) == (ErrorCode.BUG, "asking")
    assert "'Turn'" in letter.cause
    assert [request["run"]["flow"] for request in published.to(ACTIONS)] == ["one-call"]


async def test_answers_stand_where_their_needs_stood() -> None:
    needs = asks(Letter(0), Turn("x"), Letter(2))
    assert await answer(World().answerers(), needs) == ["a", 0, "c"]


async def test_a_broken_answerer_spoils_its_own_kind_only() -> None:
    async def broken(_asks: Sequence[Asked]) -> Sequence[object]:
        raise ZeroDivisionError

    async def short(_asks: Sequence[Asked]) -> Sequence[object]:
        return []

    world = World()
    first, second = await answer({Turn: broken, Letter: world.letters}, asks(Turn("x"), Letter(1)))
    assert isinstance(first, Unanswered)
    assert isinstance(first.error, ZeroDivisionError)
    assert second == "b"
    (missing,) = await answer({Turn: short}, asks(Turn("x")))
    assert isinstance(missing, Unanswered)
    assert "0 answers for 1 needs" in str(missing.error)


async def test_one_answerer_of_two_kinds_is_asked_once_and_may_fail_for_one_run_alone() -> None:
    seen: list[int] = []

    async def both(asked: Sequence[Asked]) -> Sequence[object]:
        seen.append(len(asked))
        return ["one", ValueError("no"), "three"]

    first, second, third = await answer({Turn: both, Letter: both}, asks(Letter(0), Turn("x"), Letter(2)))
    assert (seen, first, third) == ([3], "one", "three")
    assert isinstance(second, Unanswered)


async def test_who_asks_is_told_and_is_the_same_on_a_replay(tmp_path: Path) -> None:
    told: list[list[tuple[str, str, str, int]]] = []

    class Remembers(World):
        async def turns(self, asks: Sequence[Asked]) -> Sequence[object]:
            told.append([(one.account, one.flow, one.step, one.ordinal) for one in asks])
            return [0 for _ in asks]

        async def letters(self, asks: Sequence[Asked]) -> Sequence[object]:
            told.append([(one.account, one.flow, one.step, one.ordinal) for one in asks])
            return ["a" for _ in asks]

    flows = batches.compiled(tmp_path, FLOW, tools={"ask.twice": ASKING})
    for _ in range(2):
        processor, _published = batches.processor(flows, answer=Remembers().answerers())
        await processor.events(batches.records(batches.event(1)))
    assert told[:2] == [[("default", "asking", "0", 0)], [("default", "asking", "0", 1)]]
    assert told[2:] == told[:2]
