"""What a worker runs: the current deployment, taken up while it works, and older versions for their runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

import asyncpg

from contracts.triggers.payload import Payload
from services.flows.catalogue import Tool
from services.flows.compiled import CompiledFlow
from services.flows.declared_triggers import DeclarationError, read_declaration
from services.flows.index import FlowIndex
from services.flows.waiting import WaitMatch
from services.runtime import database, logging
from services.tools.deployed import deployment_tables
from services.tools.deployed.compiling import UnloadableError, compiled

log = logging.get("deployed")
POLL_SECONDS = 0.5


class NothingRunsError(OSError):
    """There is no deployment that can run here. An OSError, as it is waited for like a part that is not there yet."""


class DeployedFlows:
    """The flows of the database. Reading a flow from it is a look-up; only `fetch` and `take_up` ask PostgreSQL.

    A set that cannot run here is refused whole: the one before runs on, and `healthy` says so.
    """

    def __init__(
        self, pool: asyncpg.Pool, tools: Mapping[str, Tool], on_wait: Callable[[], object] = lambda: None
    ) -> None:
        self._pool = pool
        self._on_wait = on_wait
        self._tools = tools
        self._index = FlowIndex([])
        self._waited = FlowIndex([])
        self._known: dict[tuple[str, str], CompiledFlow] = {}
        self._unloadable: dict[tuple[str, str], str] = {}
        self._number = 0
        self._runs = ""
        self._earlier: dict[str, FlowIndex] = {}
        self._refused = ""

    @property
    def deployment(self) -> str:
        """The number of the deployment that runs."""
        return self._runs

    def for_trigger(self, type_: str, deployment: str) -> tuple[CompiledFlow, ...]:
        """The flows of a deployment that this type starts, if `recall` could have it; else the current ones."""
        return self._earlier.get(deployment, self._index).for_trigger(type_)

    def declared(self, type_: str) -> type[Payload] | None:
        """The model of a declared trigger, as the current flows were checked against it."""
        return self._index.declared(type_)

    async def recall(self, deployments: Collection[str]) -> None:
        """Make deployments ready that events began. Waits while PostgreSQL is away."""
        for one in deployments:
            if one not in self._earlier and one.isdecimal():
                await database.patiently("deployment", partial(self._recall, one), self._on_wait)

    async def _recall(self, number: str) -> None:
        deployment = await deployment_tables.numbered(self._pool, int(number))
        if deployment is not None:
            await self._fetch(deployment.flows.items())
            # One that cannot be had whole is none: an event must not be filtered for want of its flow.
            if all(pair in self._known for pair in deployment.flows.items()):
                self._keep(deployment)

    def matches(self, type_: str) -> tuple[WaitMatch, ...]:
        """How waits read the key of an event, also those of versions that are not current any more."""
        return self._waited.matches(type_)

    def current(self, name: str) -> str | None:
        """The version in which new runs of a flow begin, or None when there is no such flow."""
        return self._index.current(name)

    def version(self, name: str, version: str) -> CompiledFlow | None:
        """The flow of a run; None when `fetch` did not find it."""
        return self._known.get((name, version))

    def why_not(self, name: str, version: str) -> str:
        """Why there is no such version here, and what to do."""
        return self._unloadable.get(
            (name, version), f"version {version!r} of flow {name!r} was never deployed here: deploy it, then redrive"
        )

    async def fetch(self, wanted: Collection[tuple[str, str]]) -> None:
        """Load versions that runs began on. Waits while PostgreSQL is away."""
        await database.patiently("flow versions", lambda: self._fetch(wanted), self._on_wait)

    async def _fetch(self, wanted: Iterable[tuple[str, str]]) -> None:
        missing = {pair for pair in wanted if pair not in self._known and pair not in self._unloadable}
        if not missing:
            return
        for version in await deployment_tables.versions(self._pool, missing):
            self._add(version)

    async def take_up(self) -> bool:
        """Run the newest deployment if it is not the one that runs; answer whether it changed.

        Raises one of `database.FAULTS` while PostgreSQL is away.
        """
        if await deployment_tables.current_number(self._pool) == self._number:
            return False
        deployment = await deployment_tables.current(self._pool)
        await self._fetch([*deployment.flows.items(), *await deployment_tables.matching(self._pool)])
        self._number = deployment.number
        wrong = [self.why_not(*pair) for pair in deployment.flows.items() if pair not in self._known]
        try:
            declared = {name: read_declaration(name, told) for name, told in deployment.triggers.items()}
        except DeclarationError as error:
            wrong.append(f"a declared trigger {error} in this version of closum-flows")
        self._refused = "; ".join(wrong)
        if wrong:
            log.error("deployment.refused", deployment=deployment.number, cause=self._refused)
            return False
        self._index = self._keep(deployment, declared)
        self._runs = str(deployment.number)
        self._waited = FlowIndex(flow for flow in self._known.values() if flow.matches)
        log.info("deployment.taken_up", deployment=deployment.number, flows=len(self._index))
        return True

    async def start(self) -> None:
        """Run the newest deployment. Raises NothingRunsError when there is none, or none that can run here.

        Without one no event may be taken: it would be filtered as one that no flow is for.
        """
        try:
            await self.take_up()
        except asyncpg.UndefinedTableError:
            raise NothingRunsError("the tables are missing: flows db migrate") from None
        if not len(self._index):
            raise NothingRunsError(self._refused or "no flow is deployed yet: flows deploy PATH")

    async def healthy(self) -> None:
        """Raise RuntimeError when the newest deployment was refused."""
        if self._refused:
            raise RuntimeError(f"deployment {self._number} cannot run here, the one before runs on: {self._refused}")

    async def follow(self) -> None:
        """Take up each deployment within a second, for ever."""
        while True:
            await database.patiently("deployments", self.take_up)
            await asyncio.sleep(POLL_SECONDS)

    def _keep(
        self, deployment: deployment_tables.Deployment, declared: Mapping[str, type[Payload]] | None = None
    ) -> FlowIndex:
        """The flows of a deployment that can run here, kept for replays of events that began them."""
        # In the order of names: each worker starts the flows of an event in the same order.
        pairs = sorted(deployment.flows.items())
        index = FlowIndex((self._known[pair] for pair in pairs if pair in self._known), declared)
        self._earlier[str(deployment.number)] = index
        return index

    def _add(self, version: deployment_tables.FlowVersion) -> None:
        pair = (version.name, version.version)
        try:
            self._known[pair] = compiled(version, self._tools)
        except UnloadableError as error:
            self._unloadable[pair] = str(error)
