"""text.extract: e-mail addresses, URLs, numbers, phones, hashtags or a pattern's hits (RE2, linear time)."""

from __future__ import annotations

from typing import Literal

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, Field
from typing_extensions import override

from contracts.texts import one_text
from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.refined import MAX_PATTERN, Region, pattern
from services.flows.unknown import known
from services.tools.toolkit.size_bounds import Text

What = Literal["email", "url", "number", "phone", "hashtag", "mention", "pattern"]


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text, such as a message")
    what: What = Field(description="email, url, number, phone (in E.164), hashtag, mention, or pattern")
    pattern: str = Field(
        default="", max_length=MAX_PATTERN, description="for what: pattern; with a group, the group is what is taken"
    )
    ignore_case: bool = Field(default=True, description="whether capitals do not count in a pattern")
    region: Region = Field(default="PT", description="for what: phone: country of numbers without a prefix")
    limit: int = Field(default=100, ge=1, le=1000, description="at most so many, from the left")

    @override
    def hopeless(self) -> None:
        """A pattern that is none."""
        pattern(known(self.pattern))


class Outputs(BaseModel):
    """What it gives."""

    found: bool = Field(description="whether there is any")
    first: str = Field(default="", description="the first, or empty", json_schema_extra={"longest": "text"})
    items: list[str] = Field(default_factory=list, description="all, in order", json_schema_extra={"longest": "text"})


PATTERNS: dict[str, str] = {
    "email": r"[\pL\pN.!#$%&'*+/=?^_`{|}~-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+",
    "url": r"https?://[^\s<>\"'`]+",
    "number": r"[-+]?\d+(?:[.,]\d+)*",
    "hashtag": r"#([\pL\pN_]+)",
    "mention": r"(?:^|[^\pL\pN_.@])@([\pL\pN_.]*[\pL\pN_])",
}
MAX_PHONE_TEXT = 5000


def hits(text: str, form: str, limit: int, *, ignore_case: bool) -> list[str]:
    """What a pattern finds: its first group, or all of the hit. Raises ToolError for a wrong pattern."""
    try:
        compiled = pattern(one_text(form), ignore_case=ignore_case)
    except ValueError as error:
        raise ToolError(str(error)) from None
    found: list[str] = []
    for hit in compiled.finditer(one_text(text)):
        found.append((hit.group(1) if compiled.groups else hit.group()) or "")
        if len(found) == limit:
            break
    return found


def phones(text: str, region: str, limit: int) -> list[str]:
    """Valid numbers in E.164. Raises ToolError for more than 5,000 characters: finding phones is slow."""
    if len(text) > MAX_PHONE_TEXT:
        raise ToolError(f"phones are looked for in at most {MAX_PHONE_TEXT} characters, here are {len(text)}")
    matcher = phonenumbers.PhoneNumberMatcher(text, region, max_tries=1000)
    found: list[str] = []
    for hit in matcher:
        found.append(phonenumbers.format_number(hit.number, phonenumbers.PhoneNumberFormat.E164))
        if len(found) == limit:
            break
    return found


def without_mark(url: str) -> str:
    """Without the sentence's mark behind it; a bracket stays when it closes one of the address's own."""
    end, open_now = len(url), url.count("(") - url.count(")")
    while url[end - 1] in ".,;:!?]}" or (url[end - 1] == ")" and open_now < 0):
        open_now += url[end - 1] == ")"
        end -= 1
    return url[:end]


def is_email(text: str) -> bool:
    """Whether email-validator takes it."""
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


@tool(
    "text.extract",
    group=Group.PARSE,
    examples=[
        Example(
            "an e-mail address in a message",
            {"text": "Write to ana@x.pt, or rui@y.pt.", "what": "email"},
            {"found": True, "first": "ana@x.pt", "items": ["ana@x.pt", "rui@y.pt"]},
        ),
        Example(
            "an address of the web", {"text": "see https://x.pt/a?b=1.", "what": "url"}, {"first": "https://x.pt/a?b=1"}
        ),
        Example("a phone number", {"text": "ligue 912 345 678 hoje", "what": "phone"}, {"first": "+351912345678"}),
        Example(
            "an order's number",
            {"text": "Order no. 4711", "what": "pattern", "pattern": r"no\. (\d+)"},
            {"first": "4711"},
        ),
        Example("nothing there", {"text": "hello", "what": "number"}, {"found": False, "first": "", "items": []}),
    ],
)
async def text_extract(inputs: Inputs) -> Outputs:
    """Find e-mail addresses, URLs, numbers, phones, hashtags or a pattern in a text."""
    if inputs.what == "phone":
        items = phones(inputs.text, inputs.region, inputs.limit)
    elif inputs.what == "pattern":
        if not inputs.pattern:
            raise ToolError("what is pattern, but no pattern is given")
        items = hits(inputs.text, inputs.pattern, inputs.limit, ignore_case=inputs.ignore_case)
    else:
        items = hits(inputs.text, PATTERNS[inputs.what], inputs.limit, ignore_case=True)
    if inputs.what == "url":
        items = [without_mark(item) for item in items]
    elif inputs.what == "email":
        items = [item for item in (item.strip(".'") for item in items) if is_email(item)]
    return Outputs(found=bool(items), first=items[0] if items else "", items=items)
