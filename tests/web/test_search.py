"""Searching: every filter, paging that loses nothing, words, and no search that walks the whole table."""

from typing import Any

import apsw
import pytest

from gateway.model.ids import id_at
from gateway.store.search import Filters, TooWide, bounded, search, shapes, words_of
from tests.web.conftest import START_MS, World

FIRST = START_MS - 86_400_000
COLUMNS = (
    "id, channel, direction, key, address_id, ours, theirs, brand, text, cls, state, disposition, author_kind, "
    "author_id, conversation_id, parts, reference, possible_duplicate, error, lane"
)
TEXTS = ("Your flight AA12 is late", "Your bill is ready", "Crème brûlée is ready", "Ваш рейс опаздывает")


def number(customer: int) -> str:
    """A customer's telephone number."""
    return f"+1555{customer:07d}"


@pytest.fixture
async def full(world: World) -> World:
    """2,000 messages of 40 customers, one a second, the older half indexed and filed."""
    people = [(c, f"tel:{number(c)}", 100 + c, f"C-{c}" if c < 5 else None) for c in range(40)]
    await world.run_sql("INSERT INTO customer (id, key, address_id, external_id) VALUES (?, ?, ?, ?)", *people)
    addresses = [(100 + c, "tel", number(c), number(c)[::-1], c) for c in range(40)]
    await world.run_sql(
        "INSERT INTO address (id, kind, value, value_rev, customer_id) VALUES (?, ?, ?, ?, ?)", *addresses
    )
    await world.run_sql(
        f"INSERT INTO message ({COLUMNS}) VALUES ({', '.join('?' * 20)})", *(row(n) for n in range(1000))
    )
    await world.index()
    await world.file()
    rows = (row(n) for n in range(1000, 2000))
    await world.run_sql(f"INSERT INTO message ({COLUMNS}) VALUES ({', '.join('?' * 20)})", *rows)
    return world


def row(n: int) -> tuple[Any, ...]:
    """The nth message."""
    customer, direction = n % 40, "mo" if n % 5 == 0 else "mt"
    bounced = n % 100 == 1
    disposition = None if direction == "mo" else "bounced" if bounced else "delivered"
    return (
        id_at(FIRST + n * 1000), "sms", direction, f"tel:{number(customer)}", 100 + customer, "70007", number(customer),
        "acme", TEXTS[n % 4], 2, "final", disposition, "bot", "x", 7 if customer == 7 else None, 1, 0, 0,
        "0x0000000B" if bounced else None, 0,
    )  # fmt: skip


async def found(world: World, query: str) -> list[int]:
    """The messages (by number) of all pages of a search."""
    ids: list[int] = []
    cursor = ""
    for _ in range(50):
        page = await world.json("GET", f"/v1/messages?{query}{cursor}")
        ids += [((int(item["id"]) >> 20) - FIRST) // 1000 for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert ids == sorted(ids, reverse=True), "newest first"
    assert len(ids) == len(set(ids)), "none twice"
    return ids


ALL = range(1999, -1, -1)
SEARCHES: dict[str, list[int]] = {
    "limit=500": list(ALL),
    "address=%2B15550000003&limit=7": [n for n in ALL if n % 40 == 3],
    "address=+15550000003": [n for n in ALL if n % 40 == 3],
    "address=tel:%2B15550000003": [n for n in ALL if n % 40 == 3],
    "address=%2B155500000&limit=500": list(ALL),
    "address=%2B1555000001&limit=500": [n for n in ALL if 10 <= n % 40 < 20],
    "address=0013": [n for n in ALL if n % 40 == 13],
    "address=15550000013": [n for n in ALL if n % 40 == 13],
    "address=%2B1999": [],
    "customer=3": [n for n in ALL if n % 40 == 3],
    "customer=C-3": [n for n in ALL if n % 40 == 3],
    "customer=customer:C-3": [n for n in ALL if n % 40 == 3],
    "customer=tel:%2B15550000003": [n for n in ALL if n % 40 == 3],
    "customer=+15550000003": [n for n in ALL if n % 40 == 3],
    "customer=nobody": [],
    "customer=C-3&address=0004": [],
    "customer=C-3&address=%2B1555": [n for n in ALL if n % 40 == 3],
    "channel=sms&limit=500": list(ALL),
    "channel=email": [],
    "campaign=spring": [],
    "direction=mo&limit=100": [n for n in ALL if n % 5 == 0],
    "disposition=bounced&limit=3": [n for n in ALL if n % 100 == 1],
    "disposition=bounced&direction=mo": [],
    "disposition=opted_out": [],
    "error=0x0000000B": [n for n in ALL if n % 100 == 1],
    "error=0x0000000B&disposition=bounced&address=0001": [n for n in ALL if n % 100 == 1 and n % 40 == 1],
    "from=2026-11-21T15:33:00Z&limit=500": [n for n in ALL if n >= 1980],
    "to=2026-11-21T15:00:10Z": [n for n in ALL if n < 10],
    "from=2026-11-21T15:00:10Z&to=2026-11-21T15:00:20Z": list(range(19, 9, -1)),
    "from=2026-11-21T16:33:00%2B01:00": [n for n in ALL if n >= 1980],
    "from=2026-11-21T16:33:00+01:00": [n for n in ALL if n >= 1980],
    "q=flight&limit=100": [n for n in ALL if n % 4 == 0],
    "q=FLIGHT%20aa12&limit=100": [n for n in ALL if n % 4 == 0],
    "q=your&limit=100": [n for n in ALL if n % 4 in (0, 1)],
    "q=creme%20BRULEE&limit=300": [n for n in ALL if n % 4 == 2],
    "q=br%C3%BBl%C3%A9e&limit=300": [n for n in ALL if n % 4 == 2],
    "q=%D0%A0%D0%95%D0%99%D0%A1&limit=300": [n for n in ALL if n % 4 == 3],
    "q=flight%20bill": [],
    "q=fli": [],
    "q=%22flight%22%20OR%20(x*)": [],
    "q=flight&address=0008": [n for n in ALL if n % 40 == 8],
    "q=flight&disposition=bounced": [],
    "q=bill&disposition=bounced": [n for n in ALL if n % 100 == 1],
    "q=flight&from=2026-11-21T15:16:30Z&to=2026-11-21T15:16:50Z": [n for n in range(1009, 989, -1) if n % 4 == 0],
}


@pytest.mark.parametrize("query", list(SEARCHES))
async def test_every_filter(full: World, query: str) -> None:
    assert await found(full, query) == SEARCHES[query]


async def test_all_filters_in_one_go(full: World) -> None:
    """Filters also hold together: all of them are tried on the same store, in pairs."""
    single = {query: set(numbers) for query, numbers in SEARCHES.items() if "&" not in query and "limit" not in query}
    names = sorted(single)
    for first in names[::3]:
        for second in names[::4]:
            pair = {first.partition("=")[0], second.partition("=")[0]}
            if len(pair) == 2 and pair != {"from", "to"}:
                both = await found(full, f"{first}&{second}&limit=500")
                assert set(both) == single[first] & single[second], (first, second)


async def test_a_list_shows_what_a_single_message_shows(full: World) -> None:
    [item] = (await full.json("GET", "/v1/messages?limit=1"))["items"]
    whole = await full.json("GET", f"/v1/messages/{item['id']}")
    assert whole.pop("timeline") is not None
    assert whole == item


async def test_new_messages_do_not_shift_a_page(full: World) -> None:
    page = await full.json("GET", "/v1/messages?limit=10")
    await full.run_sql(f"INSERT INTO message ({COLUMNS}) VALUES ({', '.join('?' * 20)})", row(2500))
    following = await full.json("GET", f"/v1/messages?limit=10&cursor={page['next']}")
    assert [((int(item["id"]) >> 20) - FIRST) // 1000 for item in following["items"]] == list(range(1989, 1979, -1))


async def test_a_conversation_by_its_customer(full: World) -> None:
    await full.run_sql(
        "INSERT INTO conversation (id, customer_id, key, brand, state, owner_id, epoch, sender, opened_at, changed_at, "
        "channel, told_waiting) VALUES (7, 7, 'tel:+15550000007', 'acme', 'bot', '', 1, '70007', 0, 0, 'sms', 0)"
    )
    assert await found(full, "conversation=7") == [n for n in ALL if n % 40 == 7]
    assert await found(full, "conversation=8") == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("adress=1", "adress"),
        ("address=12", "address"),
        ("address=abc", "address"),
        ("address=", "address"),
        ("conversation=x", "conversation"),
        ("conversation=99999999999999999999", "conversation"),
        ("channel=fax", "channel"),
        ("direction=in", "direction"),
        ("disposition=lost", "disposition"),
        ("from=yesterday", "from"),
        ("to=2026-11-21", "to"),
        ("from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", "from"),
        ("q=%21%21", "q"),
        ("q=" + "x" * 301, "q"),
        ("q=%ED%A0%80", "q"),
        ("error=%0A", "error"),
    ],
)
async def test_a_wrong_parameter_is_named(world: World, query: str, name: str) -> None:
    problem = await world.json("GET", f"/v1/messages?{query}", status=400)
    assert problem["type"].endswith("invalid-parameter")
    assert problem["errors"][0]["pointer"] == f"/{name}"


BY_ADDRESS = "SEARCH address_message USING PRIMARY KEY (address_id=? AND message_id<?)"
BY_END = "SEARCH message USING INDEX message_disposition (disposition=? AND channel=?"
BY_ERROR = "SEARCH message USING INDEX message_error (error=?"
BY_KEY = "SEARCH message USING INTEGER PRIMARY KEY (rowid"
# Filters -> what the plan must begin with: an index that is entered at one place, never a walk over everything.
PLANS: dict[str, tuple[Filters, str]] = {
    "one address": (Filters(address="+15550000003"), BY_ADDRESS),
    "prefix": (Filters(address="+1555000001"), BY_ADDRESS),
    "last digits": (Filters(address="0013"), BY_ADDRESS),
    "customer": (Filters(customer="C-3"), BY_ADDRESS),
    "disposition": (Filters(disposition="bounced"), BY_END),
    "disposition, days": (Filters(disposition="bounced", since=FIRST, until=START_MS), f"{BY_END} AND rowid>?"),
    "disposition, page": (Filters(disposition="bounced", before=id_at(START_MS)), f"{BY_END} AND rowid<?"),
    "error": (Filters(error="0x0000000B"), BY_ERROR),
    "error and disposition": (Filters(error="0x0000000B", disposition="bounced"), BY_ERROR),
    "address and disposition": (Filters(address="+15550000003", disposition="bounced"), BY_ADDRESS),
    "words": (Filters(words="flight"), "SCAN message_fts VIRTUAL TABLE INDEX"),
    "days": (Filters(since=FIRST, until=START_MS), f"{BY_KEY}>? AND rowid<?"),
    "page": (Filters(before=id_at(START_MS)), f"{BY_KEY}<?"),
}


@pytest.mark.parametrize("name", list(PLANS))
async def test_the_plan_of_a_search(full: World, name: str) -> None:
    filters, beginning = PLANS[name]

    def plans(connection: apsw.Connection) -> list[str]:
        asked = shapes(connection, filters, 51)
        return [
            " | ".join(step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {shape.sql}", shape.values))
            for shape in asked
        ]

    told = await full.store.read(plans)
    assert told[-1].startswith(beginning), told
    if name not in ("prefix", "last digits"):
        assert "TEMP B-TREE" not in told[-1], "the index gives the order"
    for plan in told[:-1]:  # what is not indexed yet is a short end of the primary key
        assert plan.startswith("SEARCH message USING INTEGER PRIMARY KEY (rowid>?")


async def test_many_addresses_are_not_gathered(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.search.MOST_ADDRESSES", 10)
    assert await found(full, "address=%2B1555000001&limit=500") == [n for n in ALL if 10 <= n % 40 < 20]
    assert await found(full, "address=%2B155500000&limit=500") == list(ALL)
    assert await found(full, "address=0000&limit=500") == [n for n in ALL if n % 40 == 0]
    assert await found(full, "customer=C-3&address=%2B155500000&limit=500") == [n for n in ALL if n % 40 == 3]


async def test_a_search_that_takes_too_long_is_stopped(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(connection: apsw.Connection) -> None:
        with bounded(connection, 0.05):
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            ).fetchall()

    with pytest.raises(TooWide):
        await full.store.read(endless)
    # The connection goes on, and the API says what to do.
    assert len((await full.store.read(search, Filters(), 10)).messages) == 10

    def too_wide(*_: object) -> None:
        raise TooWide

    monkeypatch.setattr("gateway.store.search.shapes", too_wide)
    problem = await full.json("GET", "/v1/messages?q=flight", status=422)
    assert problem["type"].endswith("search-too-wide")


def test_words() -> None:
    assert words_of("Crème-BRÛLÉE, 2 go_od!") == ("creme", "brulee", "2", "go", "od")
    assert words_of("...") == ()
