"""Values that come with an event: before the first run they stand as UNKNOWN among those that stand in the flow."""

from __future__ import annotations

from typing import NoReturn, TypeVar

T = TypeVar("T")


class UnknownError(Exception):
    """A rule depends on a value that is not known yet."""


class UnknownValue:
    """Stands for a value that comes with an event. It is there; what it is cannot be asked."""

    def _asked(self, *_: object) -> NoReturn:
        raise UnknownError

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __getattr__ = __str__ = __repr__ = _asked
    __eq__ = __hash__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __int__ = __float__ = __call__ = _asked


UNKNOWN = UnknownValue()


class BeginsWith(UnknownValue):
    """The same, of a text whose beginning stands in the flow."""

    def __init__(self, start: str) -> None:
        self.start = start


def known(value: T) -> T:
    """The value, for a library that would not ask it but refuse it by its type. Raises UnknownError for UNKNOWN."""
    if isinstance(value, UnknownValue):
        raise UnknownError
    return value


class PartlyKnown(dict[str, object]):
    """An object that is known in part: its fields are read as those of the model that it will be."""

    def __getattr__(self, name: str) -> object:
        """The field of this name. Raises UnknownError for what the flow leaves out: what it is then, the model says."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise UnknownError from None
