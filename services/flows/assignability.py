"""Whether a value of one shape can go where another is needed."""

from __future__ import annotations

from collections.abc import Sequence

from services.flows.refined import is_a
from services.flows.shapes import ANY, Kind, Shape, Shapes, is_filled, longest

MAKERS = {
    "phone": "`phone.format` makes one: its output `e164`",
    "digits": "`phone.format` makes them: its output `digits`",
    "email": "`email.normalize` makes one: its output `email`",
    "timestamp": "`date.parse` makes one",
    "region": "`country` finds it: its output `alpha2`, where `found` is true",
    "language": "`language` finds it or takes a default; or choose among yours, by `lookup` with a `default`",
    "time_zone": "`time_zone` finds it or takes a default; or choose among yours, by `lookup` with a `default`",
}
ANY_LENGTH = 60_000
"""A bound of so many characters is one of work, and no type: it is far from what people write."""
READ = {"email": ("email",), "phone": ("phone", "digits", "whatsapp_id")}
"""Which texts of a kind are read as what: a phone is never an e-mail address."""


def fits(source: Shape, target: Shape, shapes: Shapes) -> bool:
    """True where the types prove it, and where they cannot say: a value of any shape is checked when it comes."""
    if target.kind is Kind.ANY:
        return source.kind not in (Kind.BYTES, Kind.TYPE)
    if source.kind is Kind.ANY:
        return True
    if source.kind is Kind.UNION:
        return any(fits(option, target, shapes) for option in source.options)
    if target.kind is Kind.UNION:
        return any(fits(source, option, shapes) for option in target.options)
    if target.kind is Kind.TEXT:
        if target.reads and source.refined and source.refined not in READ[target.reads]:
            return False
        fine = _is_text(source, target.refined) and _can_be(source, target) and (is_filled(source) or not target.filled)
        return fine and short_enough(source, target)
    if target.kind is Kind.NUMBER:
        return source.kind in (Kind.NUMBER, Kind.INT)
    if target.kind is Kind.LIST:
        return source.kind is Kind.LIST and fits(source.item or ANY, target.item or ANY, shapes)
    if target.kind is Kind.MAP:
        item = target.item or ANY
        if source.kind is Kind.OBJECT:
            return all(fits(field.shape, item, shapes) for field in shapes.fields(source).values())
        return source.kind is Kind.MAP and fits(source.item or ANY, item, shapes)
    if target.kind is Kind.OBJECT:
        return source.kind is Kind.MAP or (source.kind is Kind.OBJECT and _object_fits(source, target, shapes))
    return source.kind is target.kind


def _is_text(source: Shape, refined: str | None) -> bool:
    if source.kind is Kind.TEXT:
        return refined is None or source.refined == refined or each_is(source.values, refined)
    if source.kind is Kind.TIME:
        return refined in (None, "timestamp")
    return source.kind is Kind.DURATION and refined in (None, "duration")


def short_enough(source: Shape, target: Shape) -> bool:
    """Whether a text has no more characters than may be."""
    if target.most is None or target.most >= ANY_LENGTH or (target.refined and source.refined == target.refined):
        return True
    most = longest(source)
    return most is not None and most <= target.most


def each_is(values: Sequence[str], refined: str) -> bool:
    """Whether all that a text can be is of this kind."""
    return bool(values) and all(is_a(refined, value) for value in values)


def _can_be(source: Shape, target: Shape) -> bool:
    """Of two closed sets of texts, whether any is in both."""
    return not source.values or not target.values or not set(source.values).isdisjoint(target.values)


def _object_fits(source: Shape, target: Shape, shapes: Shapes) -> bool:
    if source == target:
        return True
    given = shapes.fields(source)
    for name, field in shapes.fields(target).items():
        if name not in given:
            if field.required:
                return False
        elif not fits(given[name].shape, field.shape, shapes):
            return False
    return True


def remedy(source: Shape, target: Shape) -> str:
    """What to do about a value that does not fit."""
    options = target.options if target.kind is Kind.UNION else (target,)
    makers = [MAKERS[option.refined] for option in options if option.refined in MAKERS]
    if makers and source.kind is Kind.TEXT:
        return "; ".join(makers)
    if target.reads and source.refined and source.kind is Kind.TEXT:
        return f"{source} is never read as {'an' if target.reads == 'email' else 'a'} {target.reads} here"
    if source.kind is target.kind is Kind.LIST and source.item and target.item:
        inner = remedy(source.item, target.item)
        return f"each of it is a text; {inner}" if source.item.kind is target.item.kind else f"give {target}"
    if source.kind is Kind.TEXT and not short_enough(source, target):
        return _shorter(source, target.most or 0)
    if target.filled and source.kind is Kind.TEXT:
        return 'it can be empty: ask `… != ""` first, or give a default'
    if target.kind is Kind.TEXT and source.kind in (Kind.INT, Kind.NUMBER, Kind.BOOL):
        return "turn it into text with string(…)"
    if target.kind in (Kind.INT, Kind.NUMBER) and source.kind is Kind.TEXT:
        return "turn it into a number with int(…) or double(…)"
    if source.kind in (Kind.OBJECT, Kind.MAP, Kind.LIST) and target.kind is Kind.TEXT:
        return "name the field that is meant"
    if target.kind is Kind.LIST and source.kind is not Kind.LIST:
        return "put it in [ ]"
    if target.kind is Kind.BOOL:
        return "compare it with something, such as `x == 1`"
    if source.kind is Kind.BYTES:
        return "turn it into text with string(…) or base64.encode(…)"
    return f"give {target}"


def _shorter(source: Shape, most: int) -> str:
    """What to do about a text that can be too long."""
    way, found = f"cut it with `text.truncate`, `length: {most}`", longest(source)
    if found is None:
        return (
            f"it is of any length, and at most {most:,} characters fit: give its field a `maxLength` in the schema "
            f"that it comes by, or {way}"
        )
    return f"it is of up to {found:,} characters, and at most {most:,} fit: {way}"
