"""The greatest lengths of what Closum holds of a contact: one number a field, for triggers, actions and their answers.

All are assumed: Closum publishes none. So what a trigger gives can go into an action's field of the same kind.
"""

from __future__ import annotations

MOST_NAME = 250
"""Characters of a person's or a company's name."""
MOST_TAG = 250
MOST_ID = 256
"""Of a lead, a contact, a template."""
MOST_EMAIL = 512
"""As people write it, with a name beside it. The address itself has at most 320 (services/flows/refined.py)."""
MOST_PHONE = 250
"""As people write it, with notes."""
MOST_COUNTRY = 250
"""Its name or its letters."""
