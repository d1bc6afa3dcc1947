"""What was found out, written into closum.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.cli.terminal import CommandError


def apply_to_file(changes: Mapping[str, Any], *, quiet: bool = False) -> Path | None:
    """Write them over what stands there, whose comments stay. A file that would then be wrong is left as it was."""
    from services.closum import writing  # noqa: PLC0415 - heavy, and only needed here
    from services.project.closum_facts import read  # noqa: PLC0415
    from services.project.errors import ProjectError  # noqa: PLC0415
    from services.project.places import file_to_write  # noqa: PLC0415

    file = file_to_write()
    if not changes:
        if not quiet:
            print(f"Nothing to write into {file}.")
        return None
    before = file.read_text(encoding="utf-8") if file.is_file() else None
    file.write_text(writing.merged(before or "", changes), encoding="utf-8")
    try:
        read(file)
    except ProjectError as error:
        if before is None:
            file.unlink()
        else:
            file.write_text(before, encoding="utf-8")
        raise CommandError(f"{file} is as it was: what was found does not fit it.\n{error}") from None
    if not quiet:
        print(f"Written: {file}. Restart the services, and run `flows check` and `flows test`.")
    return file
