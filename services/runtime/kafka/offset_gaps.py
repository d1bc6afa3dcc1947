"""Offsets of which no record comes, told in their place in the partition: what follows may be committed past them.

Two kinds: nothing is there to be read (marks of transactions, what an aborted one wrote), or nobody can read it.
"""

from __future__ import annotations

from typing import Self


class Gap(bytes):
    """The value of a record that stands for a gap; no producer can send one. The record's own offset is its last.

    `first`: its first offset. `cause`: why what is there cannot be read, for a person; None: nothing is there.
    """

    first: int
    cause: str | None

    def __new__(cls, first: int, cause: str | None = None) -> Self:
        """Empty bytes, whoever looks at the value alone."""
        made = super().__new__(cls)
        made.first, made.cause = first, cause
        return made


def empty(value: bytes | None) -> bool:
    """Whether a record stands for a gap in which nothing is there: pass over it, and commit past it."""
    return isinstance(value, Gap) and value.cause is None


def unreadable(value: bytes | None) -> Gap | None:
    """The gap, when a record stands for what nobody can read: a dead letter tells of it, by reference."""
    return value if isinstance(value, Gap) and value.cause is not None else None
