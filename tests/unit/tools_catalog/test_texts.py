"""text.*: what a text becomes, also when it is hostile."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from services.flows.catalogue import ToolError
from services.flows.refined import pattern
from services.tools.catalog.text_case import text_case
from services.tools.catalog.text_default import text_default
from services.tools.catalog.text_extract import text_extract
from services.tools.catalog.text_format import text_format, text_template
from services.tools.catalog.text_replace import text_replace
from services.tools.catalog.text_slug import text_slug
from services.tools.catalog.text_split import text_split
from services.tools.catalog.text_strip_html import text_strip_html
from services.tools.catalog.text_title import text_title
from services.tools.catalog.text_trim import text_trim
from services.tools.catalog.text_truncate import text_truncate
from tests.support.tools import use

FAMILY = "👩‍👩‍👧"


def test_copied_text_loses_its_invisible_characters() -> None:
    """No-break and zero-width spaces come with text from web pages."""
    assert use(text_trim, text="\ufeff\u00a0Ana\u200b ")["text"] == "Ana"


@pytest.mark.parametrize(
    ("to", "text"),
    [
        ("upper", "ÓLÁ ANA_MARIA"),
        ("lower", "ólá ana_maria"),
        ("swap", "óLÁ aNA_mARIA"),
        ("sentence", "Ólá ana_maria"),
        ("snake", "ólá_ana_maria"),
        ("kebab", "ólá-ana-maria"),
        ("camel", "óláAnaMaria"),
        ("pascal", "ÓláAnaMaria"),
    ],
)
def test_cases(to: str, text: str) -> None:
    """Accents keep their letters."""
    assert use(text_case, text="Ólá Ana_Maria", to=to)["text"] == text


def test_a_small_word_at_the_start_has_its_capital() -> None:
    """`Da Silva` alone is a name."""
    assert use(text_title, text="DA SILVA E SOUSA")["text"] == "Da Silva e Sousa"


def test_a_text_to_find_is_no_pattern() -> None:
    """Marks of regular expressions mean themselves, and so does a backslash in the replacement."""
    assert use(text_replace, text="a+b (c)", find="+b (", replacement=r"\1")["text"] == r"a\1c)"


@pytest.mark.parametrize("replacement", [r"\9", r"\g<no>"])
def test_a_group_that_is_not_there_is_told(replacement: str) -> None:
    """The author sees which replacement."""
    with pytest.raises(ToolError, match="does not fit the pattern"):
        use(text_replace, text="a", find="(a)", replacement=replacement, pattern=True)


def test_a_replacement_that_makes_no_text_is_told() -> None:
    """An escape in it can make half of a surrogate pair, which no topic can carry."""
    with pytest.raises(ToolError, match="half of a surrogate pair"):
        use(text_replace, text="a", find="a", replacement=r"\ud800", pattern=True)
    with pytest.raises(ToolError, match="a backslash in it begins nothing"):
        use(text_replace, text="a", find="a", replacement="\\", pattern=True)


@pytest.mark.parametrize("tried", [")\n", "a\n)", "(?<x>\n"])
def test_a_wrong_pattern_of_several_lines_is_told_in_one(tried: str) -> None:
    """RE2 repeats the pattern as it is; a fault is one line."""
    with pytest.raises(ToolError, match="is no regular expression of RE2") as caught:
        use(text_extract, text="a", what="pattern", pattern=tried)
    assert "\n" not in str(caught.value)


def test_a_pattern_with_half_a_surrogate_pair_is_refused() -> None:
    """Also by those who compile one without a model before it, such as list.filter's conditions."""
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        pattern("a\ud800")


def test_a_wrong_pattern_is_told() -> None:
    """With RE2's own words."""
    with pytest.raises(ToolError, match=r"'\(a' is no regular expression of RE2: missing \)"):
        use(text_replace, text="a", find="(a", pattern=True)


def test_replacing_never_grows_without_bound() -> None:
    """100,000 hits by 10,000 characters would be a gigabyte."""
    with pytest.raises(ToolError, match="the most is 500,000"):
        use(text_replace, text="a" * 100_000, find="a", replacement="b" * 10_000)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a?){100}a{100}!"])
def test_patterns_run_in_linear_time(pattern: str) -> None:
    """Each of these takes Python's own engine longer than a life."""
    started = time.process_time()
    use(text_replace, text="a" * 20_000 + "!", find=pattern, pattern=True)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("what", "text", "items"),
    [
        ("email", "Ana <ana.s@x.pt>, 'rui@y.com.pt'. not@this", ["ana.s@x.pt", "rui@y.com.pt"]),
        ("url", "(https://x.pt/a_(b)), http://y.pt!", ["https://x.pt/a_(b)", "http://y.pt"]),
        ("number", "de 1.234,50 a -3 em 2026", ["1.234,50", "-3", "2026"]),
        ("hashtag", "#promoção e #2 no a#b", ["promoção", "2", "b"]),
        ("mention", "@ana, olá @rui.s. mail a@x.pt", ["ana", "rui.s"]),
        ("phone", "912 345 678 ou +44 20 7946 0958, não 123", ["+351912345678", "+442079460958"]),
    ],
)
def test_extracting(what: str, text: str, items: list[str]) -> None:
    """All of them, in order, without the marks around."""
    assert use(text_extract, text=text, what=what)["items"] == items


def test_extracting_by_a_pattern_needs_one() -> None:
    """Said to the author, not found empty."""
    with pytest.raises(ToolError, match="no pattern is given"):
        use(text_extract, text="a", what="pattern")


def test_phones_are_looked_for_in_short_texts() -> None:
    """Finding them is slow: a long text is refused instead."""
    with pytest.raises(ToolError, match="at most 5000 characters"):
        use(text_extract, text="1" * 5001, what="phone")


def test_splitting_by_any_space() -> None:
    """An empty separator means words."""
    assert use(text_split, text=" a \n b\tc ", separator="")["items"] == ["a", "b", "c"]


def test_too_many_parts_are_told() -> None:
    """With the remedy."""
    with pytest.raises(ToolError, match="set limit"):
        use(text_split, text="a," * 20_000)


@pytest.mark.parametrize("length", range(1, 12))
def test_a_cut_is_never_too_long_and_never_parts_a_character(length: int) -> None:
    """An emoji of joined people stays whole or goes; an accent stays with its letter."""
    text = use(text_truncate, text=f"e\u0301{FAMILY}abc{FAMILY}", length=length, whole_words=False, ending="")["text"]
    assert len(text) <= length
    assert not text.endswith(("e", "\u200d"))


def test_an_ending_longer_than_the_length_is_cut_too() -> None:
    """The length is a promise."""
    assert use(text_truncate, text="abcdef", length=2, ending="[more]")["text"] == "[m"


def test_html_keeps_what_a_reader_sees() -> None:
    """No scripts, styles, comments; entities are characters; lists and tables are lines."""
    html = (
        "<head><title>t</title></head><style>a{}</style><h1>A&amp;B</h1><!-- c -->"
        "<table><tr><td>1<tr><td>2</table>&lt;x&gt;"
    )
    assert use(text_strip_html, html=html)["text"] == "A&B\n1\n2\n<x>"


def test_text_that_is_no_html_stays() -> None:
    """Also with a lone bracket."""
    assert use(text_strip_html, html="1 < 2 & 3")["text"] == "1 < 2 & 3"


def test_slugs_are_never_cut_within_a_word_where_there_is_one_before() -> None:
    """And never end with a separator."""
    assert use(text_slug, text="uma casa portuguesa", length=12)["slug"] == "uma-casa"
    assert use(text_slug, text="portuguesa", length=4)["slug"] == "port"
    assert use(text_slug, text="!!!")["slug"] == ""


def test_a_template_has_two_names() -> None:
    """text.template is text.format."""
    assert text_template.name == "text.template"
    assert use(text_template, template="{{ a }}", values={"a": 1}) == use(
        text_format, template="{{ a }}", values={"a": 1}
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ missing }}",
        "{{ a.b.c }}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 30 + "{{ a }}",
        "{{ [1] * 99999999 }}",
        "{{ ['}}'] * 99999999 }}",
        "{{ ({'a': {'b': [1]}}.a.b) * 99999999 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ debug() }}",
        "{{",
    ],
)
def test_a_template_that_fails_or_would_not_end_is_told_soon(template: str) -> None:
    """As the author's mistake, without the engine's many lines."""
    started = time.process_time()
    with pytest.raises(ToolError, match="the template") as caught:
        use(text_format, template=template, values={"a": {}})
    assert time.process_time() - started < 5
    assert "\n" not in str(caught.value)


def test_a_star_that_is_no_multiplication_is_text() -> None:
    """WhatsApp writes *bold*."""
    assert use(text_format, template="*{{ a }}* {{ '*' }}", values={"a": "x"})["text"] == "*x* *"


def test_a_default_takes_zero_and_false_as_values() -> None:
    """Only nothing, empty and blank are passed over."""
    assert use(text_default, values=[None, "\t", 0])["text"] == "0"
    assert use(text_default, values=[False, "x"])["text"] == "false"


def test_too_long_a_text_is_refused_with_its_field() -> None:
    """Before the tool runs."""
    with pytest.raises(ValidationError, match="at most 100000 characters"):
        use(text_trim, text="a" * 100_001)
