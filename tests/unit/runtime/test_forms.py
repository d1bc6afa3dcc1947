"""Forms, as browsers and form services send them."""

from __future__ import annotations

import pytest

from services.runtime.documents.forms import MULTIPART, URLENCODED, FormError, parse

NAMES = [
    ("a[b]=1&a[b]=2", {"a": {"b": ["1", "2"]}}),
    ("a[b][c]=1&a[b][d]=2&a[e]=3", {"a": {"b": {"c": "1", "d": "2"}, "e": "3"}}),
    ("a[]=1&a[]=2", {"a": ["1", "2"]}),
    ("a[]=1", {"a": ["1"]}),
    ("t[1]=b&t[0]=a", {"t": ["a", "b"]}),
    ("t[10]=c&t[2]=b&t[0]=a", {"t": ["a", "b", "c"]}),
    ("l[1][sku]=B&l[0][sku]=A&l[0][n]=1", {"l": [{"sku": "A", "n": "1"}, {"sku": "B"}]}),
    ("a=1&a=2", {"a": ["1", "2"]}),
    ("a%5Bb%5D=1", {"a": {"b": "1"}}),
    ("a=1&a[b]=2", {"a": "1", "a[b]": "2"}),
    ("nome=Jo%C3%A3o+S&vazio=", {"nome": "João S", "vazio": ""}),
    ("nome=João", {"nome": "João"}),
    ("nome=%ED%A0%BD%ED%B8%80%ED%A0%BD", {"nome": "😀\ufffd"}),
    ("solo", {"solo": ""}),
]
CHARSETS = [
    (f"{URLENCODED}; charset=ISO-8859-1", b"nome=Jo%E3o", "João"),
    (f"{URLENCODED}; charset=windows-1252", b"nome=Jo\xe3o %80", "João €"),
    (f"{URLENCODED}; charset=us-ascii", b"nome=%81", "\x81"),
    (f'{URLENCODED}; charset="Shift_JIS"', b"nome=%83e%83X%83g", "テスト"),
    (URLENCODED, b"_charset_=windows-1252&nome=Jo%E3o", "João"),
    (
        f"{MULTIPART}; boundary=x; charset=latin1",
        b'--x\r\nContent-Disposition: form-data; name="nome"\r\n\r\nJo\xe3o\r\n--x--\r\n',
        "João",
    ),
]
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
CAUSES = [
    (URLENCODED, b"ok=1&nome=Jo%E3o", "byte 0xe3 of the field 'nome' is not utf-8"),
    (f"{URLENCODED}; charset=shift_jis", b"nome=%ff", "byte 0xff of the field 'nome' is not shift_jis"),
    (f"{URLENCODED}; charset=klingon", b"a=1", "its charset 'klingon' is not known"),
    (f"{URLENCODED}; charset=idna", b"a=1", "its charset 'idna' is not known"),
    (f"{URLENCODED}; charset=zlib", b"a=1", "its charset 'zlib' is not known"),
    (URLENCODED, b"&".join(b"a=1" for _ in range(1001)), "more than 1000 fields"),
    (f"{MULTIPART}; boundary=x", PART * 1001 + b"--x--\r\n", "more than 1000 fields"),
    (MULTIPART, PART + b"--x--\r\n", "names no boundary"),
    (f"{MULTIPART}; boundary=x", PART, "ends before its closing boundary"),
    (f"{MULTIPART}; boundary=x", b"nonsense", "a part of it is malformed"),
]


@pytest.mark.parametrize(("body", "found"), NAMES)
def test_names_with_brackets_are_objects_and_lists(body: str, found: dict[str, object]) -> None:
    """In the order of their numbers; a name in whose way another one stands is a plain one."""
    assert parse(body.encode(), URLENCODED) == found


@pytest.mark.parametrize(("kind", "body", "text"), CHARSETS)
def test_a_charset_that_is_named_is_read(kind: str, body: bytes, text: str) -> None:
    """In the content type, or in the field that browsers fill in."""
    assert parse(body, kind)["nome"] == text


@pytest.mark.parametrize(("kind", "body", "cause"), CAUSES)
def test_what_cannot_be_read_is_told(kind: str, body: bytes, cause: str) -> None:
    """Which of its causes it was, without a value."""
    with pytest.raises(FormError, match=cause):
        parse(body, kind)
