"""A Postman collection of Closum's, read: which of its requests is which action, and what it says otherwise. Pure.

Collections of the schemas v2.0 and v2.1 (https://schema.postman.com), exported or as a published reference hands them
out (with `urlObject`): folders, variables, auth, saved examples, bodies raw, urlencoded and form-data. Nothing of it is
run. A value that may be a secret or a person's is never copied: of requests only names of fields and their kinds are
kept, of answers names and the values that say success.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from contracts.triggers.registry import TRIGGERS
from services.actions.registry import ENDPOINTS, SHAPES
from services.closum.endpoint import Endpoint
from services.closum.facts import WEBHOOKS, Facts
from services.project.closum_guesses import VERBS, names_for, walk
from services.project.closum_listen import heard, likeliest
from services.project.closum_verify import GONE

MOST_REQUESTS, DEEPEST, LONGEST_ADDRESS = 2000, 20, 2000
SCHEMA = re.compile(r"/collection/v2\.[01]\.0/")
VARIABLE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}|(?<=/):([A-Za-z]\w*)")
COMMENT = re.compile(r"(?m)^[ \t]*//.*$")
VERSION = re.compile(r"(?:^|/)v(\d+)(?=/|$)")
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "closum.lead.add": ("lead", "contact"),
    "closum.sms.check_credits": ("sms",),
    "closum.sms.send": ("sms",),
    "closum.whatsapp.send_template": ("whatsapp",),
    "closum.email.send_template": ("email", "e-mail"),
    "closum.tag.create": ("tag",),
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "closum.lead.add": ("add", "create", "new"),
    "closum.lead.update": ("update", "edit"),
    "closum.lead.edit_by_email": ("edit by email", "update by email", "by email"),
    "closum.lead.view": ("view", "get", "details", "show"),
    "closum.lead.delete": ("delete",),
    "closum.contact.remove": ("remove", "delete"),
    "closum.contact.add_tag": ("add tag", "assign tag"),
    "closum.contact.add_tag_by_email": ("add tag by email",),
    "closum.contact.remove_tag": ("remove tag", "delete tag"),
    "closum.contact.remove_tag_by_email": ("remove tag by email",),
    "closum.tag.create": ("create", "add", "new"),
    "closum.sms.send": ("send", "one-time", "one time"),
    "closum.sms.check_credits": ("balance", "credits"),
    "closum.whatsapp.send_template": ("template", "send"),
    "closum.email.send_template": ("template", "send"),
}
OF_VERBS: Mapping[str, tuple[str, ...]] = {
    "PUT": ("update", "edit_by_email"),
    "PATCH": ("update", "edit_by_email"),
    "DELETE": ("delete", "remove"),
}
READ_ONLY = frozenset({"closum.lead.view", "closum.sms.check_credits"})
VERBS_KNOWN = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
PLAIN = re.compile(r"[\w.\[\]-]{1,100}")
IDENTITY = re.compile(r"(?<=/)(?:\d+|(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,})(?=/|$)")
"""A part of a path that is somebody's id, or a secret."""
WEBHOOK = re.compile(r"webhook|callback|payload|notification", re.IGNORECASE)
SUCCESSES = ("status", "success", "ok")
DATAS = ("responseData", "data", "result", "results", "response")


class CollectionError(Exception):
    """The file is no collection that could be read. The text says why."""


@dataclass(frozen=True, slots=True)
class Documented:
    """One request of a collection: its name with its folders, and what it documents. Holds no value of anybody's."""

    name: str
    method: str
    path: str
    version: str
    fields: Mapping[str, Any]
    place: str
    key: Mapping[str, Any] | None
    answers: tuple[Any, ...]
    payloads: tuple[Any, ...]

    @property
    def words(self) -> str:
        """What it is called, in small letters, with its path."""
        return re.sub(r"[^a-z0-9]+", " ", f"{self.name} {self.path}".lower())


@dataclass(slots=True)
class Learned:
    """What the document says: rows for closum.yaml, what several requests could be, what fits no action."""

    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: Mapping[str, Any] | None = None
    choices: dict[str, list[Documented]] = field(default_factory=dict)
    others: list[Documented] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def changes(self, by: str, on: str) -> dict[str, Any]:
        """What closum.yaml is to say of it."""
        basis = {"basis": "documented", "by": by, "on": on}
        told: dict[str, Any] = {}
        if self.key is not None:
            told["key"] = "bearer" if self.key.get("bearer") else dict(self.key)
        if self.actions:
            told["actions"] = {name: {**basis, **row} for name, row in self.actions.items()}
        if self.webhooks:
            told["webhooks"] = {name: {**basis, **row} for name, row in self.webhooks.items()}
        return told


def requests_of(content: Any) -> list[Documented]:  # noqa: ANN401 - JSON
    """The requests of a collection, in order. Raises CollectionError."""
    if not isinstance(content, dict) or not isinstance(content.get("item"), list):
        raise CollectionError("this is no Postman collection: it has no `item`. Export it as Collection v2.1")
    info = content.get("info")
    schema = str(info.get("schema", "")) if isinstance(info, dict) else ""
    if schema and not SCHEMA.search(schema):
        raise CollectionError("this collection is of a form that is not known: export it as Collection v2.1 (or v2.0)")
    variables = _variables(content.get("variable"))
    found: list[Documented] = []
    for number, (folders, auth, item) in enumerate(_items(content["item"], (), content.get("auth"), 0)):
        if number >= MOST_REQUESTS:
            raise CollectionError(f"it has more than {MOST_REQUESTS} requests")
        if (one := _documented(folders, auth, item, variables)) is not None:
            found.append(one)
    return found


def _items(items: Any, folders: tuple[str, ...], auth: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any, Any]]:  # noqa: ANN401 - JSON
    if depth > DEEPEST:
        raise CollectionError(f"its folders are nested deeper than {DEEPEST}")
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        own = item.get("auth") or auth
        name = str(item.get("name") or "")[:200]
        if isinstance(item.get("item"), list):
            yield from _items(item["item"], (*folders, name), own, depth + 1)
        elif "request" in item:
            yield (*folders, name), own, item


def _variables(listed: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Those of addresses: others may be secrets."""
    found = {}
    for one in listed if isinstance(listed, list) else ():
        if (
            isinstance(one, dict)
            and isinstance(one.get("value"), str)
            and one["value"].startswith(("http://", "https://"))
        ):
            found[str(one.get("key") or one.get("id"))] = one["value"]
    return found


def _documented(
    folders: tuple[str, ...],
    auth: Any,  # noqa: ANN401 - JSON
    item: Mapping[str, Any],
    variables: Mapping[str, str],
) -> Documented | None:
    request = item["request"]
    if isinstance(request, str):
        request = {"url": request, "method": "GET"}
    if not isinstance(request, dict):
        return None
    url = request.get("url")
    raw = url if isinstance(url, str) else str(url.get("raw") or "") if isinstance(url, dict) else ""
    for name, value in variables.items():
        raw = raw.replace(f"{{{{{name}}}}}", value)
    path, version = _split(raw[:LONGEST_ADDRESS])
    told = url if isinstance(url, dict) else request.get("urlObject")
    query = dict.fromkeys(_query_names(raw), "") | (_pairs(told.get("query")) if isinstance(told, dict) else {})
    fields, place = _body(request.get("body"))
    method = str(request.get("method") or "GET").upper()
    key = _key(request.get("auth") or auth, request.get("header"), query)
    if not fields and method in {"GET", "DELETE"}:
        fields, place = {name: "" for name in query if not (key and key.get("query") == name)}, "query"
    answers = tuple(_examples(item.get("response")))
    payloads: tuple[Any, ...] = ()
    if WEBHOOK.search(" ".join(folders)):
        sent = _json(_raw(request.get("body")))
        payloads = tuple(one for one in (sent, *answers) if isinstance(one, dict | list) and one)
    fields = {one: value for one, value in fields.items() if PLAIN.fullmatch(one)}
    name = re.sub(r"[^\w /.,:()&'-]+", " ", " / ".join(folders))[:300]
    return Documented(
        name, method if method in VERBS_KNOWN else "GET", path, version, fields, place, key, answers, payloads
    )


def _split(raw: str) -> tuple[str, str]:
    """The path below the base, and the version in it. An id in it is a hole; the query is nobody's business."""
    plain = raw.partition("?")[0].partition("#")[0]
    plain = re.sub(r"^\{\{[^}]*\}\}", "https://base", plain)
    try:
        parts = urlsplit(plain if "://" in plain else f"https://base/{plain.lstrip('/')}")
        path = parts.path.lstrip("/")
    except ValueError:
        path = ""
    versions = VERSION.findall(path)
    path = re.sub(r"^(?:api/)?(?:v\d+/)?", "", path)
    path = re.sub(r"[^\w{}./:@-]", "", path)
    path = IDENTITY.sub(":id", f"/{path}").removeprefix("/")
    return path, versions[0] if versions else ""


def _query_names(raw: str) -> list[str]:
    """The names in an address's query, as schema v2.0 has it: in the text alone."""
    query = raw[:LONGEST_ADDRESS].partition("?")[2].partition("#")[0]
    return [name for part in query.split("&") if (name := part.partition("=")[0])[:100] and PLAIN.fullmatch(name)]


def _pairs(listed: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Names only: values of a query may be secrets."""
    return {
        str(one["key"])[:100]: ""
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and one.get("key") and not one.get("disabled")
    }


def _raw(body: Any) -> str:  # noqa: ANN401 - JSON
    return body["raw"] if isinstance(body, dict) and isinstance(body.get("raw"), str) else ""


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(COMMENT.sub("", VARIABLE.sub(lambda one: one[1] or one[0], text)))
    except (ValueError, RecursionError):
        return None


def _body(body: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - JSON
    """Names of fields with their values, which only their kinds are read of; and where they stand."""
    if not isinstance(body, dict):
        return {}, "json"
    mode = str(body.get("mode"))
    if mode in {"urlencoded", "formdata"}:
        names: dict[str, Any] = {}
        listed = body.get(mode)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and one.get("key"):
                plain = str(one["key"]).partition("[")[0]
                names[plain] = ["x"] if "[" in str(one["key"]) else one.get("value")
        return names, "form"
    found = _json(_raw(body))
    return (found if isinstance(found, dict) else {}), "json"


def _key(auth: Any, headers: Any, query: Mapping[str, str]) -> Mapping[str, Any] | None:  # noqa: ANN401 - JSON
    """Where the key goes. Its value is not looked at."""
    if isinstance(auth, dict) and auth.get("type") == "bearer":
        return {"bearer": True}
    if isinstance(auth, dict) and auth.get("type") == "apikey":
        told = auth.get("apikey")
        listed = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        pairs = told if isinstance(told, dict) else {str(one.get("key")): one.get("value") for one in listed}
        name = pairs.get("key")
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
            return {"query" if pairs.get("in") == "query" else "header": name}
    for one in headers if isinstance(headers, list) else ():
        name = str(one.get("key", "")) if isinstance(one, dict) else ""
        if name.lower() == "authorization":
            return {"bearer": True} if str(one.get("value", "")).lower().startswith("bearer") else None
        if re.fullmatch(r"(?i)x?-?(api|auth)[-_]?(key|token)", name):
            return {"header": name}
    return next(({"query": name} for name in query if re.fullmatch(r"(?i)(api|access)?[-_]?(key|token)", name)), None)


def _examples(listed: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Saved answers of success, as JSON."""
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("body"), str) and 200 <= _number(one.get("code")) < 300:  # noqa: PLR2004 - HTTP's success
            found = _json(one["body"])
            if isinstance(found, dict | list):
                yield found


def _number(value: Any) -> int:  # noqa: ANN401 - JSON
    return value if isinstance(value, int) else 200


def learn(documented: Sequence[Documented], known: Facts, chosen: Mapping[str, int] | None = None) -> Learned:
    """What a collection says of the facts. `chosen`: of an action that several requests fit, which of them."""
    found = Learned()
    calls = [one for one in documented if not one.payloads]
    newest = max((one.version for one in calls if one.version), key=int, default="")
    used: set[int] = set()
    for name, declared in ENDPOINTS.items():
        old = _fitting(name, [one for one in calls if one.version not in {newest, ""}], declared)
        current = _fitting(name, [one for one in calls if one.version in {newest, ""}], declared) or old
        fitting = [*current, *old]
        if old and current is not old:
            found.notes.append(f"{name}: taken from v{newest}; an older version has it too")
        if not current:
            found.missing.append(name)
            continue
        used |= {id(one) for one in fitting}
        if len(current) > 1 and (chosen is None or name not in chosen):
            found.choices[name] = current
        if len(current) == 1 or (chosen is not None and name in chosen):
            one = current[(chosen or {}).get(name, 0)] if len(current) > 1 else current[0]
            found.actions[name] = _row(name, known.endpoint(name, declared), one)
            found.sources[name] = one.name
    found.others = [one for one in calls if id(one) not in used]
    keys = [one.key for one in calls if one.key is not None and (not newest or one.version == newest)]
    if keys and (most := max(keys, key=keys.count)) != {"query": "api-key"}:
        found.key = most
    for one in documented:
        for payload in one.payloads:
            _webhook(found, one, payload, known)
    return found


def _fitting(name: str, calls: Sequence[Documented], declared: Endpoint) -> list[Documented]:
    """The requests that an action may be: the one with its path, else the likeliest by their names."""
    exact = [one for one in calls if one.path.strip("/") == declared.path.strip("/")]
    if exact:
        return exact
    points = [(one, _points(name, one)) for one in calls]
    best = max((count for _, count in points), default=0)
    return [one for one, count in points if count == best] if best > 0 else []


def _points(name: str, one: Documented) -> int:
    """How surely a request is an action; 0: it is not."""
    words = f" {one.words} "
    leaf = f" {re.sub(r'[^a-z0-9]+', ' ', one.name.rpartition(' / ')[2].lower())} "
    spoken = any(f" {word.replace('-', ' ')} " in words for word in (*WORDS[name], *VERBS.get(name, ())))
    wanted = OF_VERBS.get(one.method, ())
    if not _possible(name, one, words, leaf) or not (spoken or wanted):
        return 0
    if wanted and not any(word in name for word in wanted):
        return 0
    own = name.split(".")[1]
    return 1 + 2 * spoken + 2 * (f" {own} " in words or f" {own}s " in words) + (f" {own} " in leaf)


def _possible(name: str, one: Documented, words: str, leaf: str) -> bool:
    """Whether a request is about what an action is about, and reads where that reads."""

    def said(*any_of: str) -> bool:
        return any(word in words for word in any_of)

    subjects = SUBJECTS.get(name, ("lead", "contact", "people", "person"))
    return all(
        (
            said(" by email ", " by e mail ") is name.endswith("by_email"),
            said(" tag") is ("_tag" in name or name == "closum.tag.create"),
            said(*(f" {subject.replace('-', ' ')}" for subject in subjects)),
            not (name.startswith("closum.lead.") and said(" sms ", " whatsapp ", " email template ")),
            not (name == "closum.tag.create" and said(" contact", " lead", " remove", " delete")),
            not ("add_tag" in name and said(" remove", " delete", " untag")),
            (name in READ_ONLY) is (one.method == "GET"),
            not any(f" {word} " in leaf for word in ("list", "all", "many")),
        )
    )


def _row(name: str, known: Endpoint, one: Documented) -> dict[str, Any]:
    """What a request says otherwise than is known."""
    shape = SHAPES[name]
    row: dict[str, Any] = {}
    path = VARIABLE.sub(lambda hole: _hole(hole[1] or hole[2], name), one.path)
    if path.strip("/") != known.path.strip("/"):
        row["path"] = path
    if one.method != known.method:
        row["method"] = one.method
    holes = set(re.findall(r"\{(\w+)\}", path))
    if one.place != known.place.value and one.fields:
        row["place"] = one.place
    fields: dict[str, str] = {}
    forms: dict[str, str] = {}
    taken: set[str] = set()
    for ours, kind in shape.inputs.items():
        if ours in holes:
            continue
        theirs = next((each for each in names_for(ours) if each in one.fields and each not in taken), None)
        if theirs is None:
            continue
        taken.add(theirs)
        if known.fields.get(ours, ours) != theirs:
            fields[ours] = theirs
        if (form := _form(kind, one.fields[theirs], one.place)) is not None:
            forms[ours] = form
    row |= {"fields": fields} if fields else {}
    row |= {"forms": forms} if forms else {}
    needs = sorted(hole for hole in holes if hole in {"lead_id", "contact_id"} and name == "closum.lead.view")
    row |= {"needs": needs} if needs else {}
    for answer in one.answers[:1]:
        row |= _answer(name, known, answer)
    return row


def _hole(theirs: str, name: str) -> str:
    """Our field that stands in a path."""
    inputs = SHAPES[name].inputs
    ours = next((each for each in inputs if theirs in names_for(each)), None)
    if ours is None and theirs.lower().endswith("id"):
        ours = next((each for each in inputs if each.endswith("_id") and "stage" not in each), None)
    return f"{{{ours}}}" if ours else theirs


def _form(kind: str, value: Any, place: str) -> str | None:  # noqa: ANN401 - JSON
    if kind == "list":
        return "joined" if isinstance(value, str) else "map" if isinstance(value, dict) else None
    if kind == "boolean" and place == "json":
        if isinstance(value, int) and not isinstance(value, bool):
            return "number"
        return "text" if isinstance(value, str) and value.lower() in {"true", "false"} else None
    if kind == "boolean" and value in ("0", "1"):
        return "number"
    return None


def _answer(name: str, known: Endpoint, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    row: dict[str, Any] = {}
    body = answer if isinstance(answer, dict) else {}
    said = {each: body[each] for each in SUCCESSES if body.get(each) in (True, 1)}
    if next(iter(known.success), None) not in said:
        row["success"] = dict(list(said.items())[:1])
    data = next((f"/{each}" for each in DATAS if isinstance(body.get(each), dict | list)), "")
    if data != known.data:
        row["data"] = data
    held = body.get(data[1:]) if data else body
    held = held[0] if isinstance(held, list) and held else held
    own: dict[str, str] = {}
    shape = SHAPES[name]
    given = shape.inputs.keys() if name in GONE else frozenset()
    leaves = [(place, last) for place, last, value in walk(body) if not isinstance(value, dict | list)]
    for output in sorted(shape.outputs - given):
        there = known.answer.get(output, output)
        if isinstance(held, dict) and there in held:
            continue
        names = names_for(output)
        near = next((each for each in names if isinstance(held, dict) and each in held), None)
        if near is None and data == "":
            near = next((place for place, last in leaves if last in names), None)
        if near is not None and near != there:
            own[output] = near
    return row | ({"answer": own} if own else {})


def _webhook(found: Learned, one: Documented, payload: Any, known: Facts) -> None:  # noqa: ANN401 - JSON
    named = next((name for name in WEBHOOKS if _named(name, one.words)), None) or likeliest([payload])
    if named in found.webhooks:
        found.notes.append(f"{named}: a second payload, {one.name!r}, is left out: it may be of another event")
        return
    seen = heard([payload], named, known.webhooks)
    if not seen.fits:
        found.notes.append(f"{named}: the payload {one.name!r} cannot be read: {seen.why}")
        return
    row = dict(seen.override)
    # Of values only words of a status are kept: they are the sender's, and nobody's own.
    found.webhooks[named] = row
    found.sources[named] = one.name


def _named(trigger: str, words: str) -> bool:
    wanted = {
        "closum.sms.status_updated": (" sms ",),
        "closum.whatsapp.message_received": (" whatsapp ",),
        "closum.lead.created": (" lead", " leads "),
        "closum.unsubscribed": (" unsubscri",),
        "closum.email.event": (" email ", " e mail "),
        "closum.contact.updated": (" contact updated ", " contact update"),
    }
    assert trigger in TRIGGERS  # noqa: S101 - they are of one table
    return any(word in f" {words} " for word in wanted.get(trigger, ()))


def snippet(one: Documented, connection: str) -> str:
    """A step for what fits no action. Types stand for values, which may be somebody's."""
    kinds = {name: _kind(value) for name, value in one.fields.items()}
    lines = [f"  # {one.name}", "  - action: http.request", f"    connection: {connection}", "    with:"]
    path = VARIABLE.sub(lambda hole: f"${{ trigger.{hole[1] or hole[2]} }}", one.path)
    lines += [f"      method: {one.method}", f"      url: /{path}"]
    if kinds:
        part = {"json": "json", "form": "form", "query": "query"}[one.place]
        lines += [f"      {part}:", *(f"        {name}: # {kind}" for name, kind in kinds.items())]
    return "\n".join(lines)


def _kind(value: Any) -> str:  # noqa: ANN401 - JSON
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "a text")
