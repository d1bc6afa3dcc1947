"""Google Sheets: API v4, by a service account with which the sheet is shared."""

from services.actions.connections.presets.preset import ConnectionPreset, secret
from services.runtime.documents.evidence import assumed, confirmed, inferred

LIMITS = "https://developers.google.com/workspace/sheets/api/limits"
ACCOUNTS = "https://developers.google.com/identity/protocols/oauth2/service-account"
REFERENCE = "https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/append"

PRESET = ConnectionPreset(
    name="google_sheets",
    title="Google Sheets",
    setup="Google Cloud: enable the Sheets API, make a service account and a JSON key of it; share the sheet with its "
    "address. The variable holds the whole JSON; or write { file: PATH }",
    entry={
        "base_url": "https://sheets.googleapis.com/v4/spreadsheets",
        "authentication": {
            "oauth2": "https://oauth2.googleapis.com/token",
            "grant": "jwt_bearer",
            "private_key": secret("KEY"),
            "scope": "https://www.googleapis.com/auth/spreadsheets",
        },
        "limits": {"requests_per_second": 1, "burst": 30},
        "probe": {"path": "/YOUR-SPREADSHEET-ID?fields=spreadsheetId"},
    },
    limits="60 reads and 60 writes a minute and user, 300 a project",
    idempotency="nothing; `PUT` of a range writes the same twice, `:append` a second row",
    verify="`GET` of the column that holds an id of yours",
    creation={
        "method": "POST",
        "url": "/YOUR-SPREADSHEET-ID/values/Leads!A:C:append",
        "query": {"valueInputOption": "RAW"},
        "json": {"values": [["1001", "Inês", "ines@example.com"]]},
        "verify": {
            "url": "/YOUR-SPREADSHEET-ID/values/Leads!A:A",
            "json_schema": {
                "required": ["values"],
                "properties": {"values": {"contains": {"contains": {"const": "1001"}}}},
            },
        },
    },
    evidence=(
        confirmed(LIMITS, "limits"),
        inferred(ACCOUNTS, "authentication", "token_address"),
        confirmed(REFERENCE, "base_url"),
        inferred(REFERENCE, "verify", "idempotency"),
        assumed(REFERENCE, "probe", "failure"),
    ),
)
