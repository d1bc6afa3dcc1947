"""`flows rotation list|show`: who takes turns, who is away, and whether everybody got its share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter

from services.cli import database, times
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError, console, show
from services.flows.durations import DurationError, parse_duration
from services.runtime.tables import audit
from services.tools.state.rotation_absences import Rotation, rotations, switch

LIST = ("rotation", "members", "away", "turns")
MEMBERS = ("member", "turns", "exact_share", "difference", "away")
Json = Annotated[bool, Parameter(name="--json", negative="")]
Members = Annotated[tuple[str, ...], Parameter(negative="")]
command = declare("rotation", OPERATE, "Round robin: who takes turns, who is away, whether everybody got its share.")


@command.command(name="list")
def list_rotations(
    name: Annotated[str | None, Parameter(name="NAME")] = None,
    *,
    away: Members = (),
    back: Members = (),
    for_: Annotated[str | None, Parameter(name="--for")] = None,
    account: str = "default",
    as_json: Json = False,
) -> None:
    """The rotations, or the members of one. With --away or --back: put members away, or back.

    Parameters
    ----------
    name:
        A rotation: the `list` of a `round_robin` step.
    away:
        Who gets no turns from now on; several: --away ana --away rui.
    back:
        Who gets turns again.
    for_:
        With --away, for how long: 3d, 8h. Without it, until --back.
    account:
        Whose rotations.
    as_json:
        Print a JSON array.
    """
    if not away and not back:
        if for_ is not None:
            raise CommandError("--for says for how long somebody is away: give --away NAME too", 2)
        found = database.ask(lambda connection: rotations(connection, account, name))
        if name is None:
            show([_row(one) for one in found], LIST, as_json=as_json, empty="No `round_robin` step has run yet.")
        else:
            _members(found, name, as_json=as_json)
        return
    if name is None:
        raise CommandError("say which rotation: flows rotation list NAME --away ana", 2)
    seconds = None if for_ is None else _seconds(for_)
    changed = database.ask(
        lambda connection: switch(
            connection, account, name, away=away, back=back, for_seconds=seconds, who=audit.direct()
        )
    )
    _members([changed], name, as_json=as_json)


@command.command(name="show")
def show_rotation(
    name: Annotated[str, Parameter(name="NAME")], *, account: str = "default", as_json: Json = False
) -> None:
    """Each member of a rotation: its turns, its exact share, the difference. Within a round of it, all is well.

    Parameters
    ----------
    name:
        The `list` of a `round_robin` step.
    account:
        Whose rotation.
    as_json:
        Print a JSON array.
    """
    _members(database.ask(lambda connection: rotations(connection, account, name)), name, as_json=as_json)


def _members(found: list[Rotation], name: str, *, as_json: bool) -> None:
    if not found:
        raise CommandError(f"there is no rotation {name!r} yet. `flows rotation list` shows what there is")
    rows = found[0].members
    show(rows if as_json else [_told(row) for row in rows], MEMBERS, as_json=as_json, empty="It has no members yet.")
    if not as_json:
        turns = found[0].state["turns"]
        told = "1 turn" if turns == 1 else f"{turns} turns"
        console().print(f"{told} so far; a sticky key that keeps who it has takes none.")


def _row(one: Rotation) -> dict[str, Any]:
    away = [member["member"] for member in one.members if member["away"]]
    names = [member["member"] for member in one.members]
    return {"rotation": one.name, "members": names, "away": away, "turns": one.state["turns"]}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    until = row["away_until"]
    away = (
        ""
        if not row["away"]
        else "away"
        if until is None
        else f"until {times.clock(datetime.fromtimestamp(until, UTC))}"
    )
    return {**row, "away": away}


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except DurationError as error:
        raise CommandError(f"--for {error}", 2) from None
