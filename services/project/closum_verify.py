"""What is asked of a real account, and what its answers say of the facts. Pure: it yields calls and is sent answers.

Each row is tried as it is known; where that is refused, the answer says what to try next: another place of the key,
another path or verb (404, 405), another name or form of a field (400, 422, or 200 with a refusal inside). The calls for
a row are bounded. What works is compared with the row: confirmed, or differs, with the override that mends it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from services.actions.closum import ClosumRequest, request_of, value_of
from services.actions.registry import ACTIONS, ENDPOINTS, SHAPES
from services.closum.endpoint import Endpoint
from services.closum.facts import Facts
from services.closum.facts_form import HOLE, KeyRow
from services.closum.pointers import at
from services.project.closum_answers import (
    SUCCESSES,
    Seen,
    code_inside,
    data_of,
    difference,
    holds,
    key_place,
    mends,
    moved,
    output_of,
    place_of,
    refusal_names,
    status_of,
    success_of,
)
from services.project.closum_guesses import KEYS, LISTS, REMOVES, VERBS_OF, names_for, walk, ways_to

MOST_MENDS = 10
UNAUTHORIZED = frozenset({401, 403})
NOT_THERE = frozenset({404, 405, 501})
REFUSED = frozenset({400, 409, 412, 422})
FAILURES = frozenset({"error", "fail", "failed", "failure", "ko", "erro", "nok"})
OK, FIRST_REDIRECT, FIRST_ERROR, NOT_ALLOWED, FIRST_ILL = 200, 300, 400, 405, 500
LIMITED = frozenset({429, 503})
GONE = frozenset({"closum.lead.delete", "closum.contact.remove"})
"""They give the id that they were given."""
NO_ID = "0"
NAME = "flows-verify"


class State(StrEnum):
    """What is known of a row now."""

    CONFIRMED = "confirmed"
    DIFFERS = "differs"
    ABSENT = "absent"
    REFUSED = "refused"
    NOT_TRIED = "not tried"


WORKING = frozenset({State.CONFIRMED, State.DIFFERS})


@dataclass(frozen=True, slots=True)
class Try:
    """One call: what it is for, and the request but for the secret."""

    says: str
    request: ClosumRequest
    key: KeyRow
    changes: bool


@dataclass(slots=True)
class Finding:
    """What came of one row."""

    action: str
    state: State
    expected: str
    seen: str = ""
    override: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """All that was found out. `key` and `answers`: where they differ."""

    findings: list[Finding] = field(default_factory=list)
    key: KeyRow | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def changes(self, by: str, on: str) -> dict[str, Any]:
        """What closum.yaml is to say of it."""
        told: dict[str, Any] = {}
        if self.key is not None:
            told["key"] = "bearer" if self.key.bearer else self.key.model_dump(exclude_none=True)
        if self.answers:
            told["answers"] = self.answers
        rows = {
            one.action: {"basis": "confirmed", "by": by, "on": on, **one.override}
            for one in self.findings
            if one.state in {State.CONFIRMED, State.DIFFERS}
        }
        return {**told, **({"actions": rows} if rows else {})}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may be done: with `write` a lead of our own is made and deleted. Without a recipient no message is sent."""

    write: bool = False
    tag: str = NAME
    address: str = "flows-verify@example.com"
    email: str | None = None
    phone: str | None = None
    template: str | None = None


Asking = Generator[Try, Seen, Any]


def lost(seen: Seen) -> bool:
    """Whether what was asked may have been done all the same: no answer, one of a server that is ill, or a page."""
    page = OK <= seen.status < FIRST_REDIRECT and isinstance(seen.body, str) and bool(seen.body.strip())
    return seen.status == 0 or seen.status >= FIRST_ILL or page


def told(row: Endpoint) -> str:
    """A row for people."""
    return f"{row.method} {row.path}"


@dataclass
class Verification:
    """One go through an account. `run` and then `clean_up`, which is for whatever ended it."""

    facts: Facts
    wanted: Wanted
    report: Report = field(default_factory=Report)
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with what is known."""
        self._key = self.facts.key or KEYS[0]
        self._rows = {name: self.facts.endpoint(name, row) for name, row in ENDPOINTS.items()}
        self._before = dict(self._rows)
        self._answered: list[str] = []
        self._nouns: tuple[str, ...] = ()
        self._slash: bool | None = None
        self._refusal: Seen | None = None
        self._enveloped = False
        self._unclear = False

    def run(self) -> Asking:
        """All of it."""
        yield from self._find_key()
        yield from self._row("closum.sms.check_credits", {})
        if self.wanted.write:
            yield from self._with_a_lead()
            yield from self._messages()
        else:
            yield from self._row("closum.lead.view", {"lead_id": NO_ID}, unknown=True)
        self._not_tried()
        self._tell_envelope()

    def clean_up(self) -> Asking:
        """Delete what is left of ours, by whatever works."""
        for number in list(self.made):
            for name in ("closum.lead.delete", "closum.contact.remove"):
                row = self._rows[name]
                fields = dict.fromkeys(SHAPES[name].inputs, number)
                seen = yield self._try(f"clean up: delete the test lead {number}", row, fields, changes=True)
                if self._well(row, seen):
                    self.made.remove(number)
                    break
        self.report.left += [f"the test lead {number}" for number in self.made]

    # the key

    def _find_key(self) -> Asking:
        known = self._key
        for place in dict.fromkeys((known, *KEYS)):
            for path in LISTS:
                request = ClosumRequest("GET", path, None, None)
                says = f"read {path}, with the key as {key_place(place)}"
                seen = yield Try(says, request, place, changes=False)
                status = status_of(seen)
                if status in UNAUTHORIZED:
                    break
                if status not in NOT_THERE:
                    self._key = place
                    self._answered.append(path)
                    self._slash = path.endswith("/")
                    if place != known:
                        self.report.key = place
                    self._learn_noun(path)
                    return
        # None answered: what is known stays.

    # a row

    def _row(self, name: str, fields: Mapping[str, Any], *, unknown: bool = False) -> Asking:
        """Try a row until it works. Answers with what it answered; None: it does not."""
        known = self._rows[name]
        tried: set[tuple[str, str]] = set()
        refused: tuple[Endpoint, Seen] | None = None
        last: Seen | None = None
        for method, path in self._ways(name, known):
            verbs = self._verbs(name, method)
            queue = [method]
            while queue:
                verb = queue.pop(0)
                if (verb, path) in tried or any(fields.get(hole) in (None, "") for hole in HOLE.findall(path)):
                    continue
                tried.add((verb, path))
                row = moved(known, verb, path)
                seen = yield self._try(f"{name}: {verb} {path}", row, fields, changes=verb != "GET")
                last = seen
                status = status_of(seen)
                if status == NOT_ALLOWED:
                    said = [one.strip().upper() for one in seen.headers.get("allow", "").split(",")]
                    queue += [one for one in verbs if one in said] if any(said) else list(verbs)
                    continue
                if status in NOT_THERE and not (unknown and self._knows_lead(seen)):
                    continue
                if unknown:
                    return self._of_unknown(name, row, seen)
                if (mended := (yield from self._mended(name, row, fields, seen))) is not None:
                    return self._works(name, *mended)
                refused = refused or (row, seen)
                break
            if refused is not None and path == known.path:
                break  # it is there, and does not want what we have
        expected = told(known)
        if refused is not None:
            row, seen = refused
            why = f"{told(row)}: {seen.status or 'no answer:'} {seen.said[:200]}"
            self.report.findings.append(Finding(name, State.REFUSED, expected, why))
            self._unclear = lost(seen)
        else:
            near = max(self._answered, key=lambda path: SequenceMatcher(None, known.path, path).ratio(), default="")
            there = f"; the nearest that answered: {near}" if near else ""
            code = "" if last is None else f"{status_of(last)}"
            self.report.findings.append(Finding(name, State.ABSENT, expected, f"{code}{there}"))
        return None

    def _ways(self, name: str, known: Endpoint) -> Iterator[tuple[str, str]]:
        for method, path in ways_to(name, known.method, known.path, self._nouns):
            first = path == known.path
            if "{" in path or self._slash is None or first:
                yield method, path
                if first or (self._slash is None and "{" not in path):
                    yield method, path.rstrip("/") if path.endswith("/") else f"{path}/"
            else:
                yield method, f"{path.rstrip('/')}/" if self._slash else path.rstrip("/")

    def _verbs(self, name: str, method: str) -> tuple[str, ...]:
        return ("POST", "DELETE") if name in REMOVES else VERBS_OF.get(method, ("POST",))

    def _mended(self, name: str, row: Endpoint, fields: Mapping[str, Any], seen: Seen) -> Asking:
        """The row that works, and its answer, after as many changes as the refusals suggest; None: none works."""
        done: set[str] = set()
        for _ in range(MOST_MENDS):
            if self._well(row, seen):
                return row, seen
            if status_of(seen) in UNAUTHORIZED | NOT_THERE and seen.status not in REFUSED:
                return None
            if lost(seen):
                return None  # it may have been done: not once more
            self._refusal = seen
            change = next((one for one in mends(name, row, fields, seen) if repr(one) not in done), None)
            if change is None:
                return None
            done.add(repr(change))
            row = change
            says = f"{name}: {told(row)}, as the refusal suggests"
            seen = yield self._try(says, row, fields, changes=row.method != "GET")
        return (row, seen) if self._well(row, seen) else None

    def _works(self, name: str, row: Endpoint, seen: Seen) -> Seen:
        row = self._read(name, row, seen)
        self._rows[name] = row
        self._answered.append(row.path)
        self._learn_noun(row.path)
        if "{" not in row.path:
            self._slash = row.path.endswith("/")
        self._note(name, row)
        return seen

    def _note(self, name: str, row: Endpoint) -> None:
        before = self._before[name]
        override = difference(before, row)
        fields = ACTIONS[name].signature.inputs.model_fields
        if holes := sorted(one for one in HOLE.findall(row.path) if not fields[one].is_required()):
            override["needs"] = holes
        # Success and the answer's place are told once for all rows, where they are found.
        state = State.DIFFERS if override else State.CONFIRMED
        finding = Finding(name, state, told(before), told(row), override)
        self.report.findings = [one for one in self.report.findings if one.action != name] + [finding]

    def _well(self, row: Endpoint, seen: Seen) -> bool:
        """Whether an answer is no refusal, as far as is known of refusals."""
        if not OK <= seen.status < FIRST_REDIRECT:
            return False
        body = seen.body
        if not isinstance(body, dict):
            return body is None or isinstance(body, list) or not str(body).strip()
        for name in SUCCESSES:
            value = body.get(name)
            if value is False or (
                isinstance(value, str) and value.lower() in {"error", "fail", "failed", "ko", "erro"}
            ):
                return False
            if name in {"ok", "success"} and value == 0 and not isinstance(value, bool):
                return False
        inside = code_inside(body)
        return inside is None or inside < FIRST_ERROR or row.success == {}

    def _read(self, name: str, row: Endpoint, seen: Seen) -> Endpoint:
        """The row with success, place and names of the answer as it was seen."""
        body = seen.body if isinstance(seen.body, dict) else {}
        first = next(iter(row.success), None)
        if first is None or value_of(body, first) != row.success[first]:
            row = replace(row, success=success_of(body, self._refusal))
        if not isinstance(at(body, row.data), dict | list) or row.data == "":
            row = replace(row, data=data_of(body))
        found = at(body, row.data)
        held = found[0] if isinstance(found, list) and found else found
        answer = dict(row.answer)
        for output in SHAPES[name].outputs - (SHAPES[name].inputs.keys() if name in GONE else frozenset()):
            theirs = answer.get(output, output)
            if theirs is not None and holds(seen.body, held, theirs):
                continue
            if (near := place_of(output, seen.body, held)) is not None:
                answer[output] = near
        return replace(row, answer=answer)

    # what is done with a lead

    def _with_a_lead(self) -> Asking:
        lead: dict[str, Any] = {
            "name": NAME,
            "email": self.wanted.address,
            "mobile_number": "351912345678",
            "consent_email": False,
            "consent_sms": False,
            "tags": [self.wanted.tag],
            "update_enabled": True,
        }
        number = yield from self._add(lead)
        if number is None:
            return
        seen = yield from self._row("closum.lead.view", {"lead_id": number})
        if seen is not None:
            yield from self._compare(lead, seen, number)
        email, tag = self.wanted.address, self.wanted.tag
        for name, fields in (
            ("closum.lead.edit_by_email", {"email": email, "name": f"{NAME} edited", "consent_sms": False}),
            ("closum.lead.update", {"lead_id": number, "name": NAME, "consent_email": False, "tags": [tag]}),
            ("closum.tag.create", {"name": tag}),
            ("closum.contact.add_tag", {"contact_id": number, "tag": tag}),
            ("closum.contact.add_tag_by_email", {"email": email, "tag": tag}),
            ("closum.contact.remove_tag", {"contact_id": number, "tag": tag}),
            ("closum.contact.remove_tag_by_email", {"email": email, "tag": tag}),
        ):
            yield from self._row(name, fields)
        yield from self._removed("closum.lead.delete", {"lead_id": number}, number)
        again = yield from self._add(lead)
        if again is not None:
            yield from self._removed("closum.contact.remove", {"contact_id": again}, again)

    def _removed(self, name: str, fields: Mapping[str, Any], number: str) -> Asking:
        """A deletion is believed when the lead is not there any more, where leads can be viewed."""
        if (yield from self._row(name, fields)) is None:
            return
        view = self._rows["closum.lead.view"]
        if any(one.action == "closum.lead.view" and one.state in WORKING for one in self.report.findings):
            after = yield self._try(f"{name}: is it gone?", view, {"lead_id": number}, changes=False)
            if self._well(view, after) and str(output_of(after.body, view, "lead_id") or "") == number:
                said = f"{told(self._rows[name])} says that it is done, and the lead is still there"
                others = [one for one in self.report.findings if one.action != name]
                self.report.findings = [*others, Finding(name, State.REFUSED, told(self._before[name]), said)]
                return
        self.made.remove(number)

    def _add(self, lead: Mapping[str, Any]) -> Asking:
        seen = yield from self._row("closum.lead.add", lead)
        if seen is None:
            if self._unclear:
                self.report.left.append(f"perhaps a test lead {lead['email']}, as adding it had no clear answer")
            return None
        row = self._rows["closum.lead.add"]
        for name in ("closum.lead.update", "closum.lead.edit_by_email"):
            known, inputs = self._rows[name], SHAPES[name].inputs
            named = {ours: theirs for ours, theirs in row.fields.items() if ours in inputs}
            formed = {ours: form for ours, form in row.forms.items() if ours in inputs}
            self._rows[name] = replace(known, fields={**named, **known.fields}, forms={**formed, **known.forms})
        found = output_of(seen.body, row, "lead_id")
        if found in (None, ""):
            return None
        number = str(found)
        if number not in self.made:
            self.made.append(number)
        return number

    def _compare(self, lead: Mapping[str, Any], seen: Seen, number: str) -> Asking:
        """What the account kept of the lead: a name that it did not know it has left out silently."""
        row = self._rows["closum.lead.add"]
        kept = {last: value for _, last, value in walk(seen.body)}
        lost: dict[str, str] = {}
        for ours in ("name", "email", "mobile_number"):
            there = [theirs for theirs in names_for(ours) if theirs in kept]
            if there and not any(str(kept[one] or "").lstrip("+") == str(lead[ours]) for one in there):
                lost[ours] = there[0]
        if not lost:
            return
        changed = replace(row, fields={**row.fields, **lost})
        again = yield self._try("closum.lead.add: with the names that the lead has", changed, lead, changes=True)
        if self._well(changed, again):
            view = self._rows["closum.lead.view"]
            after = yield self._try("closum.lead.view: what it kept now", view, {"lead_id": number}, changes=False)
            now = {last: value for _, last, value in walk(after.body)}
            if all(str(now.get(theirs) or "").lstrip("+") == str(lead[ours]) for ours, theirs in lost.items()):
                self._rows["closum.lead.add"] = changed
                self._note("closum.lead.add", changed)

    def _messages(self) -> Asking:
        wanted = self.wanted
        if wanted.phone:
            digits = wanted.phone.removeprefix("+")
            yield from self._row("closum.sms.send", {"recipient": digits, "message": "closum-flows: a test"})
            if wanted.template:
                fields = {"to": digits, "template": wanted.template, "language": "pt_PT", "parameters": []}
                yield from self._row("closum.whatsapp.send_template", fields)
        if wanted.email and wanted.template:
            yield from self._row("closum.email.send_template", {"to": wanted.email, "template": wanted.template})

    def _of_unknown(self, name: str, row: Endpoint, seen: Seen) -> None:
        """A lead that nobody has: that the endpoint says so in its own words is all that can be seen by reading."""
        if lost(seen) or status_of(seen) in UNAUTHORIZED | LIMITED:
            why = f"{told(row)}: {seen.status} {seen.said[:200]}"
            self.report.findings.append(Finding(name, State.REFUSED, told(self._before[name]), why))
            return
        self._refusal = seen
        if told(row) == told(self._before[name]):
            self.report.findings.append(
                Finding(name, State.CONFIRMED, told(row), f"it says that lead {NO_ID} is not there")
            )
        else:
            self._rows[name] = row
            self._note(name, row)

    def _knows_lead(self, seen: Seen) -> bool:
        """Whether a 404 is the endpoint's own word for a lead that is not there."""
        return seen.status == OK or any(word in seen.said.lower() for word in ("no lead", "lead not", "contact not"))

    # the rest

    def _learn_noun(self, path: str) -> None:
        noun = path.strip("/").partition("/")[0]
        if noun and noun not in {"sms", "tag", "tags", "balance", "credits", "email", "whatsapp"}:
            self._nouns = tuple(dict.fromkeys((noun, *self._nouns)))

    def _try(self, says: str, row: Endpoint, fields: Mapping[str, Any], *, changes: bool) -> Try:
        known = {name: value for name, value in fields.items() if name not in row.lacks}
        return Try(says, request_of(row, known), self._key, changes)

    def _not_tried(self) -> None:
        done = {one.action for one in self.report.findings}
        self.report.findings += [
            Finding(name, State.NOT_TRIED, told(row)) for name, row in self._before.items() if name not in done
        ]

    def _tell_envelope(self) -> None:
        """What is the same in all answers that differ is told once, and holds for the rows that were not tried too."""
        keys = ("success", "data", "code", "message")
        if self._refusal is not None and isinstance(self._refusal.body, dict):
            self.report.answers |= refusal_names(self._refusal.body)
        differing = [one for one in self.report.findings if one.state is State.DIFFERS]
        for key in keys:
            values = [one.override[key] for one in differing if key in one.override]
            if not values:
                continue
            most = max(values, key=values.count)
            # Only where nobody was seen to be otherwise.
            if all(key in one.override for one in self.report.findings if one.state is State.CONFIRMED):
                self.report.answers[key] = most
                for one in differing:
                    if one.override.get(key) == most:
                        del one.override[key]
