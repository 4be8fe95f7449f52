"""Searching messages, newest first, by whatever a care rep knows: each search walks an index, never the whole table.

What drives a search is the narrowest thing that is given: the customer's address, an error code, words, a disposition;
the rest filters. Without any of them the primary key is walked, newest first. A search that takes too long is stopped.
"""

import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import apsw

from gateway.model.address import BadAddress, parse_address
from gateway.model.ids import id_at
from gateway.model.message import Message
from gateway.store.filing import filed_up_to
from gateway.store.messages import MESSAGE_COLUMNS, message_of, standing
from gateway.store.upkeep import indexed_up_to

CHANNELS = ("sms",)
MOST_ADDRESSES = 500
SECONDS = 2.0
_STEPS = 20_000
_WORD = re.compile(r"[^\W_]+")
_PREFIX = re.compile(r"\+[0-9]{0,15}")
_DIGITS = re.compile(r"[0-9]{4,15}")
_COLUMNS = ", ".join(f"message.{name}" for name in MESSAGE_COLUMNS)


class TooWide(Exception):
    """The search took too long; nothing was found out."""


class BadFilter(ValueError):
    """A filter has a shape that nothing can match. name: which."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for. since (inclusive), until (exclusive): ms. before: id that the page begins below."""

    address: str | None = None
    customer: str | None = None
    conversation: int | None = None
    channel: str | None = None
    direction: str | None = None
    disposition: str | None = None
    error: str | None = None
    since: int | None = None
    until: int | None = None
    words: str | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page, in the states that the journal says (`standing`). more: there are older ones."""

    messages: list[Message]
    more: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """A question in SQL. words: what the texts must hold beside, checked in Python (no index has them yet)."""

    sql: str
    values: tuple[object, ...]
    words: tuple[str, ...] = ()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as the index sees them: lower case, Latin letters without accents (SQLite's unicode61)."""
    plain = text.lower()
    if not plain.isascii():
        plain = "".join(map(_bare, unicodedata.normalize("NFC", plain)))
    return tuple(dict.fromkeys(_WORD.findall(plain)))


def _bare(char: str) -> str:
    """A character without its accent where the index drops it, which it does for Latin letters only."""
    if unicodedata.combining(char):
        return ""
    first = unicodedata.normalize("NFD", char)[0]
    return first if first.isascii() else char


def search(connection: apsw.Connection, filters: Filters, limit: int) -> Found:
    """A page of messages. Raises BadFilter, TooWide."""
    rows: list[Sequence[object]] = []
    with bounded(connection):
        for shape in shapes(connection, filters, limit + 1):
            rows += _rows(connection, shape, limit + 1 - len(rows))
            if len(rows) > limit:
                break
    messages = standing(connection, [message_of(row) for row in rows[:limit]])
    return Found(messages, len(rows) > limit)


def _rows(connection: apsw.Connection, shape: Shape, most: int) -> list[Sequence[object]]:
    rows = connection.execute(shape.sql, shape.values)
    if not shape.words:
        return list(islice(rows, most))
    wanted, place = set(shape.words), MESSAGE_COLUMNS.index("text")
    found: list[Sequence[object]] = []
    until = time.monotonic() + SECONDS
    for row in rows:
        if wanted.issubset(words_of(str(row[place]))):
            found.append(row)
            if len(found) >= most:
                break
        elif time.monotonic() > until:
            rows.close()  # or it would keep what it reads from being checkpointed until the exception is gone
            raise TooWide
    return found


@contextmanager
def bounded(connection: apsw.Connection, seconds: float = SECONDS) -> Iterator[None]:
    """Stops what takes too long, so that no search keeps the reading threads from the engine. Raises TooWide."""
    until = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    except apsw.InterruptError:
        raise TooWide from None
    finally:
        connection.set_progress_handler(None)


def shapes(connection: apsw.Connection, filters: Filters, most: int) -> list[Shape]:
    """The questions whose answers, one after the other, are the page. Raises BadFilter."""
    tests, values = _tests(filters)
    words = words_of(filters.words) if filters.words is not None else ()
    if filters.words is not None and not words:
        raise BadFilter("q", "must hold a word of letters or digits")
    people = _people(connection, filters)
    if people is not None and not people.ids and people.theirs is None:
        return []
    if people is not None and people.ids:
        return _by_address(connection, people.ids, tests, values, words, most)
    if people is not None and people.theirs is not None:
        tests, values = f"{tests} AND {people.theirs}", (*values, *people.values)
    if words:
        return _by_words(connection, tests, values, words, most)
    if filters.error is not None:
        return [_shape(tests, values, most, (), "+")]
    return [_shape(tests, values, most, (), "")]


def _tests(filters: Filters) -> tuple[str, tuple[object, ...]]:
    """Everything but people and words. `{}` before a column becomes + where its index must not be chosen."""
    tests = ["1"]
    values: list[object] = []
    low = id_at(filters.since) if filters.since is not None else None
    high = id_at(filters.until) if filters.until is not None else None
    if filters.before is not None:
        high = min(filters.before, high) if high is not None else filters.before
    if filters.error is not None:
        tests.append("message.error = ?")
        values.append(filters.error)
    if filters.disposition is not None:
        tests.append("{}message.disposition = ?")
        values.append(filters.disposition)
        if filters.channel is None and len(CHANNELS) == 1:
            # The index is by disposition and channel: with both given its rows come in the order of ids.
            tests.append("{}message.channel = ?")
            values.append(CHANNELS[0])
    for column, wanted in (("channel", filters.channel), ("direction", filters.direction)):
        if wanted is not None:
            tests.append(f"{{}}message.{column} = ?")
            values.append(wanted)
    if filters.conversation is not None:
        tests.append("message.conversation_id = ?")
        values.append(filters.conversation)
    for sign, bound in ((">=", low), ("<", high)):
        if bound is not None:
            tests.append(f"message.id {sign} ?")
            values.append(bound)
    return " AND ".join(tests), tuple(values)


def _shape(tests: str, values: tuple[object, ...], most: int, words: tuple[str, ...], others: str) -> Shape:
    sql = f"SELECT {_COLUMNS} FROM message WHERE {tests.replace('{}', others)} ORDER BY message.id DESC"
    if words:
        return Shape(sql, values, words)
    return Shape(f"{sql} LIMIT ?", (*values, most))


def _by_address(
    connection: apsw.Connection,
    ids: tuple[int, ...],
    tests: str,
    values: tuple[object, ...],
    words: tuple[str, ...],
    most: int,
) -> list[Shape]:
    """First what is not filed under its address yet, then what is."""
    filed = filed_up_to(connection)
    marks = ",".join("?" * len(ids))
    where = f"address_id = {marks}" if len(ids) == 1 else f"address_id IN ({marks})"
    place = "address_message.message_id"
    plain = tests.replace("{}", "+").replace("message.id ", f"{place} ")
    # The walk begins at the first bound that is named: where the page begins, if it is not the first.
    older = (
        f"SELECT {_COLUMNS} FROM address_message CROSS JOIN message ON message.id = {place} "
        f"WHERE address_message.{where} AND {plain} AND {place} <= ? ORDER BY {place} DESC"
    )
    if words:
        last = Shape(older, (*ids, *values, filed), words)
    else:
        last = Shape(f"{older} LIMIT ?", (*ids, *values, filed, most))
    return [_shape(f"message.id > ? AND message.{where} AND {tests}", (filed, *ids, *values), most, words, "+"), last]


def _by_words(
    connection: apsw.Connection, tests: str, values: tuple[object, ...], words: tuple[str, ...], most: int
) -> list[Shape]:
    """First what came after the index was last written, then the index, which answers newest first by itself."""
    mark = indexed_up_to(connection)
    plain = tests.replace("{}", "+").replace("message.id ", "message_fts.rowid ")
    indexed = (
        f"SELECT {_COLUMNS} FROM message_fts CROSS JOIN message ON message.id = message_fts.rowid "
        f"WHERE message_fts MATCH ? AND message_fts.rowid <= ? AND {plain} ORDER BY message_fts.rowid DESC LIMIT ?"
    )
    match = " ".join(f'"{word}"' for word in words)
    return [
        _shape(f"message.id > ? AND {tests}", (mark, *values), most, words, "+"),
        Shape(indexed, (match, mark, *values, most)),
    ]


@dataclass(frozen=True, slots=True)
class _People:
    """Whose messages: ids of addresses, or, when there are too many of them, a test on the number itself."""

    ids: tuple[int, ...]
    theirs: str | None = None
    values: tuple[object, ...] = ()


def _people(connection: apsw.Connection, filters: Filters) -> _People | None:
    """The addresses that address, customer and conversation leave over; None when none of them is asked for."""
    sets: list[set[int]] = []
    if filters.conversation is not None:
        sql = "SELECT customer.address_id FROM conversation JOIN customer ON customer.id = customer_id"
        sets.append({row[0] for row in connection.execute(f"{sql} WHERE conversation.id = ?", (filters.conversation,))})
    if filters.customer is not None:
        sets.append(_addresses_of_customer(connection, filters.customer))
    if filters.address is not None:
        number = _number(filters.address)
        sql = f"SELECT id FROM address WHERE {number.test}"
        found = {row[0] for row in connection.execute(f"{sql} LIMIT {MOST_ADDRESSES + 1}", number.values)}
        if len(found) > MOST_ADDRESSES:
            if not sets:
                return _People((), number.theirs, number.theirs_values)
            candidates = set.intersection(*sets)
            marks = ",".join("?" * len(candidates))
            rows = connection.execute(f"{sql} AND id IN ({marks})", (*number.values, *candidates))
            found = {row[0] for row in rows}
        sets.append(found)
    return _People(tuple(sorted(set.intersection(*sets)))) if sets else None


def _addresses_of_customer(connection: apsw.Connection, customer: str) -> set[int]:
    """By our id, the home address, or the business's own id."""
    bare = customer.removeprefix("customer:")
    if bare.isascii() and bare.isdigit() and len(bare) <= 19 and bare == customer:
        rows = connection.execute("SELECT address_id FROM customer WHERE id = ?", (min(int(bare), (1 << 63) - 1),))
        found = {row[0] for row in rows}
        if found:
            return found
    key = f"tel:{customer}" if customer.startswith("+") else customer
    sql = "SELECT address_id FROM customer WHERE key = ? UNION SELECT address_id FROM customer WHERE external_id = ?"
    return {row[0] for row in connection.execute(sql, (key, bare))}


@dataclass(frozen=True, slots=True)
class _Number:
    """How a number is looked for: in the table of addresses, and on the message itself."""

    test: str
    values: tuple[object, ...]
    theirs: str
    theirs_values: tuple[object, ...]


def _number(address: str) -> _Number:
    """Whole, prefix, or last digits. Raises BadFilter."""
    text = address.removeprefix("tel:")
    if _PREFIX.fullmatch(text):
        # A whole number is the beginning of itself. ":" follows "9".
        bounds = (text, text + ":")
        return _Number(
            "kind = 'tel' AND value >= ? AND value < ?", bounds, "message.theirs >= ? AND message.theirs < ?", bounds
        )
    if _DIGITS.fullmatch(text):
        back = text[::-1]
        return _Number("value_rev >= ? AND value_rev < ?", (back, back + ":"), "message.theirs LIKE ?", (f"%{text}",))
    try:
        known = parse_address(address)
    except BadAddress:
        raise BadFilter("address", "must be a number (+15551234567), its beginning, or 4 or more last digits") from None
    return _Number("kind = ? AND value = ?", (known.kind, known.value), "message.theirs = ?", (known.value,))
