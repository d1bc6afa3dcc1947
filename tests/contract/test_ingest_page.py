"""`GET /docs`: all that the OpenAPI document says, for people, from nowhere else."""

from __future__ import annotations

import html
import json
import re
from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.ingest import docs_page
from tests.support.ingest import BEARER, application, client

Json = dict[str, Any]


async def test_the_page_shows_the_document_and_loads_nothing() -> None:
    """Each address, each answer, each trigger with its spellings and an example; no script, nothing from elsewhere."""
    app, _ = application()
    async with client(app) as http:
        document: Json = (await http.get("/openapi.json", headers=BEARER)).json()
        answer = await http.get("/docs", headers=BEARER)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "/openapi.json" in answer.text
    for path, item in document["paths"].items():
        assert f"<code>{path}</code>" in answer.text
        for operation in (item[method] for method in docs_page.METHODS if method in item):
            assert html.escape(operation["summary"]) in answer.text
            assert all(html.escape(found["description"]) in answer.text for found in operation["responses"].values())
    for name, model in TRIGGERS.items():
        assert f'<h3 id="{name}">' in answer.text
        assert html.escape(json.dumps(model.example, ensure_ascii=False, indent=2)) in answer.text
    assert "also as full_name" in answer.text
    assert not re.search(r'<script|src=|@import|url\(|href="http', answer.text)


def test_what_a_sources_file_says_cannot_become_markup() -> None:
    """Examples and schemas are written by others."""

    class Sent(Payload):
        """<b>bold</b>."""

        trigger: ClassVar[str] = "webhook.x"
        example: ClassVar[Json] = {"a": "</pre><script>alert(1)</script>"}
        field: str = Field(default="", description="<img src=x>")

    document = {"info": {"title": "<i>", "version": "1", "description": ""}, "paths": {}}
    shown = docs_page.html(document, {"webhook.x": Sent})
    assert not re.search("<script|<img|<b>|<i>", shown)
    assert "&lt;img src=x&gt;" in shown
