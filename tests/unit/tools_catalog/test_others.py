"""name.split, hash, sms.segments, country."""

from __future__ import annotations

import hashlib

import pytest

from services.flows.sms import BASIC, EXTENSION
from services.tools.catalog.country import country
from services.tools.catalog.hash import hash_text
from services.tools.catalog.name_split import name_split
from services.tools.catalog.sms_segments import sms_segments
from tests.support.tools import use


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("  ana   sousa ", "ana", "sousa"),
        ("Sr. José António dos Santos Filho", "José", "dos Santos Filho"),
        ("Eng. Rita Sá", "Rita", "Sá"),
        ("van der Berg, Jan", "Jan", "van der Berg"),
        ("", "", ""),
        ("🙂", "", ""),
    ],
)
def test_names(name: str, first: str, last: str) -> None:
    """Particles belong to the family name, titles and emoji to no name."""
    found = use(name_split, name=name)
    assert (found["first"], found["last"]) == (first, last)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5", "blake2b"])
def test_hashes_are_the_standards_own(algorithm: str) -> None:
    """Over UTF-8; a phone is hashed by its digits."""
    expected = hashlib.new(algorithm, b"351912345678").hexdigest()
    assert use(hash_text, text="+351 912 345 678", normalize="digits", algorithm=algorithm)["hash"] == expected
    assert use(hash_text, text="é", algorithm=algorithm)["hash"] == hashlib.new(algorithm, "é".encode()).hexdigest()


def test_base64_says_the_same() -> None:
    """The empty text's SHA-256, known everywhere."""
    assert use(hash_text, text="", encoding="base64")["hash"] == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_the_alphabet_of_gsm_is_whole() -> None:
    """3GPP TS 23.038: 127 characters beside the escape, and ten in the extension."""
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts", "left"),
    [
        ("", "gsm7", 0, 0, 160),
        ("a" * 160, "gsm7", 160, 1, 0),
        ("a" * 161, "gsm7", 161, 2, 145),
        ("a" * 306, "gsm7", 306, 2, 0),
        ("€" * 80, "gsm7", 160, 1, 0),
        ("a" * 152 + "€" + "a" * 10, "gsm7", 164, 2, 141),
        ("ã" * 70, "ucs2", 70, 1, 0),
        ("ã" * 71, "ucs2", 71, 2, 63),
        ("👍" * 35, "ucs2", 70, 1, 0),
        ("ã" * 66 + "👍" + "a" * 5, "ucs2", 73, 2, 60),
    ],
)
def test_segments(text: str, encoding: str, units: int, parts: int, left: int) -> None:
    """No character of two places is torn between two parts."""
    found = use(sms_segments, text=text)
    assert (found["encoding"], found["units"], found["parts"], found["left"]) == (encoding, units, parts, left)


def test_transliteration_always_fits_gsm7() -> None:
    """What has no nearest character goes; what fits stays, accents too."""
    found = use(sms_segments, text="é ã “x” 漢 👍\u200b", transliterate=True)
    assert found["encoding"] == "gsm7"
    assert set(found["text"]) <= BASIC | EXTENSION
    assert found["text"].startswith('é a "x" ')


def test_too_many_parts_are_told() -> None:
    """As a yes or no for a condition."""
    assert not use(sms_segments, text="a" * 161, max_parts=1)["fits"]
    assert use(sms_segments, text="a" * 160, max_parts=1)["fits"]


@pytest.mark.parametrize(
    ("text", "alpha2"),
    [
        ("Portugal", "PT"),
        ("estados unidos", "US"),
        ("EUA", "US"),
        ("Côte d'Ivoire", "CI"),
        ("cote d’ivoire", "CI"),
        ("Deutschland", "DE"),
        ("DEU", "DE"),
        ("MMR", "MM"),
        ("BUR", ""),
        ("gb", "GB"),
        ("UK", "GB"),
        ("+44", "GB"),
        ("+1", "US"),
        ("+999", ""),
        ("XKK", "XK"),
        ("XX", ""),
        ("+", ""),
        ("", ""),
        ("P", ""),
    ],
)
def test_countries(text: str, alpha2: str) -> None:
    """By names in several languages and by letters; withdrawn letters are none."""
    assert use(country, country=text)["alpha2"] == alpha2


def test_a_country_is_found_in_the_wanted_language_too() -> None:
    """And named in it."""
    found = use(country, country="Portogallo", language="it")
    assert (found["alpha2"], found["alpha3"], found["name"]) == ("PT", "PRT", "Portogallo")
