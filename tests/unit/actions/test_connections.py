"""The connections file: what it may hold, and how a mistake in it is told. And: secrets stay out of sight."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from services.actions.connections import Connection, load
from services.actions.connections.connection import relied_on
from services.actions.connections.parts import ConnectionLimits, Probe
from services.actions.registry import ACTIONS
from services.closum.endpoint import Basis, Endpoint, FieldPlacement
from services.flows.idempotency import ASSUMED, IdempotencyKey
from services.runtime.documents.secrets import HIDDEN, Mask
from services.runtime.settings import SettingsError
from tests.support.actions import request
from tests.unit.actions.calls import FakeCall

SECRET = 'Marker"7/é+'
ENVIRON = {"KEY": SECRET, "TOKEN": "Marker-token-7", "EMPTY": " ", "LINES": "a\nb"}


def write(folder: Path, text: str) -> Path:
    """A file of connections."""
    path = folder / "connections.yaml"
    path.write_text(text)
    return path


def test_no_file_is_no_connection() -> None:
    """Then only whole addresses without credentials can be called."""
    assert load(None) == {}


def test_every_form_of_authentication(tmp_path: Path) -> None:
    """Made ready once: headers and query as they are sent."""
    (tmp_path / "token").write_text(" Marker-file-7\n")
    path = write(
        tmp_path,
        f"""
connections:
  a: {{ base_url: "https://x.example/v2/", authentication: {{ query: api-key, secret: {{ env: KEY }} }} }}
  b: {{ base_url: "http://x.example:81", authentication: {{ header: X-Key, secret: {{ env: TOKEN }} }} }}
  c: {{ base_url: "https://x.example", authentication: {{ bearer: {{ file: {tmp_path / "token"} }} }} }}
  d: {{ base_url: "https://x.example", authentication: {{ basic: "usér", password: {{ env: KEY }} }} }}
  e: {{ base_url: "https://x.example" }}
""",
    )
    found = load(path, ENVIRON)
    assert {name: (one.base_url, one.headers, one.query) for name, one in found.items()} == {
        "a": ("https://x.example/v2", {}, "api-key=Marker%227%2F%C3%A9%2B"),
        "b": ("http://x.example:81", {"X-Key": "Marker-token-7"}, ""),
        "c": ("https://x.example", {"Authorization": "Bearer Marker-file-7"}, ""),
        "d": (
            "https://x.example",
            {"Authorization": f"Basic {base64.b64encode(f'usér:{SECRET}'.encode()).decode()}"},
            "",
        ),
        "e": ("https://x.example", {}, ""),
    }
    assert "Marker" not in repr(found)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("connections: [", 1, "not YAML"),
        ("connections:\n  a: 1\n  a: 2\n", 3, "keep one"),
        ("", 1, "the file"),
        ("conections: {}\n", 1, "conections"),
        ("connections:\n  Crm:\n    base_url: https://x\n", 1, "'Crm' is no name"),
        ("connections:\n  a:\n    base_url: ftp://x\n", 3, "https://crm.example.com/api is expected"),
        ("connections:\n  a:\n    base_url: https://u:p@x\n", 3, "no credentials"),
        ("connections:\n  a:\n    base_url: https://x?api-key=1\n", 3, "no credentials, query"),
        ("connections:\n  a:\n    base_url: https://x:99999\n", 3, "no valid address"),
        ("connections:\n  a:\n    base_ulr: https://x\n", 2, "connections.a.base_ulr"),
        ("connections:\n  a:\n    base_url: https://x\n    authentication:\n      bearer: hush\n", 5, "bearer"),
        ("connections:\n  a:\n    base_url: https://x\n    authentication: { query: k }\n", 4, "is one of"),
        (
            "connections:\n  a:\n    base_url: https://x\n    authentication:\n      bearer: { env: A, file: B }\n",
            5,
            "either",
        ),
        (
            "connections:\n  a:\n    base_url: https://x\n    authentication: { bearer: { env: MISSING } }\n",
            4,
            "'MISSING' holds no secret",
        ),
        (
            "connections:\n  a:\n    base_url: https://x\n    authentication: { bearer: { env: EMPTY } }\n",
            4,
            "no secret",
        ),
        (
            "connections:\n  a:\n    base_url: https://x\n    authentication: { bearer: { env: LINES } }\n",
            4,
            "one line",
        ),
        ("connections:\n  a:\n    base_url: https://x\n    authentication: { bearer: { env: KEY } }\n", 4, "ASCII"),
        (
            "connections:\n  a:\n    base_url: https://x\n    authentication: { bearer: { file: /no } }\n",
            4,
            "No such file",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    """File, line, what, and never a value that could be a secret."""
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        load(path, ENVIRON)
    said = str(raised.value)
    assert said.startswith(f"{path}:{line}:"), said
    assert told in said
    assert "hush" not in said
    assert "Marker" not in said


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One start tells all there is to mend."""
    text = "connections:\n  a: { base_url: x }\n  b: { base_url: https://x, wrong: 1 }\n"
    with pytest.raises(SettingsError) as raised:
        load(write(tmp_path, text), ENVIRON)
    assert [line.split(":")[1] for line in str(raised.value).splitlines()] == ["2", "3"]


def test_a_file_that_is_not_there() -> None:
    """The setting is named."""
    with pytest.raises(SettingsError, match=r"FLOWS_CONNECTIONS_FILE='/nowhere/x.yaml': cannot be read"):
        load(Path("/nowhere/x.yaml"))


def test_a_mask_knows_every_form_in_which_a_secret_comes_back() -> None:
    """As it is, in a URL as each library quotes it, in JSON with and without escapes, in HTML, in base64."""
    mask = Mask((SECRET,))
    forms = (
        SECRET,
        "Marker%227%2F%C3%A9%2B",
        "Marker%227/%c3%a9+",
        "Marker&quot;7&#x2F;é&#43;",
        'Marker\\"7/é+',
        'Marker\\"7\\/\\u00E9+',
        base64.b64encode(SECRET.encode()).decode(),
    )
    for form in forms:
        assert mask.text(f"a {form} b") == f"a {HIDDEN} b"
        assert mask.content(f"a {form} b".encode()) == f"a {HIDDEN} b".encode()
    assert mask.text("nothing") == "nothing"


def test_a_mask_leaves_very_short_secrets() -> None:
    """They would be found in every text."""
    assert Mask(("ab",)).text("abc") == "abc"


def test_everything_that_a_connection_can_have(tmp_path: Path) -> None:
    """Limits, hosts, time-outs, endpoints that are other than assumed, and what tests it."""
    path = write(
        tmp_path,
        """
connections:
  a:
    base_url: https://x.example/v2
    authentication:
      oauth2: https://login.example/token
      client_id: ours
      client_secret: { env: KEY }
      scope: contacts.write
    allowed_hosts: [Files.example.com, "*.cdn.example"]
    call_seconds: 30
    connect_seconds: 2.5
    limits: { requests_per_second: 20, burst: 40, concurrency: 10, per_day: 10000 }
    idempotency: { header: X-Request-Key, for: 1h30m }
    proxy: { url: "http://proxy.internal:3128", username: us, password: { env: TOKEN } }
    endpoints:
      closum.lead.update:
        { method: PUT, path: contacts/edit, fields: { lead_id: id }, place: form, success: { ok: true } }
      closum.contact.add_tag: { answer: { contact_id: id }, done_already: [208] }
    probe: closum.sms.check_credits
  b:
    base_url: https://x.example
    idempotency: {}
    probe: { path: /me, expect: [200, 403] }
  c:
    base_url: https://x.example
""",
    )
    found = load(path, ENVIRON)
    a = found["a"]
    assert a.allowed_hosts == ("files.example.com", "*.cdn.example")
    assert (a.call_seconds, a.limits) == (30, ConnectionLimits(20, 40, 10, 10000))
    assert (a.idempotency, found["b"].idempotency, found["c"].idempotency) == (
        IdempotencyKey("X-Request-Key", 5400),
        IdempotencyKey("Idempotency-Key", 86_400),
        None,
    )
    assert a.transport is not None
    assert (a.transport.proxy, a.transport.connect_seconds) == ("http://proxy.internal:3128", 2.5)
    assert a.transport.proxy_authentication == ("us", "Marker-token-7")
    assert a.oauth2 is not None
    assert (a.oauth2.token_url, a.oauth2.client_id, a.oauth2.scope) == (
        "https://login.example/token",
        "ours",
        "contacts.write",
    )
    row = a.endpoints["closum.lead.update"]
    assert (row.method, row.path, row.place, row.basis) == (
        "PUT",
        "contacts/edit",
        FieldPlacement.FORM,
        Basis.CONFIGURED,
    )
    assert (dict(row.fields), dict(row.success)) == ({"lead_id": "id"}, {"ok": True})
    assert a.endpoints["closum.contact.add_tag"].path == "contact/add-tag/"
    assert (a.probe, found["b"].probe) == (
        Probe(action="closum.sms.check_credits"),
        Probe(path="/me", expect=frozenset({200, 403})),
    )
    assert "Marker" not in repr(found)
    assert a.mask.text(f"{SECRET} Marker-token-7") == f"{HIDDEN} {HIDDEN}"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("limits: { burst: 3 }", "burst needs requests_per_second"),
        ("limits: { requests_per_second: 0 }", "limits.requests_per_second"),
        ("allowed_hosts: ['*']", "allowed_hosts.0"),
        ("allowed_hosts: ['https://x.example']", "allowed_hosts.0"),
        ("proxy: { url: 'https://proxy.internal' }", "such as http://proxy.internal:3128"),
        ("proxy: { url: 'http://proxy.internal', username: us }", "go together"),
        ("tls: { key: /k.pem }", "need certificate"),
        ("tls: {}", "give ca, certificate or both"),
        ("tls: { ca: /nowhere.pem }", "No such file"),
        ("endpoints: { closum.lead.ad: { path: x } }", "no action 'closum.lead.ad'"),
        ("endpoints: { closum.lead.add: { path: 'x?y' } }", "path"),
        ("endpoints: { closum.lead.add: { place: body } }", "place"),
        ("probe: closum.sms.send", "probe"),
        ("authentication: { oauth2: 'https://x', client_id: a }", "client_secret"),
        ("authentication: { oauth2: nowhere, client_id: a, client_secret: { env: KEY } }", "address such as"),
        ("authentication: { bearer: { env: TOKEN }, scope: x }", "authentication is one of"),
        ("authentication: { oauth2: 'https://x', grant: password, client_id: a }", "authentication.grant"),
        ("authentication: { oauth2: 'https://x', grant: refresh_token, client_id: a }", "client_secret or private_key"),
        (
            "authentication: { oauth2: 'https://x', grant: jwt_bearer, private_key: { env: KEY }, sign_in: {} }",
            "sign_in.address",
        ),
        (
            "authentication: { oauth2: 'https://x', client_id: a, client_secret: { env: KEY }, subject: b }",
            "takes no subject",
        ),
        ("signing: { header: X-Signature }", "header and secret"),
        ("signing: { standard_webhooks: { env: KEY } }", "is base64"),
        ("signing: { standard_webhooks: { env: KEY }, header: X-A }", "nothing beside it"),
        ("signing: { header: X-A, secret: { env: KEY }, signs: '{bdy}' }", "there is no {bdy}"),
        ("signing: { header: X-A, secret: { env: KEY }, signs: '{url}' }", "without {body}"),
        ("signing: { header: X-A, secret: { env: KEY }, signs: '{timestamp}.{body}' }", "go together"),
        ("signing: { header: X-A, secret: { env: KEY }, signs: '{id}{body}' }", "{id} needs id_header"),
        ("signing: { header: Content-Type, secret: { env: KEY } }", "another meaning"),
        ("authentication: { oauth2: 'https://x', grant: jwt_bearer, issuer: a }", "needs private_key"),
        (
            "authentication: { oauth2: 'https://x', client_id: a, client_secret: { env: K }, assertion_audience: b }",
            "assertion_audience is of a client that proves itself by its private_key",
        ),
        ("authentication: { oauth2: 'https://x', grant: jwt_bearer, private_key: { env: KEY } }", "no PEM of an RSA"),
        (
            "authentication: { oauth2: 'https://x', client_id: a, client_secret: { env: KEY }, key_id: b }",
            "key_id names the private_key",
        ),
        (
            "authentication: { oauth2: 'https://x', client_id: a, client_secret: { env: KEY }, scheme: 'a b' }",
            "authentication.scheme",
        ),
        ("call_seconds: -1", "call_seconds"),
        ("idempotency: { for: tomorrow }", "such as 30s or 2h"),
        ("idempotency: { for: 0s }", "longer than nothing"),
        ("idempotency: { for: 24 }", "idempotency.for"),
        ("idempotency: { header: 'X Key' }", "idempotency.header"),
        ("idempotency: { header: content-type }", "another meaning"),
        ("idempotency: { header: Authorization }", "another meaning"),
        ("idempotency: { headers: X }", "idempotency.headers"),
        ("idempotency: true", "idempotency"),
    ],
)
def test_a_mistake_in_any_part_is_told(tmp_path: Path, entry: str, told: str) -> None:
    """With the line and column of the part."""
    path = write(tmp_path, f"connections:\n  a:\n    base_url: https://x\n    {entry}\n")
    with pytest.raises(SettingsError) as raised:
        load(path, ENVIRON)
    assert str(raised.value).startswith(f"{path}:4:"), raised.value
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "both",
    [
        "authentication: { header: X-Key, secret: { env: KEY } }\n    idempotency: { header: x-key }",
        "signing: { header: Idempotency-key, secret: { env: KEY } }\n    idempotency: {}",
        "signing: { standard_webhooks: { env: KEY } }\n    idempotency: { header: Webhook-Id }",
    ],
)
def test_a_key_and_a_secret_have_headers_of_their_own(tmp_path: Path, both: str) -> None:
    """One of them would be lost."""
    path = write(tmp_path, f"connections:\n  a:\n    base_url: https://x\n    {both}\n")
    with pytest.raises(SettingsError, match="cannot carry both"):
        load(path, ENVIRON)


def test_a_token_address_is_called_as_it_is_written(tmp_path: Path) -> None:
    """Some end with a slash: a redirect to that would lose the form."""
    path = write(
        tmp_path,
        """
connections:
  a:
    base_url: https://x/rest/
    authentication:
      oauth2: https://login.example/token/
      grant: refresh_token
      client_id: ours
      client_secret: { env: KEY }
      sign_in: { address: https://login.example/authorize/ }
""",
    )
    found = load(path, ENVIRON)["a"]
    assert found.oauth2 is not None
    assert found.oauth2.sign_in is not None
    assert (found.base_url, found.oauth2.token_url, found.oauth2.sign_in.address) == (
        "https://x/rest",
        "https://login.example/token/",
        "https://login.example/authorize/",
    )


def test_runs_of_before_count_on_a_key_everywhere() -> None:
    """Those of today only where it is declared; how long it protects holds for both."""
    old = request(1).run
    new = old.model_copy(update={"keys_declared": True})
    plain = Connection("crm", "https://crm.example", headers={"X-A": "b"})
    declared = replace(plain, idempotency=IdempotencyKey(seconds=60))
    assert relied_on(plain, new) is plain
    assert relied_on(None, new) is None
    assert relied_on(plain, old) == replace(plain, idempotency=ASSUMED)
    nowhere = relied_on(None, old)
    assert nowhere is not None
    assert (nowhere.name, nowhere.base_url, nowhere.idempotency) == ("", "", ASSUMED)
    assert relied_on(declared, old) is relied_on(declared, new) is declared


def test_whoever_only_looks_reads_no_secret(tmp_path: Path) -> None:
    """To show a request as it would be sent."""
    path = write(
        tmp_path, "connections:\n  a:\n    base_url: https://x\n    authentication: { bearer: { env: NONE } }\n"
    )
    assert load(path, {}, secrets=False)["a"].headers == {"Authorization": f"Bearer {HIDDEN}"}


async def test_an_endpoint_of_the_connections_file_is_what_is_called() -> None:
    """Method, path, names of fields, their place, the answer and its success: no code is changed for it."""
    row = Endpoint(
        "PUT",
        "contacts/edit",
        Basis.CONFIGURED,
        fields={"lead_id": "id", "tags": "labels"},
        answer={"lead_id": "contact"},
        place=FieldPlacement.FORM,
        success={"ok": True},
    )
    action = ACTIONS["closum.lead.update"]
    call = FakeCall({"ok": True, "responseData": {"contact": 9}}, endpoints={"closum.lead.update": row})
    given = {"lead_id": 7, "tags": ["a", "b"], "consent_sms": True, "custom_fields": {"x": 1}}
    outputs = await action.run(action.signature.inputs.model_validate(given), call)
    assert outputs.model_dump() == {"lead_id": "9"}
    asked = call.asked[0]
    assert (asked.method, asked.url) == ("PUT", "contacts/edit")
    assert asked.body is not None
    assert dict(parse_qsl(asked.body.content.decode())) == {
        "id": "7",
        "labels[1]": "a",
        "labels[2]": "b",
        "consent_sms": "true",
        "custom_fields[x]": "1",
    }
