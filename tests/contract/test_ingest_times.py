"""When something happened, by the source's time: read as it is meant, or seen not to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.triggers.payload import NO_TIME
from services.ingest.sources.document import SourcesError
from services.ingest.sources.load import load
from services.runtime import metrics
from tests.support.ingest import TOKEN, application, client

FILE = """\
sources:
  one: {{ schema: {{ type: object }}, time: [ /at, /sent ], {more} token: {{ env: HOOK }} }}
"""
TEN = "2026-03-02T09:30:00Z"
CASES: list[tuple[str, dict[str, Any], str | None]] = [
    ("", {"at": "20260302093000"}, TEN),
    ("", {"at": "Mon, 02 Mar 2026 09:30:00 +0000"}, TEN),
    ("", {"at": "02/03/2026", "sent": 1772443800}, TEN),
    ("", {"at": "02/03/2026 09:30"}, None),
    ('time_format: "%d/%m/%Y %H:%M",', {"at": "02/03/2026 09:30"}, TEN),
    ('time_format: "%m/%d/%Y %H:%M",', {"at": "03/02/2026 09:30"}, TEN),
    ('time_format: "%d/%m/%Y %H:%M",', {"at": TEN}, None),
]


@pytest.mark.parametrize(("more", "body", "at"), CASES)
async def test_a_time_is_what_it_says_or_counted(
    tmp_path: Path, more: str, body: dict[str, Any], at: str | None
) -> None:
    """What cannot be read counts, by source and field: it happened when it came, and a person sees that."""
    (tmp_path / "sources.yaml").write_text(FILE.format(more=more))
    app, kafka = application(load(tmp_path / "sources.yaml", {"HOOK": TOKEN}))
    unread = metrics.FIELDS_OTHERWISE.labels("one", "/at", NO_TIME)
    before = unread._value.get()
    async with client(app) as http:
        assert (await http.post(f"/v1/hooks/one/{TOKEN}", json=body)).status_code == 202
    [(_, event)] = kafka.records
    assert unread._value.get() - before == (at is None)
    assert (event["time"].replace("+00:00", "Z") == TEN) == (at is not None)


@pytest.mark.parametrize("form", ["%H:%M", "nonsense", "%Q"])
def test_a_format_without_a_day_is_refused(tmp_path: Path, form: str) -> None:
    """With its place."""
    (tmp_path / "sources.yaml").write_text(FILE.format(more=f'time_format: "{form}",'))
    with pytest.raises(SourcesError, match="is no format of a time with its day"):
        load(tmp_path / "sources.yaml", {"HOOK": TOKEN})
