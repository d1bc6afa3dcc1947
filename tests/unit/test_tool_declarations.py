"""A tool's declaration is checked when its file is read, and all its mistakes are told at once."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, field_validator
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Example, tool


class Inputs(BaseInputs):
    """What it takes."""

    number: int = Field(ge=0)


class Outputs(BaseModel):
    """What it gives."""

    double: int


async def double(inputs: Inputs) -> Outputs:
    """Double a number."""
    return Outputs(double=inputs.number * 2)


def test_examples_stand_in_the_declaration() -> None:
    """And the name alone is enough for a tool."""
    shown = Example("two", {"number": 2}, {"double": 4})
    assert tool("double", examples=[shown])(double).examples == (shown,)
    assert tool("double")(double).examples == ()


def test_all_mistakes_of_all_examples_are_told() -> None:
    """Each with its example: an unknown name, an input that the types do not allow, an output that is not declared."""
    with pytest.raises(TypeError) as caught:
        tool("double", examples=[Example("a", {"numbr": 1}, {}), Example("b", {"number": -1}, {"tripel": 3})])(double)
    told = str(caught.value)
    assert told.startswith("tool 'double': ")
    for part in (
        "example 'a': no input 'numbr'",
        "example 'a': input 'number': Field required",
        "example 'b': no output 'tripel'",
        "example 'b': input 'number': Input should be greater than or equal to 0",
    ):
        assert part in told


def declared_with(inputs: type[BaseModel]) -> None:
    """Declare a tool with these inputs."""
    namespace: dict[str, object] = {"Inputs": inputs, "Outputs": Outputs}
    exec("async def own(inputs):\n    'Do it.'", namespace)  # noqa: S102 - a file of its own
    tool("own")(namespace["own"])  # type: ignore[arg-type]


def test_a_method_that_nobody_would_call_is_refused() -> None:
    """A misspelled rule would never be asked: the right name is told. Validators and private helpers are no rules."""

    class Misspelled(BaseInputs):
        number: int = 0

        def hopless(self) -> None: ...

        @property
        def helper(self) -> int:
            return self.number

    class Right(BaseInputs):
        number: int = 0

        @field_validator("number")
        @classmethod
        def even(cls, value: int) -> int:
            return value

        @override
        def hopeless(self) -> None:
            self._helper()

        def _helper(self) -> None: ...

    class Inherited(Misspelled):
        pass

    for model in (Misspelled, Inherited):
        with pytest.raises(
            TypeError, match=r"nobody calls 'hopless' of `Misspelled`: did you mean 'hopeless'\?.*'helper'"
        ):
            declared_with(model)
    declared_with(Right)


def test_an_input_never_hides_a_rule() -> None:
    """Nor are inputs inputs that are on no base of rules."""
    with pytest.warns(UserWarning, match="shadows"):

        class Hiding(BaseInputs):
            guarantee: str = ""  # type: ignore[assignment]

    with pytest.raises(TypeError, match="the input 'guarantee' hides the rule"):
        declared_with(Hiding)
    with pytest.raises(TypeError, match="no model `Inputs` on BaseInputs"):
        declared_with(Outputs)
