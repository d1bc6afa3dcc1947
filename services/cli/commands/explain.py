"""`flows explain`: what a flow does, as text or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from services.cli.command import WRITE, declare
from services.cli.terminal import CommandError

command = declare("explain", WRITE)


@command.default
def explain_flow(
    file: Annotated[Path, Parameter(name="FILE")],
    *,
    output: Annotated[Literal["text", "mermaid", "svg"], Parameter(name="--format")] = "text",
    flow: str | None = None,
) -> None:
    """What the flow of a file does: as text, as a Mermaid diagram, as an SVG picture.

    `flows explain FILE --format svg > flow.svg` makes a file for a browser; Mermaid is drawn by GitHub, GitLab and
    many wikis. What becomes of a call of unknown outcome is told by the connections of FLOWS_CONNECTIONS_FILE, of
    flows.yaml or of this project's `flows dev`.

    Parameters
    ----------
    file:
        A flow file.
    output:
        text for the terminal; mermaid or svg for a picture.
    flow:
        The flow's name, where the file holds several.
    """
    from services.flows.explain.mermaid import as_mermaid  # noqa: PLC0415 - heavy, and only needed here
    from services.flows.explain.outline import outline  # noqa: PLC0415
    from services.flows.explain.svg import as_svg  # noqa: PLC0415
    from services.flows.explain.text import as_text  # noqa: PLC0415
    from services.flows.load import load_paths  # noqa: PLC0415
    from services.project.catalogue import catalogue  # noqa: PLC0415
    from services.project.connections_file import known_declarations  # noqa: PLC0415

    sources, faults = load_paths([file])
    if faults:
        raise CommandError("\n".join(map(str, faults)))
    chosen = [source for source in sources if flow is None or source.name == flow]
    if len(chosen) != 1:
        names = ", ".join(source.name for source in sources)
        raise CommandError(f"name one flow of {str(file)!r} with --flow: {names}")
    forms = {"text": as_text, "mermaid": as_mermaid, "svg": as_svg}
    print(forms[output](outline(chosen[0].flow, catalogue([file]), known_declarations())), end="")
