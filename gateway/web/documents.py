"""JSON texts, the fast way: by orjson, as long as it is sure that nothing hides in them (`gateway.web.bodies` has the
careful way). Compiled, since a batch holds a thousand objects.
"""

from collections.abc import Sequence
from itertools import chain

import orjson

from gateway.model.rows import record

DEEPEST = 32
_VALUES = dict.values


@record
class Document:
    """A JSON text, read. sound: nothing within is wrong; else `errors` says what, once `bodies.understand` has looked:
    (pointer, sentence).
    """

    value: object
    sound: bool
    errors: Sequence[tuple[str, str]] = ()


class TooDeep(Exception):
    """More levels than we read."""


def parse(body: bytes) -> Document | None:
    """The fast way; None where it cannot be sure."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict and type(value) is not list:
        return Document(value, sound=True)
    try:
        names = _names(value, DEEPEST - 1 + (type(value) is list))
    except TooDeep:
        return Document(value, sound=False)
    # Each name is a `":` of the text, and nothing else is but an escaped quote within a string: equal counts mean that
    # no name was given twice, as long as none stands apart from its colon.
    if body.count(b'":') != names or b" :" in body:
        return None
    # One character is found far faster than two, and is most often not there at all.
    if (b"\n" in body and b"\n:" in body) or (b"\t" in body and b"\t:" in body) or (b"\r" in body and b"\r:" in body):
        return None
    return Document(value, sound=True)


def _names(value: object, deepest: int) -> int:
    """How many names all objects have, level by level: a batch has thousands of objects, and few levels."""
    count = 0
    level = [value]
    for _ in range(deepest + 1):
        objects = [one for one in level if type(one) is dict]
        count += sum(map(len, objects))
        inner = chain.from_iterable(map(_VALUES, objects))
        if len(objects) < len(level):
            inner = chain(inner, chain.from_iterable([one for one in level if type(one) is list]))
        level = [one for one in inner if type(one) is dict or type(one) is list]
        if not level:
            return count
    raise TooDeep
