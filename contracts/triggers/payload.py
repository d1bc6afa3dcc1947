"""The base of every trigger's payload: a tolerant reader of what senders really send.

What it forgives, so that a flow meets one shape:

- several spellings of a field (`spelled`); the first that has a value is taken, the others are kept under `raw`;
- `null` where a text, a list, an object or a consent belongs: the same as absent;
- a whole number where a text belongs, such as an id or a phone: its digits;
- a time in another form than ours; one that nobody can read is kept as an unknown field;
- a consent as `1`, `"yes"`, `"on"`, `"sim"` and their opposites; absent is no consent;
- a text for people (`Prose`) that is longer than its field: what fits, and the whole under `raw`. A part of an id, an
  address or a number would be another's: too long a one is refused;
- fields nobody knows, at any depth: kept under the `raw` of the object that they came in.

What it refuses is a pydantic.ValidationError and nothing else, whatever JSON value it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from annotated_types import MaxLen
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from contracts.contact_fields import MOST_TAG
from contracts.texts import cut, one_text
from contracts.triggers.sent_times import TimeField, moment

NO_TIME = "a time that cannot be read"
TOO_LONG = "a text that is too long"
EXACT = 2**53  # up to here a double holds every whole number


def spelled(*names: str) -> AliasChoices:
    """The spellings under which a field may arrive: these, and `leadId` for `lead_id`. The first is the flow's name.

    Closum's webhook shapes are assumed: see docs/closum.md.
    """
    return AliasChoices(*names, *(camel for name in names if (camel := _camel(name)) not in names))


def _camel(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def _text(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else one_text(value)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) <= EXACT:
            return str(int(value))
        raise ValueError("a number that is not whole, or too long to be exact: send it as a string")
    return value


def _object(value: object) -> object:
    return {} if value is None else value


def _words(value: object) -> object:
    if value is None:
        return []
    if isinstance(value, str):
        return [word for part in value.split(",") if (word := part.strip())]
    return value


AGREED = frozenset({"true", "1", "yes", "y", "on", "t", "sim", "s", "sí", "si"})
NOT_AGREED = frozenset({"", "false", "0", "no", "n", "off", "f", "não", "nao"})


def _consent(value: object) -> object:
    if value is None or isinstance(value, bool):
        return bool(value)
    said = str(value).strip().lower() if isinstance(value, str | int) else None
    if said in AGREED:
        return True
    if said in NOT_AGREED:
        return False
    # Never taken for a yes, nor silently for a no.
    raise ValueError("is neither true nor false")


Text = Annotated[str, BeforeValidator(_text)]
"""A text, in NFC: a name from a Mac is equal to the same name. `null` is the empty one, a whole number its digits."""

Consent = Annotated[bool, BeforeValidator(_consent)]
"""Whether somebody agreed to something: never inferred, so `null` and absent are no."""

ByUs = Annotated[
    bool,
    BeforeValidator(lambda _: False),
    Field(
        default=False, description="a call of ours made it, and a flow may want to know; whatever a sender says: false"
    ),
]
"""Whether we made it ourselves. Set by services/tools, which recognises it (services/flows/creations.py)."""

Words = Annotated[list[Text], FailFast(), BeforeValidator(_words)]
"""Some texts; also as one text with commas, as forms send it. Of wrong ones the first is told: there may be 80,000."""


LONGER = {"longer": "cut"}


class _Cut:
    """Of a text for people, and of a list of them: what is longer is cut and kept under `raw`."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The mark stands in the schema: its `maxLength` is what flows see, and not what senders may send."""
        made = handler(core)
        return {**made, **LONGER} if "items" not in made else {**made, "items": {**made["items"], **LONGER}}


CUT, CUT_EACH = _Cut(), _Cut()
Prose = Annotated[Text, CUT]
"""A text for people, such as a name. With `max_length`: of a longer one what fits, and the whole under `raw`."""

Tags = Annotated[list[Annotated[Text, Field(max_length=MOST_TAG)]], FailFast(), BeforeValidator(_words), CUT_EACH]
"""Names of tags, in the forms of `Words`; each as `Prose`."""

Absent = BeforeValidator(_object)
"""For an object inside a payload: `null` is the empty one."""


def digits(text: str) -> str:
    """The decimal digits of a text, in ASCII: `+351 912` → `351912`."""
    return "".join(str(int(sign)) for sign in text if sign.isdecimal())


def _says(value: object) -> bool:
    """Whether a value is one: a form sends an empty box as an empty text."""
    return (
        bool(value.strip())
        if isinstance(value, str)
        else value is not None and (bool(value) or not isinstance(value, list | dict))
    )


GROWTH = 3
"""NFC makes at most three characters of one: https://www.unicode.org/faq/normalization.html."""


def _is_longer(value: object, most: int) -> bool:
    """Whether a text, or one of a list of them, has more characters than may be."""
    if isinstance(value, str):
        return len(value) * GROWTH > most and len(one_text(value)) > most
    return isinstance(value, list) and any(isinstance(item, str) and _is_longer(item, most) for item in value)


def _fitting(value: Any, most: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_fitting(item, most) if isinstance(item, str) else item for item in value]
    return cut(one_text(value), most)


def _most(field: FieldInfo) -> int:
    """The greatest length of a text's field, or of each text of a list's."""
    lengths = [part.max_length for part in field.metadata if isinstance(part, MaxLen)]
    return lengths[0] if lengths else MOST_TAG


class TolerantModel(BaseModel):
    """An object of a payload. Unknown fields are kept under `raw`."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=False)

    spellings: ClassVar[frozenset[str]] = frozenset({"raw"})
    fields_spelled: ClassVar[Mapping[str, str]] = {}
    """Of each spelling of a field that has several: the field."""
    times: ClassVar[frozenset[str]] = frozenset()
    lengths: ClassVar[Mapping[str, int]] = {}
    """Of each spelling of a text for people, or of a list of them: how long each may be."""
    listed: ClassVar[frozenset[str]] = frozenset()
    """Those that are lists."""
    raw: dict[str, Any] = Field(default_factory=dict, description="unknown fields, kept as they were sent")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - pydantic's own signature
        """Collect the names under which the fields of this class may arrive."""
        super().__pydantic_init_subclass__(**kwargs)
        names: set[str] = set()
        times: set[str] = set()
        lengths: dict[str, int] = {}
        listed: set[str] = set()
        spelled_so: dict[str, str] = {}
        for name, info in cls.model_fields.items():
            alias = info.validation_alias
            choices: Iterable[object] = alias.choices if isinstance(alias, AliasChoices) else (alias,)
            own = {name, *(choice for choice in choices if isinstance(choice, str))}
            names |= own
            if len(own) > 1:
                spelled_so |= dict.fromkeys(own, name)
            if any(isinstance(part, BeforeValidator) and isinstance(part.func, TimeField) for part in info.metadata):
                times |= own
            if CUT in info.metadata or CUT_EACH in info.metadata:
                lengths |= dict.fromkeys(own, _most(info))
                listed |= own if CUT_EACH in info.metadata else set()
        cls.spellings = frozenset(names)
        cls.times = frozenset(times)
        cls.lengths = lengths
        cls.listed = frozenset(listed)
        cls.fields_spelled = spelled_so

    @classmethod
    def _unreadable(cls, key: str, item: object) -> bool:
        return key in cls.times and item is not None and moment(item) is None

    @classmethod
    def _other_spellings(cls, value: dict[str, Any]) -> Collection[str]:
        """Where a field came under several spellings: those that do not count. The first with a value does."""
        of = cls.fields_spelled
        came = [of[key] for key in value if key in of]
        if len(set(came)) == len(came):
            return ()
        keys: dict[str, list[str]] = {}
        for key in value:
            if key in of:
                keys.setdefault(of[key], []).append(key)
        return {key for several in keys.values() for key in cls._but_the_first(value, several)}

    @classmethod
    def _but_the_first(cls, value: dict[str, Any], keys: list[str]) -> set[str]:
        alias = cls.model_fields[cls.fields_spelled[keys[0]]].validation_alias
        order = [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else []
        keys = sorted(keys, key=lambda key: order.index(key) if key in order else len(order))
        first = next((key for key in keys if _says(value[key]) and not cls._unreadable(key, value[key])), keys[0])
        return set(keys) - {first}

    @classmethod
    def _cut(cls, value: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The texts for people as long as they may be; and those that are longer, as they came."""
        whole = {key: value[key] for key in cls.lengths if key in value and cls._is_longer(key, value[key])}
        if not whole:
            return value, whole
        return {
            **value,
            **{key: _fitting(cls._parted(key, item), cls.lengths[key]) for key, item in whole.items()},
        }, whole

    @classmethod
    def _is_longer(cls, key: str, value: object) -> bool:
        return _is_longer(cls._parted(key, value), cls.lengths[key])

    @classmethod
    def _parted(cls, key: str, value: object) -> object:
        return _words(value) if key in cls.listed else value

    @model_validator(mode="before")
    @classmethod
    def _keep_unknown(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        value, whole = cls._cut(value)
        spellings = cls.spellings
        aside = cls._other_spellings(value)
        for key in cls.times:
            if key in value and cls._unreadable(key, value[key]):
                aside = {*aside, key}
        known: dict[str, Any] = value
        unknown: dict[str, Any] = {}
        if aside or not value.keys() <= spellings:
            known = {}
            for key, item in value.items():
                (unknown if key not in spellings or key in aside else known)[key] = item
        unknown |= whole
        sent = value.get("raw")
        if isinstance(sent, dict):
            if not unknown:
                return value
            unknown |= sent
        elif sent is not None:
            unknown["raw"] = sent
        elif not unknown and "raw" not in value:
            return value
        return {**known, "raw": unknown}

    def _otherwise(self, place: str) -> Iterable[tuple[str, str]]:
        """Of what stands under `raw`: what has a field, and why it does not stand there as it came."""
        for name, item in self.raw.items():
            if self._unreadable(name, item):
                yield f"{place}/{name}", NO_TIME
            elif name in self.lengths and self._is_longer(name, item):
                yield f"{place}/{name}", TOO_LONG


class Payload(TolerantModel):
    """What a flow sees as `trigger`."""

    trigger: ClassVar[str]
    title: ClassVar[str] = ""
    """The name that Closum's own catalogue gives it, such as `New Lead (API)`; empty where it has none."""
    example: ClassVar[dict[str, Any]]
    recurs: ClassVar[bool] = False
    """Whether the same can happen twice in a row: one writes `Sim` again, a contact is not renamed to Bea again."""

    def subject(self) -> str | None:
        """The entity whose order matters; None when the payload names none."""
        return None

    def own_id(self) -> str | None:
        """The sender's id of this happening, if it sent one: what makes a redelivery a duplicate."""
        return None

    def happened(self) -> datetime | None:
        """When it happened, where the payload says so."""
        return None

    def to_json(self) -> bytes:
        """The payload as a flow sees it, under the names that flows use. Reading it again gives an equal payload."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True)

    def otherwise(self) -> Sequence[tuple[str, str]]:
        """Fields that came otherwise than declared, and as what: they are absent here, and kept under `raw`."""
        found = [*self._otherwise("")]
        for name, inner in self.__dict__.items():
            if isinstance(inner, TolerantModel) and inner.raw:
                found += inner._otherwise(f"/{name}")  # noqa: SLF001 - of its own kind
        return found

    @classmethod
    def read(cls, body: object, *, texts: bool = False) -> Self:
        """Read what was sent. Raises pydantic.ValidationError. `texts`: by a sender whose values are all texts."""
        del texts
        read: Self = cls.__pydantic_validator__.validate_python(body)
        return read
