"""Forms under a schema: texts are brought to what is declared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.commands import sources
from services.ingest.sources.load import load
from tests.support.ingest import TOKEN, Recorder, application, client

FILE = """\
sources:
  form:
    schema:
      type: object
      properties:
        age: { type: integer }
        price: { type: number }
        news: { type: boolean }
        zip: { type: string }
        boxes: { type: array, items: { type: string } }
        sizes: { type: array, items: { type: integer } }
        company: { type: object, properties: { people: { type: integer } } }
        maybe: { type: [ integer, "null" ] }
    from_query: true
    token: { env: HOOK }
"""
Ingest = tuple[httpx.AsyncClient, Recorder]
RIGHT = [
    ("age=12&price=19.90&news=on&zip=01000", {"age": 12, "price": 19.9, "news": True, "zip": "01000"}),
    ("price=20&news=false&age=+7", {"price": 20.0, "news": False, "age": 7}),
    ("boxes=red", {"boxes": ["red"]}),
    ("boxes=red&boxes=blue&sizes[]=38", {"boxes": ["red", "blue"], "sizes": [38]}),
    ("sizes=38", {"sizes": [38]}),
    ("company[people]=40&maybe=&more=1", {"company": {"people": 40}, "maybe": None, "more": "1"}),
]


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[Ingest]:
    """A client and what Kafka got."""
    (tmp_path / "sources.yaml").write_text(FILE)
    app, recorder = application(load(tmp_path / "sources.yaml", {"HOOK": TOKEN}))
    async with client(app) as http:
        yield http, recorder


async def sent(ingest: Ingest, body: str) -> httpx.Response:
    """The answer to a form."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return await ingest[0].post(f"/v1/hooks/form/{TOKEN}", content=body, headers=kind)


@pytest.mark.parametrize(("body", "data"), RIGHT)
async def test_a_box_is_what_the_schema_says(ingest: Ingest, body: str, data: dict[str, Any]) -> None:
    """A number, a yes, a list of one; an empty box is nothing where that is allowed. As a query it is the same."""
    assert (await sent(ingest, body)).status_code == 202
    assert (await ingest[0].get(f"/v1/hooks/form/{TOKEN}?{body}")).status_code == 202
    assert [event["data"] for _, event in ingest[1].records] == [data, data]
    # 20 and 20.0 are equal here, and not in an expression.
    assert [type(value) for value in ingest[1].records[0][1]["data"].values()] == [type(one) for one in data.values()]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [("age=doze", "/age"), ("news=perhaps", "/news"), ("price=1,5", "/price"), ("sizes=x", "/sizes/0")],
)
async def test_what_says_nothing_of_the_kind_is_refused_with_its_place(ingest: Ingest, body: str, pointer: str) -> None:
    """No guess: a comma is no point everywhere."""
    answer = await sent(ingest, body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


async def test_json_says_itself_what_is_a_number(ingest: Ingest) -> None:
    """A text there is a text."""
    answer = await ingest[0].post(f"/v1/hooks/form/{TOKEN}", json={"age": "12"})
    assert answer.status_code == 422


async def test_a_refused_form_tells_its_cause(ingest: Ingest) -> None:
    """One of them, and not all that there are."""
    answer = await sent(ingest, "nome=Jo%E3o")
    assert (answer.status_code, "byte 0xe3 of the field 'nome'" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    "text",
    [
        "name=Ana&tags[]=a&tags[]=b&address[city]=Porto",
        "name=Ana\ntags[]=a\ntags[]=b\naddress[city]=Porto\n",
        "".join(
            f'--b0\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("name", "Ana"), ("tags[]", "a"), ("tags[]", "b"), ("address[city]", "Porto"))
        )
        + "--b0--\r\n",
    ],
)
def test_a_form_is_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """As it is sent, or a field a line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "form.txt").write_bytes(text.encode())
    sources.new("form", sample=[Path("form.txt")])
    found = load(tmp_path / "sources/form.yaml", {"HOOK_TOKEN_FORM": TOKEN}).triggers["webhook.form"]
    fields = found.model_json_schema()["properties"]
    assert {name: part["type"][0] for name, part in fields.items()} == {
        "name": "string",
        "tags": "array",
        "address": "object",
    }
