"""Conversations over HTTP: what an agent can do, and that only the owner speaks."""

import asyncio
from functools import partial
from typing import Any

import apsw
import pytest

from gateway.care import queueing
from gateway.care.standing import Standing
from gateway.model.rows import replace
from gateway.store.listings import ConversationFilters, conversation_sql, loads
from tests.web.conftest import PHONE, START_MS, World


async def queued(world: World, phone: str = PHONE) -> str:
    """A conversation that waits in `billing`."""
    await world.event(f"e-{phone}", subject=f"tel:{phone}")
    await world.settled()
    await world.text_in("AGENT", phone=phone)
    [item] = (await world.json("GET", f"/v1/conversations?customer=%2B{phone[1:]}"))["items"]
    return str(item["id"])


async def verb(world: World, an_id: str, name: str, status: int = 200, role: str = "agent", **body: Any) -> Any:
    """One verb of the desk."""
    return await world.json("POST", f"/v1/conversations/{an_id}/{name}", body, status=status, role=role)


async def test_what_a_conversation_shows(world: World) -> None:
    told = await world.event()
    await world.settled()
    [item] = (await world.json("GET", "/v1/conversations", role="integrator"))["items"]
    assert item["customer"] == f"tel:{PHONE}"
    assert item["brand"] == "acme"
    assert item["state"] == "bot"
    assert item["owner"] == {"kind": "bot", "id": "plan.overage"}
    assert item["step"] == "choice"
    assert item["queue"] is None
    assert item["agent"] is None
    assert item["channel"] == "sms"
    assert item["disposition"] is None
    assert item["event"] == told["event"]
    assert len(item["offers"]) == len(item["messages"]) == 1
    one = await world.json("GET", f"/v1/conversations/{item['id']}")
    notes = one.pop("notes")
    assert notes == []
    assert one == item


async def test_from_bot_to_person_and_back(world: World) -> None:
    an_id = await queued(world)
    one = await world.json("GET", f"/v1/conversations/{an_id}")
    assert one["state"] == "queued"
    assert one["owner"] == {"kind": "queue", "id": "billing"}
    assert one["why"] == "AGENT"
    claimed = await verb(world, an_id, "claim", agent="Ana")
    assert claimed["owner"] == {"kind": "agent", "id": "ana@example.test"}
    world.sends.clear()
    told = await verb(world, an_id, "messages", 202, agent="ana@example.test", text="I am Ana.\nHow can I help?")
    assert str(world.sends[0].ref) == told["message"]
    shown = await world.json("GET", f"/v1/messages/{told['message']}")
    assert shown["author"] == {"kind": "agent", "id": "ana@example.test"}
    assert shown["class"] == "conversational"
    assert [line["code"] for line in shown["timeline"] if line["kind"] == "agent"] == ["ana@example.test"]
    assert (await world.json("GET", f"/v1/conversations/{an_id}"))["state"] == "waiting"
    noted = await verb(world, an_id, "notes", 201, agent="Ana", text="wants to keep the plan")
    assert noted["notes"][-1]["text"] == "wants to keep the plan"
    assert noted["notes"][-1]["author"] == "ana@example.test"
    hidden = await world.json("GET", f"/v1/conversations/{an_id}", role="integrator")
    assert "notes" not in hidden
    moved = await verb(world, an_id, "transfer", to="travel", reason="about a flight", agent="Ana")
    assert moved["owner"] == {"kind": "queue", "id": "travel"}
    await verb(world, an_id, "claim", agent="Ben")
    closed = await verb(world, an_id, "close", disposition="resolved", note="done", agent="Ben")
    assert closed["state"] == "closed"
    assert closed["disposition"] == "resolved"
    assert closed["step"] is None
    assert [note["kind"] for note in closed["notes"]][-2:] == ["note", "closed"]


async def test_hand_back_resumes_the_bot(world: World) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    back = await verb(world, an_id, "hand-back", agent="Ana", disposition="answered")
    assert back["owner"]["kind"] == "bot"
    assert back["notes"][-1]["kind"] == "handed_back"


async def test_only_the_owner_speaks(world: World) -> None:
    an_id = await queued(world)
    world.sends.clear()
    problem = await verb(world, an_id, "messages", 409, agent="Ana", text="hi")
    assert problem["type"].endswith("not-owner")
    assert problem["owner"] == "queue billing"
    await verb(world, an_id, "claim", agent="Ana")
    problem = await verb(world, an_id, "messages", 409, role="supervisor", agent="Sue", text="hi")
    assert problem["owner"] == "ana@example.test"
    problem = await verb(world, an_id, "claim", 409, agent="Ben")
    assert problem["owner"] == "ana@example.test"
    assert not world.sends
    taken = await verb(world, an_id, "claim", agent="Sue", role="supervisor")
    assert taken["agent"] == "sue@example.test"
    problem = await verb(world, an_id, "messages", 409, agent="Ana", text="hi")
    assert problem["owner"] == "sue@example.test"


async def test_a_name_that_nobody_has_is_pointed_at(world: World) -> None:
    an_id = await queued(world)
    for name, field, body in (
        ("claim", "agent", {"agent": "Zoe"}),
        ("transfer", "to", {"agent": "Sue", "to": "the moon"}),
    ):
        problem = await verb(world, an_id, name, 422, role="supervisor", **body)
        assert [error["pointer"] for error in problem["errors"]] == [f"/{field}"]
    problem = await world.json("POST", f"/v1/conversations/{an_id}/claim", ["Ana"], status=400, role="agent")
    assert problem["errors"] == [{"pointer": "", "detail": "must be a JSON object"}]


LETTING_GO: dict[str, dict[str, Any]] = {
    "transfer": {"to": "travel"},
    "close": {"disposition": "resolved"},
    "hand-back": {},
}


@pytest.mark.parametrize("name", list(LETTING_GO))
async def test_only_the_owner_lets_go(world: World, name: str) -> None:
    an_id = await queued(world)
    body = LETTING_GO[name]
    problem = await verb(world, an_id, name, 422, agent="Ben", **body)
    assert problem["type"].endswith("refused"), "Ben does not answer billing, as `claim` says"
    await verb(world, an_id, "claim", agent="Ana")
    for role in ("agent", "supervisor", "admin"):
        problem = await verb(world, an_id, name, 409, role=role, agent="Ben", **body)
        assert problem["owner"] == "ana@example.test"
    assert (await world.json("GET", f"/v1/conversations/{an_id}"))["agent"] == "ana@example.test"
    await verb(world, an_id, "notes", 201, agent="Ben", text="she called me too")
    let_go = await verb(world, an_id, name, agent="Ana", **body)
    assert let_go["agent"] != "ana@example.test" or let_go["state"] == "closed"


@pytest.mark.parametrize("name", list(LETTING_GO))
@pytest.mark.parametrize("who", [{"agent": "Sue"}, {"role": "supervisor"}, {"role": "admin"}])
async def test_a_supervisor_acts_on_anything(world: World, name: str, who: dict[str, str]) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    asked: dict[str, Any] = {**who, **LETTING_GO[name]}
    let_go = await verb(world, an_id, name, **asked)
    kinds = {"transfer": "transferred", "close": "closed", "hand-back": "handed_back"}
    noted = next(note for note in let_go["notes"] if note["kind"] == kinds[name])
    assert noted["author"] == ("sue@example.test" if "agent" in who else who["role"])
    assert "ana@example.test" in noted["text"], "whom it was taken from"


@pytest.mark.parametrize("name", list(LETTING_GO))
async def test_an_agent_of_the_queue_acts_on_what_waits(world: World, name: str) -> None:
    an_id = await queued(world)
    await verb(world, an_id, name, agent="Ana", **LETTING_GO[name])


@pytest.mark.parametrize("name", list(LETTING_GO))
async def test_without_agents_any_name_acts_on_what_nobody_has(make_world: Any, name: str) -> None:
    world: World = await make_world()
    world.services.playbook = world.engine.playbook = replace(world.engine.playbook, agents=())
    first, second = await queued(world), await queued(world, "+15550000002")
    await verb(world, first, name, agent="Zoe", **LETTING_GO[name])
    await verb(world, second, "claim", agent="Zoe")
    problem = await verb(world, second, name, 409, agent="Max", **LETTING_GO[name])
    assert problem["owner"] == "Zoe"
    problem = await verb(world, second, name, 409, **LETTING_GO[name])
    assert problem["owner"] == "Zoe", "the key's own name is no other agent's"
    await verb(world, second, name, agent="Zoe", **LETTING_GO[name])


async def test_of_many_claims_one_wins(world: World) -> None:
    an_id = await queued(world)
    path = f"/v1/conversations/{an_id}/claim"
    answers = await asyncio.gather(
        *(world.ask("POST", path, {"agent": name}, "agent") for name in ("Ana", "ana@example.test", "Ben") * 3)
    )
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 6, "Ana's claim, and its repetitions"
    assert (await world.json("GET", f"/v1/conversations/{an_id}"))["agent"] == "ana@example.test"


async def test_an_idempotency_key_says_it_once(world: World) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    world.sends.clear()
    path = f"/v1/conversations/{an_id}/messages"
    body = {"agent": "Ana", "text": "hello"}
    headers = {"Idempotency-Key": '"k-1"'}
    answers = [
        await world.json("POST", path, body, status=202, role="agent", headers=headers),
        await world.json("POST", path, {**body, "idempotency_key": "k-1"}, status=202, role="agent"),
    ]
    assert answers[0] == answers[1]
    assert len(world.sends) == 1
    clash = await world.json("POST", path, {**body, "text": "bye"}, status=409, role="agent", headers=headers)
    assert clash["type"].endswith("idempotency-clash")
    both = {**body, "idempotency_key": "k-2"}
    await world.json("POST", path, both, status=422, role="agent", headers=headers)


AGENT_KEYS = """
[[api_keys]]
name = "Ana"
key = "key-of-ana"
role = "agent"
"""


async def test_an_agents_own_key_needs_no_name_and_speaks_for_nobody_else(make_world: Any) -> None:
    world: World = await make_world(AGENT_KEYS)
    an_id = await queued(world)
    headers = {"Authorization": "Bearer key-of-ana"}
    path = f"/v1/conversations/{an_id}"
    claimed = await world.json("POST", f"{path}/claim", role=None, headers=headers)
    assert claimed["agent"] == "ana@example.test"
    await world.json("POST", f"{path}/messages", {"text": "hi"}, status=202, role=None, headers=headers)
    noted = await world.json("POST", f"{path}/notes", {"text": "x"}, status=201, role=None, headers=headers)
    assert noted["notes"][-1]["author"] == "ana@example.test"
    body = {"agent": "Sue", "text": "hi"}
    problem = await world.json("POST", f"{path}/messages", body, status=403, role=None, headers=headers)
    assert problem["type"].endswith("forbidden")


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("claim", {}, "/agent"),
        ("claim", {"agent": ""}, "/agent"),
        ("claim", {"agent": "Anna"}, "/agent"),
        ("claim", {"agent": 1}, "/agent"),
        ("claim", {"agnt": "Ana"}, "/agnt"),
        ("messages", {"agent": "Ana"}, "/text"),
        ("messages", {"agent": "Ana", "text": " "}, "/text"),
        ("messages", {"agent": "Ana", "text": "a\u0000"}, "/text"),
        ("messages", {"text": "hi"}, "/agent"),
        ("transfer", {}, "/to"),
        ("transfer", {"to": "x\ny"}, "/to"),
        ("transfer", {"to": "travel"}, "/agent"),
        ("close", {"disposition": "resolved"}, "/agent"),
        ("hand-back", {}, "/agent"),
        ("close", {}, "/disposition"),
        ("close", {"disposition": "x" * 65}, "/disposition"),
        ("notes", {}, "/text"),
        ("hand-back", {"disposition": 5}, "/disposition"),
    ],
)
async def test_what_is_wrong_is_named(world: World, name: str, body: dict[str, Any], pointer: str) -> None:
    problem = await verb(world, "1", name, 422, **body)
    assert pointer in {error["pointer"] for error in problem["errors"]}
    kind = "invalid-message" if name == "messages" else "invalid-action"
    assert problem["type"].endswith(kind)
    assert "message" not in problem["title"] or name == "messages"


@pytest.mark.parametrize("name", ["claim", "messages", "transfer", "close", "hand-back", "notes"])
async def test_no_such_conversation(world: World, name: str) -> None:
    body = {"agent": "Ana", "text": "hi", "to": "billing", "disposition": "x"}
    wanted = {
        "claim": ("agent",),
        "messages": ("agent", "text"),
        "transfer": ("to", "agent"),
        "close": ("disposition", "agent"),
        "hand-back": ("agent",),
    }
    asked = {key: body[key] for key in wanted.get(name, ("text",) if name == "notes" else ())}
    assert (await verb(world, "1", name, 404, **asked))["type"].endswith("not-found")
    assert (await verb(world, "x", name, 404, **asked))["type"].endswith("not-found")


async def test_lists_filter_and_page(world: World) -> None:
    phones = [f"+1555000000{digit}" for digit in range(5)]
    ids = [await queued(world, phone) for phone in phones]
    await verb(world, ids[0], "claim", agent="Ana")
    await verb(world, ids[1], "claim", agent="Ana")
    await verb(world, ids[1], "close", disposition="resolved", agent="Ana")
    await world.event("bot", subject="tel:+15550000009")
    await world.settled()

    async def found(query: str) -> list[str]:
        return [item["id"] for item in (await world.json("GET", f"/v1/conversations?{query}"))["items"]]

    assert await found("state=queued") == ids[:1:-1]
    assert await found("state=human") == ids[:1]
    assert await found("state=closed") == [ids[1]]
    assert await found("queue=billing&state=queued") == ids[:1:-1]
    assert await found("queue=nowhere") == []
    assert await found("agent=Ana") == [ids[0]]
    assert await found("agent=ana@example.test") == [ids[0]]
    assert await found("brand=acme&state=bot") != []
    assert await found("brand=zenith") == []
    assert await found("customer=%2B15550000003") == [ids[3]]
    assert await found("customer=nobody") == []
    first = await world.json("GET", "/v1/conversations?limit=4")
    rest = await world.json("GET", f"/v1/conversations?limit=4&cursor={first['next']}")
    assert rest["next"] is None
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 6
    problem = await world.json("GET", "/v1/conversations?state=open", status=400)
    assert problem["errors"][0]["pointer"] == "/state"


PLANS: dict[str, tuple[ConversationFilters, list[int] | None, str]] = {
    "queued": (ConversationFilters(state="queued"), None, "conversation_human (state=?"),
    "queued there": (
        ConversationFilters(state="queued", queue="billing"),
        None,
        "conversation_human (state=? AND queue=?",
    ),
    "customer": (ConversationFilters(customer="x"), [1], "conversation_customer (customer_id=?"),
    "tag": (ConversationFilters(tag="vip"), None, "conversation_tag_tag (tag=?"),
    "page": (ConversationFilters(before=5), None, "INTEGER PRIMARY KEY (rowid<?"),
}


@pytest.mark.parametrize("name", list(PLANS))
async def test_the_plan_of_a_list(world: World, name: str) -> None:
    filters, customers, index = PLANS[name]

    def plan(connection: apsw.Connection) -> str:
        sql, values = conversation_sql(filters, customers, 51)
        return "; ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))

    told = await world.store.read(plan)
    assert told.startswith("SEARCH conversation USING")
    assert index in told


async def test_queues_and_agents_show_what_there_is_to_do(world: World) -> None:
    first, second = await queued(world), await queued(world, "+15550000002")
    await verb(world, first, "claim", agent="Ana")
    queues = {item["name"]: item for item in (await world.json("GET", "/v1/queues"))["items"]}
    assert queues["billing"]["waiting"] == 1
    assert queues["billing"]["oldest"] == "2026-11-22T15:00:00.000Z"
    assert queues["billing"]["agents"] == ["Ana", "Sue"]
    assert queues["travel"]["waiting"] == 0
    assert (queues["travel"]["priority"], queues["travel"]["backup"]) == (0, None)
    assert queues["travel"]["wait_minutes"] is None, "nobody has taken anything yet"
    now = world.services.now()
    world.services.book.standings["travel"] = Standing((), tuple(now - minute * 60_000 for minute in (8, 6, 4, 2, 0)))
    queues = {item["name"]: item for item in (await world.json("GET", "/v1/queues"))["items"]}
    assert queues["travel"]["wait_minutes"] == 2
    waits = await world.json("GET", f"/v1/conversations/{second}")
    assert (waits["queued_at"], waits["priority"]) == ("2026-11-22T15:00:00.000Z", 2)
    agents = {item["name"]: item for item in (await world.json("GET", "/v1/agents"))["items"]}
    assert agents["Ana"]["load"] == 1
    assert agents["Ana"]["presence"] == "unknown"
    assert (agents["Ana"]["skills"], agents["Ana"]["languages"]) == (["refunds"], ["en", "es"])
    assert (agents["Ben"]["skills"], agents["Ben"]["languages"]) == ([], ["en"])
    assert queues["billing"]["skills"] == []
    assert agents["Ben"]["load"] == 0
    assert second != first


async def test_offers_show_price_words_and_fulfilment(world: World) -> None:
    await world.event()
    await world.settled()
    [offer] = (await world.json("GET", "/v1/offers", role="integrator"))["items"]
    assert offer["name"] == "unlimited"
    assert (offer["price"], offer["currency"], offer["period"]) == ("20.00", "USD", "month")
    assert offer["state"] == "open"
    assert "Basic 300" in offer["words"]
    assert offer["made_by"] == "handler:plan.overage"
    assert offer["fulfilment"] == []
    await world.carried()
    world.clock[0] = START_MS + 5000
    await world.text_in("Yes please!")
    one = await world.json("GET", f"/v1/offers/{offer['id']}")
    assert one["state"] == "fulfilling"
    assert one["accepted_words"] == "Yes please!"
    assert one["accepted_by"] == "customer"
    assert one["accepted_via"] == "sms"
    assert one["accepted_at"] == "2026-11-22T15:00:05.000Z"
    [call] = one["fulfilment"]
    assert call["backoffice"] == "billing"
    assert call["state"] == "open"
    await world.run_sql("UPDATE call SET state = 'done', attempts = 2, status = 200, result = '{\"order\": 7}'")
    await world.run_sql("UPDATE offer SET state = 'fulfilled', result = '{\"order\": 7}'")
    one = await world.json("GET", f"/v1/offers/{offer['id']}")
    assert one["result"] == one["fulfilment"][0]["result"] == {"order": 7}
    for query, count in (
        ("state=fulfilled", 1),
        ("state=open", 0),
        ("name=unlimited", 1),
        ("name=lounge", 0),
        ("customer=%2B15551234567", 1),
        ("customer=%2B15551234568", 0),
        (f"conversation={offer['conversation']}", 1),
        ("conversation=1", 0),
    ):
        assert len((await world.json("GET", f"/v1/offers?{query}"))["items"]) == count, query
    await world.json("GET", "/v1/offers/1", status=404)
    await world.json("GET", "/v1/offers?state=sold", status=400)


async def test_a_customer_and_what_they_permit(world: World) -> None:
    await world.text_in("STOP")
    await world.text_in("START")
    await world.run_sql("UPDATE customer SET external_id = 'C-1', name = 'Maria', language = 'es'")
    one = await world.json("GET", "/v1/customers/+15551234567", role="privacy")
    assert one["name"] == "Maria"
    for reference in ("%2B15551234567", "tel:+15551234567", "customer:C-1", "C-1"):
        assert await world.json("GET", f"/v1/customers/{reference}") == one
    assert one["consent"] == {"acme": "granted"}
    assert [line["act"] for line in one["ledger"]] == ["revoke", "grant"]
    assert one["ledger"][0]["method"] == "keyword"
    assert one["addresses"] == [{"address": f"tel:{PHONE}", "verified_at": None}]
    assert (await world.json("GET", f"/v1/customers/{one['id']}"))["id"] == one["id"]
    ledger = await world.json("GET", f"/v1/customers/{one['id']}/consent")
    assert ledger["items"] == one["ledger"]
    for nobody in ("+15550000000", "tel:x", "%00", "x" * 400, "99999999999999999999"):
        await world.json("GET", f"/v1/customers/{nobody}", status=404)


async def test_tags_find_a_conversation(world: World) -> None:
    an_id = await queued(world)
    other = await queued(world, "+15551234568")
    told = await verb(world, an_id, "tags", add=["Refund", "vip"], remove=[])
    assert told["tags"] == ["refund", "vip"]
    await verb(world, other, "tags", add=["vip"])
    assert (await verb(world, an_id, "tags", add=["vip"]))["tags"] == ["refund", "vip"], "once is enough"
    found = {
        tag: [item["id"] for item in (await world.json("GET", f"/v1/conversations?tag={tag}"))["items"]]
        for tag in ("refund", "vip", "none")
    }
    assert found == {"refund": [an_id], "vip": [other, an_id], "none": []}
    assert (await verb(world, an_id, "tags", remove=["refund"]))["tags"] == ["vip"]
    for body, pointer in (
        ({"remove": ["refund"]}, "/remove"),
        ({"add": ["two words"]}, "/add"),
        ({"add": ["x" * 31]}, "/add"),
        ({"add": [f"t{n}" for n in range(10)]}, "/add"),
        ({"add": [7]}, "/add/0"),
        ({"add": "vip"}, "/add"),
        ({"add": ["t"] * 11}, "/add"),
    ):
        problem = await verb(world, an_id, "tags", 422, **body)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await world.json("GET", f"/v1/conversations/{an_id}"))["tags"] == ["vip"]


async def test_who_works_over_http_is_reminded_there(world: World) -> None:
    """The ladder of an agent who is silent: what is next is in the conversation, what was said among its notes."""
    book = world.engine.playbook
    ladder = book.rules.conversations.model_copy(update={"unanswered": 60.0})
    world.engine.playbook = replace(book, desk=True, rules=book.rules.model_copy(update={"conversations": ladder}))
    an_id = await queued(world)
    waits = (await world.json("GET", f"/v1/conversations/{an_id}"))["unanswered"]
    assert (waits["reminded"], waits["reminder_at"], waits["back_to_queue_at"]) == (False, None, None)
    mine = await verb(world, an_id, "claim", agent="Ana")
    assert mine["unanswered"]["since"] == waits["since"]
    assert mine["unanswered"]["reminder_at"] is not None
    world.clock[0] += 61_000
    world.lane.poke()
    await world.settled()
    now = await world.json("GET", f"/v1/conversations/{an_id}", role="agent")
    assert now["unanswered"]["reminded"]
    assert now["unanswered"]["back_to_queue_at"] is not None
    said = [note["text"] for note in now["notes"] if note["kind"] == "reminder"]
    assert said == [f"{PHONE} waits for your answer since 60 s; in 60 s it goes back to the queue"]
    await verb(world, an_id, "messages", 202, agent="Ana", text="Here I am.")
    assert (await world.json("GET", f"/v1/conversations/{an_id}"))["unanswered"] is None


async def test_what_an_agent_leaves_who_owes_no_answer_rests(world: World) -> None:
    """It is told apart from what waits, also where it is counted."""
    an_id = await queued(world)
    assert not (await world.json("GET", f"/v1/conversations/{an_id}"))["rests"]
    await verb(world, an_id, "claim", agent="Ana")
    await verb(world, an_id, "messages", 202, agent="Ana", text="All done.")
    ana = (await world.json("GET", f"/v1/conversations/{an_id}"))["agent"]
    assert await world.engine.ask(f"tel:{PHONE}", partial(queueing.missed, conversation_id=int(an_id), agent=ana))
    left = await world.json("GET", f"/v1/conversations/{an_id}")
    assert (left["state"], left["rests"]) == ("queued", True)
    assert await world.store.read(lambda connection: loads(connection).waiting) == {}
    world.clock[0] += 1000
    await world.text_in("and my bill?", phone=PHONE)
    again = await world.json("GET", f"/v1/conversations/{an_id}")
    assert (again["state"], again["rests"]) == ("queued", False)
    assert (await world.store.read(lambda connection: loads(connection).waiting))["billing"][0] == 1


async def test_what_is_promised_and_rated_is_shown(world: World) -> None:
    book = world.engine.playbook
    promised = {"first_response": 120.0, "resolve": 3600.0, "csat": True, "csat_delay": 0.0}
    queue = book.queues["billing"].model_copy(update=promised)
    world.engine.playbook = replace(book, queues={**book.queues, "billing": queue})
    an_id = await queued(world)
    one = await world.json("GET", f"/v1/conversations/{an_id}")
    first, resolve = one["promises"]["first_response"], one["promises"]["resolve"]
    assert (first["state"], resolve["state"]) == ("running", "running")
    assert first["due"] < resolve["due"]
    assert one["rating"] is None
    assert one["previous"] is None
    await verb(world, an_id, "claim", agent="Ana")
    await verb(world, an_id, "messages", 202, agent="Ana", text="Done.")
    closed = await verb(world, an_id, "close", disposition="resolved", agent="Ana")
    assert {kind: its["state"] for kind, its in closed["promises"].items()} == {
        "first_response": "kept",
        "resolve": "kept",
    }
    await world.settled()
    await world.text_in("4 thanks", phone=PHONE)
    rated = await world.json("GET", f"/v1/conversations/{an_id}")
    assert rated["rating"] == 4
    assert rated["state"] == "closed"
    assert ("rating", "4 of 5") in [(note["kind"], note["text"]) for note in rated["notes"]]
    [item] = (await world.json("GET", f"/v1/conversations?customer=%2B{PHONE[1:]}"))["items"]
    assert item["rating"] == 4
