"""`flows rollback`: what ran before runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError

if TYPE_CHECKING:
    import asyncpg

    from services.tools.deployed.deployment_tables import Deployment

command = declare("rollback", OPERATE)


@command.default
def roll_back(
    number: Annotated[int | None, Parameter(name="NUMBER")] = None,
    *,
    why: str = "",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Make an earlier deployment current again, whole. It gets a new number: history is never changed.

    Parameters
    ----------
    number:
        The deployment to go back to, from `flows list --history`. Default: the one before the current one.
    why:
        A word on why.
    as_json:
        Print the deployment as a JSON object.
    """
    from services.cli import deployments  # noqa: PLC0415
    from services.cli.database import ask  # noqa: PLC0415 - heavy, and only needed here
    from services.runtime.tables import audit  # noqa: PLC0415
    from services.tools.deployed import deployment_tables  # noqa: PLC0415

    async def work(connection: asyncpg.Connection) -> tuple[Deployment, Deployment]:
        before = await deployment_tables.current(connection)
        wanted = before.number - 1 if number is None else number
        target = await deployment_tables.numbered(connection, wanted)
        if target is None:
            raise CommandError(f"there is no deployment {wanted}. `flows list --history` shows them")
        versions = await deployment_tables.versions(connection, target.flows.items())
        reason = why or f"back to {target.number}"
        return before, await deployment_tables.deploy(
            connection,
            deployments.back_to(target, versions),
            audit.direct(),
            reason,
            action=deployment_tables.ROLLED_BACK,
            triggers=target.triggers,
        )

    deployments.tell(*ask(work), as_json=as_json)
