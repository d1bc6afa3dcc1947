"""Numbers, countries, JSON and tables as spreadsheets, forms and other systems give them (CLDR, ISO 3166, RFC 8259)."""

from __future__ import annotations

import pytest

from services.tools.catalog.country import country
from services.tools.catalog.json_parse import json_parse
from services.tools.catalog.lookup import lookup
from services.tools.catalog.number_parse import number_parse
from tests.support.tools import use

NUMBERS = {
    # a number never begins with a group of nothing
    ("0.500", "pt-PT"): "",
    ("0,500", "pt-PT"): "0.500",
    ("0.500", "en-US"): "0.500",
    ("0,500", "en-US"): "",
    ("00.500", "de"): "",
    ("0.000.500", "pt-PT"): "",
    ("1.500", "pt-PT"): "1500",
    ("1,500", "en-US"): "1500",
    # groups of two, where they are usual
    ("12,34,567.50", "en-IN"): "1234567.50",
    ("₹1,00,000", "en-IN"): "100000",
    ("1,23,456", "hi"): "123456",
    ("1,234,567", "en-IN"): "1234567",
    ("12,34,567", "en-US"): "",
    ("1,2,345", "en-IN"): "",
    # invisible marks, other digits, accounting
    ("1\u200b.000", "pt-PT"): "1000",
    ("\u200e1.234,56 €", "pt-PT"): "1234.56",
    ("１.２３４", "pt-PT"): "1234",
    ("(1.234,50)", "pt-PT"): "-1234.50",
    ("−5", "pt-PT"): "-5",
    ("1'234.50", "de-CH"): "1234.50",
    ("1\u202f234,5", "fr"): "1234.5",
}


@pytest.mark.parametrize(("given", "expected"), NUMBERS.items())
def test_a_number_by_the_rule_of_its_language(given: tuple[str, str], expected: str) -> None:
    """Or none."""
    text, language = given
    found = use(number_parse, text=text, language=language)
    assert (found["text"], found["valid"]) == (expected, bool(expected))


COUNTRIES = {
    "MO": ["Macau", "Macao", "Macau SAR", "Macao SAR China", "+853"],
    "HK": ["Hong Kong", "hongkong", "Hong Kong SAR"],
    "ST": ["São Tomé", "Sao Tome e Principe", "São Tomé and Príncipe"],
    "TL": ["Timor", "Timor-Leste", "Timor Leste", "East Timor"],
    "TR": ["Türkiye", "Turkiye", "Turkey", "Turquia", "TURQUÍA"],
    "CI": ["Ivory Coast", "Côte d'Ivoire", "Costa do Marfim"],
    "CD": ["RDC", "DR Congo", "Democratic Republic of the Congo"],
    "CV": ["Cabo Verde", "Cape Verde"],
    "CZ": ["Czechia", "Czech Republic", "República Checa", "Chéquia"],
    "MM": ["Burma", "Birmânia", "Myanmar"],
    "SZ": ["Swaziland", "Suazilândia", "Eswatini"],
    "MK": ["Macedónia", "North Macedonia"],
    "GB": ["UK", "U.K.", "Inglaterra", "Escócia", "Great Britain", "Reino Unido"],
    "US": ["USA", "U.S.A.", "EUA", "E.U.A.", "United States of America", "Estados Unidos da América"],
    "AE": ["UAE", "Emirados Árabes Unidos"],
    "NL": ["Holanda", "Países Baixos", "The Netherlands", "Nederland"],
    "GM": ["The Gambia", "Gâmbia"],
    "RU": ["Rússia", "Russian Federation"],
    "KR": ["Coreia do Sul", "South Korea", "Republic of Korea"],
    "BA": ["Bósnia", "Bosnia and Herzegovina"],
    "TT": ["Trinidad"],
    "VA": ["Vaticano", "Holy See"],
    "PT": ["🇵🇹", "pt", "PRT", "00351", "+351", " Portugal\u200b"],
    "PL": ["Polska"],
    "JP": ["日本", "Japão"],
    "GW": ["Guiné-Bissau", "guine bissau"],
    "GN": ["Guiné", "Guinea"],
    "VN": ["Vietname", "Viet Nam"],
    "": ["Atlantis", "Korea", "351", "+9999", "Saint", "A", "", "Europa"],
}


@pytest.mark.parametrize(("code", "spellings"), COUNTRIES.items())
def test_a_country_by_every_name_that_people_give_it(code: str, spellings: list[str]) -> None:
    """Former, official and short ones; what could be two is none."""
    assert {text: use(country, country=text, language="pt")["alpha2"] for text in spellings} == dict.fromkeys(
        spellings, code
    )


@pytest.mark.parametrize(
    ("text", "value", "told"),
    [
        ('\ufeff{"a": 1}', {"a": 1}, ""),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}], ""),
        ('{"a": {"a": 1}}', {"a": {"a": 1}}, ""),
        ('{"a": 1, "a": 2}', None, "the name 'a' stands twice"),
        ('[{"x": {"b": 1, "c": 2, "b": 1}}]', None, "the name 'b' stands twice"),
        ('{"é": 1, "\\u00e9": 2}', None, "the name 'é' stands twice"),
        ('\ufeff\ufeff{"a": 1}', None, ""),
        ("[" * 900 + "]" * 900, None, "more than 64 deep"),
        ('{"a":' * 64 + "1" + "}" * 64, "deep", ""),
    ],
)
def test_json_says_each_name_once(text: str, value: object, told: str) -> None:
    """And may begin with the mark of Windows."""
    found = use(json_parse, text=text)
    if value == "deep":
        assert found["valid"]
        return
    assert (found["value"], found["valid"]) == (value, value is not None)
    assert told in found["reason"]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (
            {"table": [{"key": "a"}, {"key": "b"}, {"key": " A"}]},
            "' A' stands twice, in rows 1 and 3, but for capitals",
        ),
        ({"table": [{"id": 7}, {"id": "7"}], "key_field": "id"}, "'7' stands twice, in rows 1 and 2"),
        ({"table": {"João": 1, "JOA\u0303O": 2}}, "stands twice, as keys of the table, but for capitals"),
        ({"table": [{"key": "a"}, {"key": "A"}], "ignore_case": False}, ""),
        ({"table": [{"key": None}, {"key": None}]}, ""),
    ],
)
def test_a_key_that_stands_twice_is_a_mistake(inputs: dict[str, object], told: str) -> None:
    """The checker says so: the second would never be found. In a table that comes with an event, the first is."""
    given = lookup.inputs.model_validate({"key": "a", **inputs})
    if told:
        with pytest.raises(ValueError, match="stands twice") as failed:
            given.hopeless()
        assert told in str(failed.value)
    else:
        given.hopeless()
