"""Needs: what tools ask of the world is collected over a batch and answered once a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS
from services.flows.catalogue import Tool
from services.flows.needs import Need
from services.tools.answerers import Answerers, Unanswered, answer
from tests.support import batches


@dataclass(frozen=True, slots=True)
class Turn(Need[int]):
    """Whose turn it is."""

    name: str


@dataclass(frozen=True, slots=True)
class Letter(Need[str]):
    """A letter of the alphabet."""

    number: int


class Inputs(BaseModel):
    """What the tool takes."""

    name: str


class Outputs(BaseModel):
    """What it gives."""

    phone: str


async def ask_twice(inputs: Inputs) -> Outputs:
    """Ask for a number, then for the letter with that number."""
    number = await Turn(inputs.name)
    return Outputs(phone=await Letter(number) + str(number))


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

    async def turns(self, needs: Sequence[Need[Any]]) -> Sequence[object]:
        """Each asker gets the next number."""
        self.asked.append(list(needs))
        return list(range(len(needs)))

    async def letters(self, needs: Sequence[Need[Any]]) -> Sequence[object]:
        """The letter with that number."""
        self.asked.append(list(needs))
        return [chr(ord("a") + need.number) for need in needs if isinstance(need, Letter)]

    def answerers(self) -> Answerers:
        """Both."""
        return {Turn: self.turns, Letter: self.letters}


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
    needs: list[Need[Any]] = [Letter(0), Turn("x"), Letter(2)]
    assert await answer(World().answerers(), needs) == ["a", 0, "c"]


async def test_a_broken_answerer_spoils_its_own_kind_only() -> None:
    async def broken(_needs: Sequence[Need[Any]]) -> Sequence[object]:
        raise ZeroDivisionError

    async def short(_needs: Sequence[Need[Any]]) -> Sequence[object]:
        return []

    world = World()
    first, second = await answer({Turn: broken, Letter: world.letters}, [Turn("x"), Letter(1)])
    assert isinstance(first, Unanswered)
    assert isinstance(first.error, ZeroDivisionError)
    assert second == "b"
    (missing,) = await answer({Turn: short}, [Turn("x")])
    assert isinstance(missing, Unanswered)
    assert "0 answers for 1 needs" in str(missing.error)
