"""`closum.yaml`: what is other in this account than we assume, and since when that is known."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.triggers.registry import TRIGGERS
from services.closum.endpoint import Endpoint
from services.closum.facts_form import ActionRow, AnswerRow, FactsFile, KeyRow, Part, RateRow, WebhookRow, unfit
from services.closum.shapes import ActionShape
from services.closum.webhook_reading import corrected, unfit_webhook
from services.runtime.documents import yaml_file
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.form_faults import faults_of, words
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_file import FileError, YamlFile
from services.runtime.settings import SettingsError

NAME = "closum.yaml"
VARIABLE = "FLOWS_CLOSUM_FILE"
WEBHOOKS = tuple(name for name in TRIGGERS if name.startswith("closum."))
"""The triggers whose form is Closum's own."""


class FactsError(SettingsError):
    """The file is wrong. `faults` are all its mistakes, the text has one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(f"{one.file}:{one.line}:{one.col}: {one.text}" for one in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says; without one: nothing."""

    connections: frozenset[str] = frozenset({"closum"})
    key: KeyRow | None = None
    limits: RateRow | None = None
    answers: AnswerRow = field(default_factory=AnswerRow)
    actions: Mapping[str, ActionRow] = field(default_factory=dict)
    webhooks: Mapping[str, WebhookRow] = field(default_factory=dict)

    def endpoint(self, name: str, declared: Endpoint) -> Endpoint:
        """The row of an action."""
        row, own = self.answers.over(declared), self.actions.get(name)
        return row if own is None else own.over(row, own.known, own.by or "", str(own.on or ""))

    def rows(self, declared: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
        """Those that are other than declared."""
        found = {name: self.endpoint(name, row) for name, row in declared.items()}
        return {name: row for name, row in found.items() if row != declared[name]}

    def trigger(self, model: Any) -> Any:  # noqa: ANN401 - a class of payloads, the same kind as came
        """The model that reads what this account's webhook sends."""
        row = self.webhooks.get(model.trigger)
        return model if row is None or not row.says else corrected(model, row)

    def items(self, trigger: str) -> str | None:
        """Where the events of a batch stand; None: one a request."""
        row = self.webhooks.get(trigger)
        return None if row is None else row.items


NOTHING = Facts()


def beside(file: Path | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """The file of facts: FLOWS_CLOSUM_FILE, else `closum.yaml` beside this one, where there is one."""
    if named := (os.environ if environ is None else environ).get(VARIABLE):
        return Path(named)
    if file is None:
        return None
    found = file.parent / NAME
    return found if found.is_file() else None


def load(path: Path | None, shapes: Mapping[str, ActionShape] | None = None) -> Facts:
    """Read the file; no file: nothing. `shapes`: of the actions, where they are known. Raises FactsError."""
    if path is None:
        return NOTHING
    try:
        file = yaml_file.read(path)
    except FileError as error:
        raise FactsError([Fault(str(path), error.line, error.col, error.code, str(error))]) from None
    try:
        form = FactsFile.model_validate(file.content() or {})
    except ValidationError as error:
        raise FactsError(faults_of(path, file, error, words(Part))) from None
    if faults := _unfit(path, file, form, shapes):
        raise FactsError(faults)
    return Facts(frozenset(form.connections), form.key, form.limits, form.answers, form.actions, form.webhooks)


def _unfit(path: Path, file: YamlFile, form: FactsFile, shapes: Mapping[str, ActionShape] | None) -> list[Fault]:
    faults = []

    def fault(where: tuple[str, ...], text: str, *, key: bool = True) -> None:
        line, col = file.location(where, key=key)
        faults.append(Fault(str(path), line, col, FaultCode.VALUE_INVALID, f"{'.'.join(where)}: {text}"))

    for name, row in form.actions.items() if shapes is not None else ():
        shape = (shapes or {}).get(name)
        if shape is None:
            fault(("actions", name), f"no action of Closum has this name; {suggestion(name, shapes or ())}")
            continue
        for where, text in unfit(row, shape.inputs, shape.outputs):
            fault(("actions", name, *where), text, key=where[0] != "path")
    for name, hook in form.webhooks.items():
        if name not in WEBHOOKS:
            fault(("webhooks", name), f"no trigger of Closum has this name; {suggestion(name, WEBHOOKS)}")
            continue
        for where, text in unfit_webhook(TRIGGERS[name], hook):
            fault(("webhooks", name, *where), text)
    return faults
