"""Finds secrets that were written into a flow: by the forms that services give their keys, and by how random a text is.

Flows stand in version control, in the database and in people's editors. Secrets stand in connections.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from math import log2

from services.flows.flow import Flow, values_of
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value
from services.runtime.documents.locations import Location

# Forms that the services document, or that their keys are seen with in public secret scanners' rules.
_FORMS = {
    "an access key of AWS": r"\b(AKIA|ASIA)[A-Z2-7]{16}\b",
    "a token of GitHub": r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a key of Stripe": r"\b[rs]k_(live|test)_[A-Za-z0-9]{16,}",
    "a token of Slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a webhook of Slack": r"hooks\.slack\.com/(services|workflows|triggers)/[A-Za-z0-9/]{20,}",
    "a webhook of Discord": r"discord(app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{20,}",
    "a key of Google": r"\bAIza[A-Za-z0-9_-]{35}",
    "a token of Google": r"\bya29\.[A-Za-z0-9_-]{20,}",
    "a key of SendGrid": r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    "a key of Mailgun": r"\bkey-[0-9a-f]{32}\b",
    "a key of Mailchimp": r"\b[0-9a-f]{32}-us\d{1,2}\b",
    "a key of Twilio": r"\b(SK|AC)[0-9a-f]{32}\b",
    "a token of Meta": r"\bEAA[A-Za-z0-9]{30,}",
    "a token of HubSpot": r"\bpat-(na|eu)\d-[0-9a-f-]{30,}",
    "a key of OpenAI or Anthropic": r"\bsk-(proj-|ant-)?[A-Za-z0-9_-]{20,}",
    "a token of Shopify": r"\bshp(at|ca|pa|ss)_[A-Fa-f0-9]{32}",
    "a token of Telegram": r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b",
    "a secret of Standard Webhooks": r"\bwhsec_[A-Za-z0-9+/=]{16,}",
    "a JSON Web Token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/?#:@$]+:[^\s/?#@$]+@",
    "credentials in a header": r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_.~-]{12,}=*",
    "a key in an address": r"(?i)[?&](api[-_]?key|access[-_]?token|token|secret|password|sig(nature)?)=[^&\s${]{8,}",
}
_KNOWN = {what: re.compile(pattern) for what, pattern in _FORMS.items()}
# Names under which nothing but a secret stands. `token` alone is the name of too many harmless things.
_NAMES = re.compile(r"(?i)(^|[-_.])(password|passwd|secret|(api|private)[-_]?key|(access|auth)[-_]?token)$")
_PLACEHOLDER = re.compile(r"(?i)^(x+|\*+|\.+|<.*>|none|null|todo|change.?me|your.*|example.*)$")
_RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_LEAST_BITS = 4.0  # of entropy a character: words and sentences have less, random base64 of 32 characters has 4.5
_LEAST_HEX_BITS = 3.0
_SHORTEST_HEX = 32
_SHORTEST_RANDOM = 20
_SHORTEST_NAMED = 6
_ID_LENGTHS = (24, 32, 40, 64)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


# Names under which ids and checksums stand: 32 or 40 signs of hex say nothing there.
_IDS = re.compile(r"(?i)(^|[-_.])(u?u?id|guid|hash|md5|sha1?|checksum|digest|etag)$|[a-z](Id|Uuid|Guid|Hash)$")
_ASKED = re.compile(r"([\w]+)\s*[!=]=\s*[\"']([0-9a-fA-F]+)[\"']")
_HEX = re.compile(r"[0-9a-fA-F]+")
_IS_NONE = re.compile(r"#\s*not-a-secret\b:?\s*(.*)$")
RANDOM = "a key: it is too random for a word"
MARK = "# not-a-secret: "
"""Behind it, on the line, stands why what looks like a secret is none."""
_IN_A_LINE = re.compile(
    r"(?i)(?P<name>(password|passwd|secret|(api|private)[-_]?key|(access|auth)[-_]?token)[\"']?\s*[:=]\s*[\"']?)"
    r"(?P<value>[^\s\"',}]{6,})"
)


def secrets(flow: Flow, text: str = "") -> Iterator[tuple[Location, str]]:
    """Where a secret stands in a flow, and what is to be done about it. `text` is the flow's file, with comments."""
    lines = text.split("\n")
    for value in values_of(flow):
        for location, what in _in_value(value, ""):
            line = lines[location.line - 1] if location.line <= len(lines) else ""
            said = _IS_NONE.search(line)
            if said is None:
                remedy = f"Put it into a connection, and name that with `connection`. If it is none: `{MARK}why`"
                yield location, f"this looks like {what}. {remedy}"
            elif not said[1].strip():
                yield location, f"this looks like {what}: say why it is none, `{MARK}the id of our price list`"


def masked(text: str) -> str:
    """The text without the secrets in it, in the same length.

    >>> masked("password: hunter22")
    'password: ********'
    """
    for pattern in _KNOWN.values():
        text = pattern.sub(lambda found: "*" * len(found[0]), text)
    text = _RANDOM.sub(lambda found: "*" * len(found[0]) if _is_random(found[0]) else found[0], text)
    return _IN_A_LINE.sub(lambda found: found["name"] + "*" * len(found["value"]), text)


def looks_like(text: str) -> str | None:
    """What secret a text holds, or None.

    >>> looks_like("Authorization: Bearer 0123456789abcdef")
    'credentials in a header'
    """
    for what, pattern in _KNOWN.items():
        if pattern.search(text):
            return what
    if text.startswith(("/", "http://", "https://")):
        return None  # paths are full of ids that only look like keys
    return RANDOM if any(map(_is_random, _RANDOM.findall(text))) else None


def _is_random(word: str) -> bool:
    """Whether a word is drawn by chance: many signs, of all kinds, evenly."""
    if _UUID.fullmatch(word):
        return False
    bits = -sum(count / len(word) * log2(count / len(word)) for count in Counter(word).values())
    if re.fullmatch("[0-9a-f]+|[0-9A-F]+", word):
        mixed = re.search("[a-fA-F]", word) and re.search("[0-9]", word)
        return len(word) >= _SHORTEST_HEX and bool(mixed) and bits >= _LEAST_HEX_BITS
    # A path or a name of words is cut at its signs, none of which is long and random.
    parts = [part for part in re.split("[/_=-]", word) if part]
    longest = max(parts, key=len, default="")
    return len(longest) >= _SHORTEST_RANDOM and bits >= _LEAST_BITS and all(kind.search(longest) for kind in _KINDS)


def _in_value(value: Value, name: str) -> Iterator[tuple[Location, str]]:
    """`name` is that of the key which the value stands under."""
    if isinstance(value, MapOf):
        for word, item in value.items:
            yield from _in_value(item, word.text)
    elif isinstance(value, ListOf):
        for item in value.items:
            yield from _in_value(item, name)
    elif isinstance(value, Constant):
        if isinstance(value.value, str) and (found := _in_text(name, value.value)):
            yield value.location, found
    elif isinstance(value, Expression):
        if found := looks_like(_without_ids(value.source)):
            yield value.location, found
    elif isinstance(value, Template):
        for part in value.parts:
            text = part if isinstance(part, str) else _without_ids(part.source)
            if found := looks_like(text):
                yield value.location if isinstance(part, str) else part.location, found


def _in_text(name: str, text: str) -> str | None:
    """What stands under this name, if it is one."""
    found = looks_like(text) or _named(name, text)
    return None if found == RANDOM and _is_id(name, text) else found


def _is_id(name: str, text: str) -> bool:
    """Whether this is an id or a checksum, by its length and by the name that it stands under."""
    return bool(_IDS.search(name)) and len(text) in _ID_LENGTHS and bool(_HEX.fullmatch(text))


def _without_ids(source: str) -> str:
    """An expression without the ids that it compares with: `trigger.list_id == "0f1e…"`."""
    return _ASKED.sub(lambda found: "" if _is_id(found[1], found[2]) else found[0], source)


def _named(name: str, text: str) -> str | None:
    if _NAMES.search(name) and len(text) >= _SHORTEST_NAMED and not _PLACEHOLDER.fullmatch(text):
        return f"a secret, by its name {name!r}"
    return None
