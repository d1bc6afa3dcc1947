"""What tools were told is kept in their run: in order, once a step, and bounded."""

from __future__ import annotations

from pydantic import BaseModel

from contracts.runs import NeedAnswers
from services.flows.need_answers import MOST_BYTES, with_answers


class Told(BaseModel):
    """An answer as state gives it."""

    value: str


def test_answers_stand_by_their_step_in_the_order_of_questions() -> None:
    """Those of a step that is done anew, as after a pause, take the place of the earlier ones."""
    first = with_answers(None, "0", [Told(value="ana")])
    again = with_answers(first, "1[2].do.0", [3])
    again = with_answers(again, "1[2].do.0", [3, None, "x"])
    assert again == (
        NeedAnswers(step="0", answers=[{"value": "ana"}]),
        NeedAnswers(step="1[2].do.0", answers=[3, None, "x"]),
    )


def test_what_is_too_much_is_told_as_left_out() -> None:
    """Of one step, or of all together; what fits behind it is kept."""
    half = "x" * (MOST_BYTES // 2)
    known = with_answers(None, "0", [half])
    known = with_answers(known, "1", [half])
    known = with_answers(known, "2", ["y"])
    assert [one.answers for one in known] == [[half], None, ["y"]]
    assert with_answers(None, "0", [half * 3]) == (NeedAnswers(step="0"),)
    assert b"answers" not in NeedAnswers(step="0").to_bytes()
