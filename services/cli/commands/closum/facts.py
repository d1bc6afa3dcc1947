"""`flows closum facts`: all that is known of Closum, as a closum.yaml."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter

from services.cli.commands.closum import command

Json = Annotated[bool, Parameter(name="--json", negative="")]


@command.command(name="facts")
def show_facts(*, as_json: Json = False) -> None:
    """Every fact with its default, as a whole closum.yaml: what this account's file says, else what is assumed.

    Each row says where it is known from: confirmed, documented, inferred or assumed. Write into closum.yaml, beside the
    connections file, only what is other.

    Parameters
    ----------
    as_json:
        Print JSON instead of YAML.
    """
    from services.closum import writing  # noqa: PLC0415 - heavy, and only needed here
    from services.project.closum_facts import all_facts  # noqa: PLC0415

    found = all_facts()
    print(json.dumps(found, ensure_ascii=False, indent=2) if as_json else writing.text_of(found), end="")
