"""`flows dev` and its files: what is saved is checked and deployed at once."""

from __future__ import annotations

from pathlib import Path

from services.cli.deployments import deployed
from services.cli.stack.stack import StackPlan
from services.cli.terminal import CommandError
from services.flows.load import SUFFIXES
from services.flows.lookup_tables import SUFFIX as TABLE
from services.project.errors import ProjectError


class Watch:
    """Whether flows of a folder, or tables beside them, were changed, made or removed since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()

    def changed(self) -> bool:
        """Look again."""
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _look(self) -> dict[Path, tuple[int, int]]:
        one = self._path.is_file()
        files = [self._path, *self._path.parent.rglob(f"*{TABLE}")] if one else self._path.rglob("*")
        found: dict[Path, tuple[int, int]] = {}
        for file in files:
            if file.suffix in (*SUFFIXES, TABLE):
                try:
                    state = file.stat()
                except OSError:  # removed at this moment
                    continue
                found[file] = (state.st_mtime_ns, state.st_size)
        return found


def redeployed(plan: StackPlan, url: str) -> str:
    """Deploy the flows again; what to tell of it."""
    try:
        return f"Deployed: {deployed([plan.flows], plan.connections, url, alone=plan.alone)}."
    except (CommandError, ProjectError) as error:
        return f"Not deployed, what ran before runs on. {error}"
