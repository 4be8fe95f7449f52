"""The shape of an event's data: `EventData`, the types its fields are made of, and how a wrong one is told."""

import difflib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from babel.numbers import list_currencies
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.triggers.errors import BadData

# Control characters, line separators and those that turn the direction of what follows.
_CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"
_TEXT = f"^[^{_CONTROLS}]*[^{_CONTROLS}\\s][^{_CONTROLS}]*$"
_MONEY = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,4})?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_CURRENCIES: Final = frozenset(list_currencies())
_LONGEST_NAME: Final = 60


class EventData(BaseModel):
    """The data of one event type. Unknown fields are refused and a string is never taken for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def fields(self) -> dict[str, object]:
        """The data as JSON values, for `talk.say(key, **event.fields())`; a moment is its RFC 3339 text."""
        return self.model_dump(mode="json")


def _money(value: object) -> str:
    if isinstance(value, str) and _MONEY.fullmatch(value):
        return value
    raise PydanticCustomError("money", 'must be a decimal number in a string, such as "50.00"')


def _currency(value: object) -> str:
    if isinstance(value, str) and value in _CURRENCIES:
        return value
    raise PydanticCustomError("currency", 'must be an ISO 4217 code of three capital letters, such as "USD"')


def _moment(value: object) -> datetime:
    moment: datetime | None = None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            moment = None
    # The first and last years of the calendar cannot be shown in every time zone.
    if moment is None or moment.tzinfo is None or not 2 <= moment.year <= 9998:
        raise PydanticCustomError(
            "moment", 'must be a time with its offset (RFC 3339), such as "2026-11-23T18:40:00-05:00"'
        )
    return moment


Text = Annotated[str, Field(min_length=1, max_length=100, pattern=_TEXT)]
"""1 to 100 characters, none of them a control character, not all of them blanks."""
Money = Annotated[str, BeforeValidator(_money), WithJsonSchema({"type": "string", "pattern": f"^{_MONEY.pattern}$"})]
"""A finite decimal in a string; kept as written, so that "50.00" stays "50.00"."""
Currency = Annotated[str, BeforeValidator(_currency), WithJsonSchema({"type": "string", "enum": sorted(_CURRENCIES)})]
"""An ISO 4217 code."""
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A point in time: RFC 3339 with its offset, an aware `datetime` in the handler."""
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A whole number of 0 or more; neither "5" nor true is one."""


def _no_controls(text: str) -> str:
    # What a phone sent is not refused for its bytes; it is cleaned, since a handler may quote it to an agent.
    return re.sub(f"[{_CONTROLS}]", " ", text)


class Incoming(EventData):
    """What starts a handler that no event starts: a keyword, or a text that belongs to no conversation."""

    text: Annotated[str, Field(max_length=10_000), AfterValidator(_no_controls)] = ""


Data = TypeVar("Data", bound=EventData)


def parse(schema: type[Data], type_: str, data: object) -> Data:
    """Reads an event's data.

    Raises:
        BadData: it does not fit; says where and what, for all that is wrong at once.
    """
    if type(data) is not dict and not isinstance(data, Mapping):
        raise BadData(type_, [("", "must be a JSON object")])
    try:
        # What `model_validate` does, without its questions about options that we do not use.
        validated: Data = schema.__pydantic_validator__.validate_python(data)
        return validated
    except ValidationError as problem:
        found = problem
    # Strict Python values leave out what only JSON writes as a string (an Enum, a UUID, a plain datetime): those
    # schemas are read once more as JSON, still strict about numbers.
    try:
        return schema.model_validate_json(json.dumps(data))
    except ValidationError as problem:
        found = found if problem.errors()[0]["type"] == "json_invalid" else problem  # half a character, say
    except (TypeError, ValueError, RecursionError):
        pass  # no JSON at all: what the first reading found stands
    fields = [field.alias or name for name, field in schema.model_fields.items()]
    errors = found.errors(include_url=False, include_input=False)
    raise BadData(type_, [(_pointer(error), _sentence(error, type_, fields)) for error in errors])


def _pointer(error: ErrorDetails) -> str:
    return "".join("/" + str(part)[:_LONGEST_NAME].replace("~", "~0").replace("/", "~1") for part in error["loc"])


def _sentence(error: ErrorDetails, type_: str, fields: list[str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(error["loc"][-1])[:_LONGEST_NAME], type_, fields if len(error["loc"]) == 1 else [])
    sentences = {
        "missing": "is required",
        "string_type": "must be a string",
        "string_unicode": "must be a string of whole characters",
        "string_too_short": f"must have at least {context.get('min_length')} character(s)",
        "string_too_long": f"must have at most {context.get('max_length')} characters",
        "string_pattern_mismatch": "has control characters, or the wrong shape, or is blank",
        "int_type": "must be a whole number",
        "int_parsing_size": "is too large a number",
        "float_type": "must be a number",
        "bool_type": "must be true or false",
        "list_type": "must be a list",
        "dict_type": "must be an object",
        "model_type": "must be an object",
        "greater_than_equal": f"must be {context.get('ge')} or more",
        "greater_than": f"must be more than {context.get('gt')}",
        "less_than_equal": f"must be {context.get('le')} or less",
        "less_than": f"must be less than {context.get('lt')}",
        "literal_error": f"must be one of {context.get('expected')}",
        "enum": f"must be one of {context.get('expected')}",
    }
    return sentences.get(kind) or error["msg"]


def _unknown(name: str, type_: str, fields: list[str]) -> str:
    near = difflib.get_close_matches(name, fields, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else (f"; its fields are {', '.join(fields)}" if fields else "")
    return f"is not a field of {type_}{hint}"


def json_schema(schema: type[EventData]) -> dict[str, Any]:
    """The schema as JSON Schema 2020-12, for the OpenAPI document and the console."""
    return schema.model_json_schema()
