"""Where a project is, and what stands in it without being named.

`flows.yaml` marks its root and is found upward from where a command runs. It may be empty; its keys say where flows,
sources files and connections stand when they are not in their usual places. Without it the root is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.flows.load import PROJECT_FILE, is_project
from services.project.errors import ProjectError
from services.runtime.documents import yaml_file
from services.runtime.documents.form_faults import faults_of
from services.runtime.documents.yaml_file import FileError

FLOWS = ("flows", "examples")
SOURCES = ("sources.yaml", "sources")
HIDDEN = ".flows"


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Paths = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_several)]


class ProjectForm(BaseModel):
    """The keys of `flows.yaml`. Paths are below its folder."""

    model_config = ConfigDict(extra="forbid")

    flows: str | None = Field(
        default=None, min_length=1, description="the folder of flows. Default: `flows`, or `examples`"
    )
    sources: Paths | None = Field(
        default=None,
        description="sources files, or folders of them: one or a list. Default: `sources.yaml` and `sources`",
    )
    vars: dict[str, Any] | None = Field(
        default=None, description="what is another value in another deployment; services/flows/vars.py reads it"
    )
    connections: str | None = Field(
        default=None, min_length=1, description="the connections file. FLOWS_CONNECTIONS_FILE goes before it"
    )
    closum: str | None = Field(
        default=None,
        min_length=1,
        description="what is other in Closum than assumed. Default: `closum.yaml` beside the connections file, or here."
        " FLOWS_CLOSUM_FILE goes before it",
    )


@dataclass(frozen=True, slots=True)
class Project:
    """What stands where. Paths that are in no `flows.yaml` may not be there."""

    folder: Path
    flows: Path | None
    sources: tuple[Path, ...]
    connections: Path | None = None
    closum: Path | None = None

    @property
    def local(self) -> Path:
        """`.flows`: what `flows dev` keeps, for this machine alone."""
        return self.folder / HIDDEN


def project() -> Project:
    """The project that the present folder is in. Raises ProjectError when its `flows.yaml` is wrong."""
    here = Path()
    # As short as can be: paths are shown to people.
    steps = [here, *(Path(*[".."] * up) for up in range(1, len(Path.cwd().parts)))]
    folder = next((step for step in steps if is_project(step / PROJECT_FILE)), None)
    if folder is None:
        return Project(here, _usual(here), tuple(here / name for name in SOURCES))
    form = _read(folder / PROJECT_FILE)
    return Project(
        folder,
        _usual(folder) if form.flows is None else folder / form.flows,
        tuple(folder / path for path in (SOURCES if form.sources is None else form.sources)),
        None if form.connections is None else folder / form.connections,
        None if form.closum is None else folder / form.closum,
    )


def flow_paths(named: Sequence[Path] | None) -> list[Path]:
    """What a command that takes flows is to look at: what was named, else the project's. Raises ProjectError."""
    if named:
        return list(named)
    if (found := project().flows) is not None:
        return [found]
    raise ProjectError("there is no folder flows/ here, and no flows.yaml that names one: name a PATH")


def _usual(folder: Path) -> Path | None:
    """The first of FLOWS that is there."""
    return next((folder / name for name in FLOWS if (folder / name).is_dir()), None)


def _read(file: Path) -> ProjectForm:
    try:
        read = yaml_file.read(file)
    except FileError as error:
        raise ProjectError(f"{file}:{error.line}:{error.col}: {error}") from None
    try:
        return ProjectForm.model_validate(read.content() or {})
    except ValidationError as error:
        found = faults_of(file, read, error, ProjectForm.model_fields)
        raise ProjectError("\n".join(f"{one.file}:{one.line}:{one.col}: {one.text}" for one in found)) from None
