"""A stand-in Closum: V2's wire format and a small CRM, over real HTTP, with state to look at and faults to switch on.

    python -m deploy.local.closum --host 127.0.0.1 --port 8090

| path | what |
|---|---|
| `/v2/…` | Closum's API V2 (see docs/closum.md): `api-key` in the query, 200 with `status: false` for a refusal |
| `/crm/contacts` | a CRM: needs a bearer token, wants E.164 numbers, honours Idempotency-Key |
| `/_state`, `/_state/{part}` | all that happened, as JSON |
| `/_faults` | `POST` one fault (see `faults.py`), `GET` them with their hits, `DELETE` them all |
| `/_facts` | `POST` what closum.yaml says: then V2 is called, answers and tells so (see `other_form.py`) |
| `/_reset` | `POST`: as new |

It believes any non-empty key and token, keeps everything in memory, and is for tests, demonstrations and development.
"""
