"""Texts as people and programs send them: a Mac's accents, emoji, nulls in templates, tables and menus of web pages."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from contracts.texts import breaks
from contracts.triggers.registry import TRIGGERS
from services.flows import cel
from services.flows.catalogue import ToolError
from services.flows.needs import Need
from services.flows.run_tool import run_tool
from services.flows.sms import GSM7
from services.tools.catalog.deduplicate import deduplicate
from services.tools.catalog.filter import filter_values
from services.tools.catalog.list_unique import list_unique
from services.tools.catalog.lookup import lookup
from services.tools.catalog.round_robin import round_robin
from services.tools.catalog.sms_segments import sms_segments
from services.tools.catalog.storage_get import storage_get
from services.tools.catalog.text_case import text_case
from services.tools.catalog.text_extract import text_extract
from services.tools.catalog.text_format import text_format, text_template
from services.tools.catalog.text_replace import text_replace
from services.tools.catalog.text_slug import text_slug
from services.tools.catalog.text_split import text_split
from services.tools.catalog.text_strip_html import text_strip_html
from services.tools.catalog.text_title import text_title
from services.tools.catalog.text_truncate import text_truncate
from tests.support.tools import use

MAC = unicodedata.normalize("NFD", "João Conceição")
FORM = "João Conceição"


def asked(tool: Any, **inputs: Any) -> Need[Any]:
    """What a tool with state asks for first."""
    need = run_tool(tool, tool.inputs.model_validate(inputs), ())
    assert isinstance(need, Need)
    return need


def test_a_name_from_a_mac_is_the_same_name() -> None:
    """In every tool that compares, finds, cases or keeps by a key, in triggers, and in expressions."""
    for ignore_case in (True, False):
        for test in ("equals", "contains", "starts", "ends", "matches"):
            condition = {"value": MAC, "test": test, "against": FORM}
            assert use(filter_values, all=[condition], ignore_case=ignore_case)["passed"], test
        assert use(lookup, key=MAC, table={FORM: 1}, ignore_case=ignore_case)["value"] == 1
        assert use(list_unique, items=[MAC, FORM], ignore_case=ignore_case)["count"] == 1
    for to in ("upper", "lower", "sentence", "swap", "snake", "kebab", "camel", "pascal"):
        assert use(text_case, text=MAC, to=to) == use(text_case, text=FORM, to=to)
    assert use(text_title, text=MAC.upper())["text"] == FORM
    assert use(text_slug, text=MAC)["slug"] == "joao-conceicao"
    assert use(text_replace, text=MAC, find="ção", replacement="x")["count"] == 1
    assert use(text_extract, text=MAC, what="pattern", pattern="Jo.o")["first"] == "João"
    assert use(text_split, text=MAC, separator="ã")["count"] == use(text_split, text=FORM, separator="ã")["count"]
    for tool in (deduplicate, storage_get):
        assert asked(tool, key=MAC) == asked(tool, key=FORM)
    team = {"list": "l", "values": ["rui", FORM]}
    assert asked(round_robin, sticky_key=MAC, absent=[MAC], **team) == asked(
        round_robin, sticky_key=FORM, absent=[FORM], **team
    )
    assert TRIGGERS["closum.lead.created"].read({"name": MAC, "email": "a@b.pt"}).model_dump()["name"] == FORM


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a.lower()", "joão conceição"),
        ("a.upper()", "JOÃO CONCEIÇÃO"),
        ('a.lower().contains("ção")', True),
        ('"ПРИВЕТ ΣΟΦΟΣ ÉCOLE".lower()', "привет σοφος école"),
        ('["é", "ß"].map(x, x.upper())', ["É", "SS"]),
    ],
)
def test_expressions_change_capitals_of_all_alphabets(expression: str, expected: object) -> None:
    """`lowerAscii` is for A to Z only."""
    assert cel.evaluate(cel.compiled(cel.untyped(frozenset({"a"})), expression), {"a": MAC}) == expected


TITLES = {
    "MARIA DE LA CRUZ": "Maria de la Cruz",
    "joão DOS santos E sá": "João dos Santos e Sá",
    "ludwig VAN DER rohe": "Ludwig van der Rohe",
    "DA SILVA": "Da Silva",
    "JOÃO PAULO II": "João Paulo II",
    "anne-marie o'neill": "Anne-Marie O'Neill",
    "ß": "Ss",
    "": "",
}


@pytest.mark.parametrize(("text", "expected"), TITLES.items())
def test_particles_stay_small_in_every_way_to_write_a_title(text: str, expected: str) -> None:
    """The tool, and the filter of templates in both of its names."""
    assert use(text_title, text=text)["text"] == expected
    for tool in (text_format, text_template):
        assert use(tool, template="{{ a | title }}", values={"a": text})["text"] == expected


TEMPLATES = [
    ("{{ a }}", {"a": None}, ""),
    ("{{ a }} {{ b }} {{ c }}", {"a": True, "b": 12.0, "c": False}, "true 12 false"),
    ("{{ a }}", {"a": [1.0, None, True]}, "[1.0,null,true]"),
    ("{{ a }}", {"a": {"x": None}}, '{"x":null}'),
    ("{{ a ~ '-' ~ b ~ c.d[0] }}", {"a": None, "b": 2.0, "c": {"d": [True]}}, "-2true"),
    ("{{ 'x' ~ a }}", {"a": None}, "x"),
    ("{{ (a ~ b) | upper ~ (a if b else b) }}", {"a": True, "b": None}, "TRUE"),
    ("{% set x = a ~ b %}{{ x }}", {"a": True, "b": 1.0}, "true1"),
    ("{{ {'k': a ~ 1}['k'] }}", {"a": False}, "false1"),
    (
        "{{ a | upper }}{{ a | lower }}{{ a | title }}{{ a | capitalize }}{{ a | trim }}{{ a | string }}",
        {"a": None},
        "",
    ),
    ("{{ a | upper }} {{ a | string }} {{ a | replace('t', 'T') }}", {"a": True}, "TRUE true True"),
    ("{{ a | join(', ') }}", {"a": [None, True, 1.0, "x"]}, ", true, 1, x"),
    ("{{ a | map('upper') | join(' ') }}", {"a": ["x", None, True]}, "X  TRUE"),
    ("{{ 4 / 2 }} {{ a | round }} {{ a | int }}", {"a": 2.5}, "2 2 2"),
    ("{{ a == true }} {{ none }}", {"a": True}, "true "),
    ("{{ a | default('x') }}{{ b | default('y') }}{{ c | d('z') }}", {"a": None, "c": ""}, "xy"),
    ("{{ a | tojson }}", {"a": None}, "null"),
    ("{% if a %}1{% endif %}{% if b is none %}2{% endif %}", {"a": None, "b": None}, "2"),
    ("{% raw %}{{ a ~ b }}{% endraw %}{# {{ a * b }} #}{{ '~ * |upper' }}", {}, "{{ a ~ b }}~ * |upper"),
    ("{% for x in a -%} {{ x ~ ';' }} {%- endfor %}", {"a": [1.0, None]}, "1;;"),
    ("{{ a | capitalize }}", {"a": "éCOLE"}, "École"),
]


@pytest.mark.parametrize(("template", "values", "expected"), TEMPLATES)
def test_templates_show_no_words_of_python(template: str, values: dict[str, Any], expected: str) -> None:
    """Not `None`, `True`, `12.0`: in an output, in filters of text, joined with `~`, in lists."""
    assert use(text_format, template=template, values=values)["text"] == expected


@pytest.mark.parametrize(
    "template", ["{{ nmae }}", "{{ nmae | title }}", "{{ a.nmae | upper }}", "{{ nmae ~ 'x' }}", "{{ 'x' ~ a.nmae }}"]
)
def test_a_name_that_is_not_there_stays_a_mistake(template: str) -> None:
    """It is told from null, which is there."""
    with pytest.raises(ToolError, match=r"undefined value: `[a.]*nmae`"):
        use(text_format, template=template, values={"a": {}})


PEOPLE_SEE = ["🇵🇹", "🇧🇷", "1️⃣", "👩‍👩‍👧", "👍🏽", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "e\u0301", "❤️", "ñ", "\r\n", "क्"]


def test_a_cut_parts_no_character_as_people_see_it() -> None:
    """Flags, keycaps, families, skins, tags, accents: at every length, in both counts."""
    text = "".join(PEOPLE_SEE)
    whole = {0}
    for each in PEOPLE_SEE:
        whole.add(max(whole) + len(each))
    assert {at for at in range(len(text) + 1) if breaks(text, at)} == whole
    for sms in (False, True):
        for length in range(1, 2 * len(text)):
            inputs = {"text": text, "length": length, "ending": "", "whole_words": False, "sms": sms}
            cut = use(text_truncate, **inputs)["text"]
            assert any(cut == text[:at].rstrip() for at in whole), (length, cut)


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("Hello dear Ana", 13, "Hello dear..."),
        ("a" * 200, 160, "a" * 157 + "..."),
        ("€€€€€€", 11, "€€€€..."),
        ("Olá dear Ana", 12, "Olá dear Ana"),
        ("short", 5, "short"),
        ("Ola 🎉 Ana Maria", 10, "Ola 🎉..."),
        ("abcdef", 2, ".."),
    ],
)
def test_a_cut_sms_costs_no_more_for_its_ending(text: str, length: int, expected: str) -> None:
    """The three points of GSM-7, and places instead of characters."""
    found = use(text_truncate, text=text, length=length, sms=True)["text"]
    assert found == expected
    assert not GSM7.issuperset(text) or GSM7.issuperset(found)


@pytest.mark.parametrize(
    ("text", "sms", "slug"),
    [
        ("Olá 🎉 ção", "Ola cao", "ola-cao"),
        ("⭐ 5€", "5€", "5eur"),
        ("👍🏽 ok ❤️", "ok", "ok"),
        ("joa\u0303o 🇵🇹", "joao", "joao"),
        ("e\u0301 é", "é é", "e-e"),
        ("“aspas” – …", '"aspas" - ...', "aspas"),
        ("10:30: ok", "10:30: ok", "10-30-ok"),
    ],
)
def test_pictures_have_no_names_in_letters(text: str, sms: str, slug: str) -> None:
    """No `:tada:` in an SMS or an address."""
    assert use(sms_segments, text=text, transliterate=True)["text"] == sms
    assert use(text_slug, text=text)["slug"] == slug


PAGES = {
    "<table><tr><td>a</td><td>b</td></tr><tr><th>c<th>d</table>": "a b\nc d",
    "<a href=x>um</a><a href=y>dois</a>": "um dois",
    "<nav><a>a</a> <a>b</a></nav>see (<a>c</a>).": "a b\nsee (c).",
    "<ul><li><a>a</a><li><a>b</a></ul>": "a\nb",
    "<button>a</button><button>b</button>": "a b",
    "<dl><dt>a<dd>b</dl>": "a\nb",
    "<select><option>a</option><option>b</option></select>": "a\nb",
    "a<b>b</b><i>c</i>": "abc",
    "pre\u00adfix&shy;<span>x</span>&#8203;y": "prefixxy",
    "<div hidden>no</div><p style='color:red; display: none'>no</p>yes": "yes",
    "<figure>a<figcaption>b</figcaption></figure>": "a\nb",
}


@pytest.mark.parametrize(("html", "text"), PAGES.items())
def test_what_stands_apart_on_a_page_stands_apart_in_the_text(html: str, text: str) -> None:
    """Cells, links, buttons, options; and what no reader sees is not there."""
    assert use(text_strip_html, html=html)["text"] == text
