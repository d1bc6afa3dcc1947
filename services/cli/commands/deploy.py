"""`flows deploy`: flows into the database, where workers take them up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from services.cli.command import OPERATE, declare

if TYPE_CHECKING:
    import asyncpg

    from services.tools.deployed.deployment_tables import Deployment

command = declare("deploy", OPERATE)


@command.default
def deploy_flows(
    paths: Annotated[list[Path] | None, Parameter(name="PATH", consume_multiple=True)] = None,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    connections: Path | None = None,
    vars_: Annotated[Path | None, Parameter(name="--vars")] = None,
    why: str = "",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Deploy flows: all of them or none. Workers run them within 2 seconds, without a restart.

    Flows of these names are added or replaced; others that run stay. The whole set is checked as it will be: with a
    mistake nothing changes, and what runs runs on. Runs that have begun end on the version that they began on, however
    long they wait. The same content again changes nothing. `flows rollback` goes back.

    Parameters
    ----------
    paths:
        Flow files, or folders of them. Default: the flows of the project (flows.yaml, else flows/).
    all_:
        These are all flows: withdraw every other one.
    connections:
        The connections file of services/actions: then the connections that flows name are checked too. Default: the one
        in flows.yaml.
    vars_:
        A file with the values of `vars` of flows.yaml, such as production.yaml. They belong to the flows' versions:
        other values are another deployment. Default: FLOWS_VAR_… and the file of FLOWS_VARS_FILE.
    why:
        A word on why, for `flows list --history`.
    as_json:
        Print the deployment as a JSON object.
    """
    from services.cli import deployments  # noqa: PLC0415
    from services.cli.database import ask  # noqa: PLC0415
    from services.project.connections_file import connection_names  # noqa: PLC0415 - heavy, and only needed here
    from services.project.root import flow_paths, project  # noqa: PLC0415
    from services.runtime.tables import audit  # noqa: PLC0415
    from services.tools.deployed import deployment_tables  # noqa: PLC0415

    connections = connections or project().connections
    names = connection_names(connections) if connections else None
    found = flow_paths(paths)
    change = deployments.from_paths(found, names, alone=all_, vars_file=vars_)
    triggers = deployments.declared_by(found)

    async def work(connection: asyncpg.Connection) -> tuple[Deployment, Deployment]:
        before = await deployment_tables.current(connection)
        return before, await deployment_tables.deploy(connection, change, audit.direct(), why, triggers=triggers)

    deployments.tell(*ask(work), as_json=as_json)
