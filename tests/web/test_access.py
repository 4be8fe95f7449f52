"""Keys and roles: who may do what, and that guessing is slow."""

import time
from hashlib import sha256
from typing import Any

import pytest

from gateway.web import auth
from gateway.web.auth import Failures, Keys
from tests.web.conftest import ROLES, World, key_of

# Who may, beside admin. A role that is not named gets 403.
MATRIX: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/v1/events"): ("integrator",),
    ("GET", "/v1/events/1"): ("integrator", "viewer", "agent", "supervisor"),
    ("POST", "/v1/messages"): ("integrator",),
    ("GET", "/v1/messages"): ("integrator", "viewer", "agent", "supervisor"),
    ("GET", "/v1/messages/1"): ("integrator", "viewer", "agent", "supervisor"),
    ("POST", "/v1/messages/1/resend"): ("integrator", "agent", "supervisor"),
    ("GET", "/v1/conversations"): ("integrator", "viewer", "agent", "supervisor"),
    ("GET", "/v1/conversations/1"): ("integrator", "viewer", "agent", "supervisor"),
    ("POST", "/v1/conversations"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/messages"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/canned"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/tags"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/claim"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/transfer"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/close"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/hand-back"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/notes"): ("agent", "supervisor"),
    ("GET", "/v1/conversations/1/verbs"): ("agent", "supervisor"),
    ("POST", "/v1/conversations/1/verbs/offer"): ("agent", "supervisor"),
    ("GET", "/v1/canned"): ("viewer", "agent", "supervisor"),
    ("GET", "/v1/canned/refund"): ("viewer", "agent", "supervisor"),
    ("PUT", "/v1/canned/refund"): ("supervisor",),
    ("DELETE", "/v1/canned/refund"): ("supervisor",),
    ("POST", "/v1/canned/refund/preview"): ("agent", "supervisor"),
    ("GET", "/v1/offers"): ("integrator", "viewer", "agent", "supervisor"),
    ("GET", "/v1/offers/1"): ("integrator", "viewer", "agent", "supervisor"),
    ("GET", "/v1/customers/1"): ("viewer", "agent", "supervisor", "privacy"),
    ("PUT", "/v1/customers/1"): ("integrator", "supervisor"),
    ("GET", "/v1/customers/1/consent"): ("viewer", "agent", "supervisor", "privacy"),
    ("GET", "/v1/carriers"): ("viewer", "agent", "supervisor"),
    ("GET", "/v1/queues"): ("viewer", "agent", "supervisor"),
    ("GET", "/v1/agents"): ("viewer", "agent", "supervisor"),
    ("POST", "/v1/agents/Ana/away"): ("agent", "supervisor"),
    ("POST", "/v1/agents/Ana/available"): ("agent", "supervisor"),
    ("GET", "/v1/dead-letters"): (),
    ("POST", "/v1/dead-letters/1/replay"): (),
}
OPEN = ("/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json", "/problems/not-json")


async def test_the_matrix_of_roles(world: World) -> None:
    world.server._keys.failures = Failures(1000)
    for (method, path), roles in MATRIX.items():
        for role in ROLES:
            response = await world.ask(method, path, role=role)
            refused = response.status == 403
            assert refused == (role != "admin" and role not in roles), (method, path, role, response.status)
            if refused:
                detail = (await response.json(content_type=None))["detail"]
                assert all(name in detail for name in roles), "the problem names who may"
        assert (await world.ask(method, path, role=None)).status == 401


async def test_the_matrix_is_whole(world: World) -> None:
    document = await world.json("GET", "/openapi.json", role=None)
    guarded = {
        (
            method.upper(),
            path.replace("{id}", "1")
            .replace("{ref}", "1")
            .replace("{verb}", "offer")
            .replace("{name}", "refund")
            .replace("{agent}", "Ana"),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    }
    assert guarded == set(MATRIX)
    for (method, path), roles in MATRIX.items():
        shape = (
            path.replace("/customers/1", "/customers/{ref}")
            .replace("/Ana/", "/{agent}/")
            .replace("/1", "/{id}")
            .replace("/verbs/offer", "/verbs/{verb}")
            .replace("/canned/refund", "/canned/{name}")
        )
        assert set(document["paths"][shape][method.lower()]["x-roles"]) == {*roles, "admin"}


@pytest.mark.parametrize("path", OPEN)
async def test_what_is_open_needs_no_key(world: World, path: str) -> None:
    assert (await world.ask("GET", path, role=None)).status == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic a2V5LW9mLWFkbWlu",
        "key-of-admin",
        "Bearer key-of-admin2",
        "Bearer KEY-OF-ADMIN",
        "Bearer " + "x" * 5000,
        "Bearer " + sha256(b"key-of-admin").hexdigest(),
        "Bearer clé",
    ],
)
async def test_no_key_or_a_wrong_one(world: World, header: str) -> None:
    response = await world.ask("GET", "/v1/messages", role=None, headers={"Authorization": header})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    body = await response.text()
    assert "key-of" not in body
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_the_scheme_is_read_as_http_says(world: World) -> None:
    headers = {"Authorization": f"bearer   {key_of('viewer')} "}
    assert (await world.ask("GET", "/v1/messages", role=None, headers=headers)).status == 200


async def test_guessing_is_slowed_down_but_good_keys_go_on(world: World) -> None:
    statuses = [
        (await world.ask("GET", "/v1/messages", headers={"Authorization": f"Bearer {n}"})).status for n in range(25)
    ]
    assert statuses == [401] * 20 + [429] * 5
    response = await world.ask("GET", "/v1/messages", headers={"Authorization": "Bearer x"})
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert (await world.ask("GET", "/v1/messages")).status == 200


def test_failures_are_forgotten_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    failures = Failures(2, 60.0)
    assert failures.count("a") is None
    assert failures.count("a") is None
    assert failures.count("a") == 60.0
    clock[0] = 61.0
    assert failures.count("a") is None
    for number in range(20_000):
        failures.count(str(number))
    assert len(failures._seen) <= 10_000


async def test_keys_of_the_table_come_and_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("gateway.web.auth.time.monotonic", lambda: clock[0])

    async def status() -> int:
        response = await world.ask("GET", "/v1/messages", role=None, headers={"Authorization": "Bearer fresh"})
        return response.status

    assert await status() == 401
    row = (sha256(b"fresh").hexdigest(), "fresh", "viewer", 0)
    await world.run_sql("INSERT INTO api_key (hash, name, role, created_at) VALUES (?, ?, ?, ?)", row)
    assert await status() == 401, "the table is read at most once a second"
    clock[0] += 1.5
    assert await status() == 200
    await world.run_sql("DELETE FROM api_key")
    assert await status() == 200
    clock[0] += 11
    assert await status() == 401, "a key that was taken back stops working"


async def test_a_flood_of_unknown_keys_reads_the_table_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    read = world.store.read

    async def counted(question: Any, *args: Any) -> Any:
        reads.append(question)
        return await read(question, *args)

    monkeypatch.setattr(world.store, "read", counted)
    for number in range(10):
        await world.ask("GET", "/v1/messages", role=None, headers={"Authorization": f"Bearer {number}"})
    assert len(reads) <= 2


async def test_a_configured_hash_is_a_key(make_world: Any) -> None:
    digest = sha256(b"raw").hexdigest()
    world: World = await make_world(f'\n[[api_keys]]\nname = "hashed"\nhash = "{digest}"\nrole = "viewer"\n')
    headers = {"Authorization": "Bearer raw"}
    assert (await world.ask("GET", "/v1/messages", role=None, headers=headers)).status == 200
    assert (await world.ask("POST", "/v1/events", role=None, headers=headers)).status == 403


async def test_no_secret_is_in_the_object(world: World) -> None:
    keys = Keys(world.store, world.settings.api_keys)
    assert "key-of" not in repr(vars(keys))


async def test_only_a_good_key_of_the_settings_is_known_by_its_header(world: World) -> None:
    keys = world.server._keys
    good, bad = f"Bearer {key_of('viewer')}", "Bearer x"
    assert keys.at_once(good) is None
    for header, status in ((good, 200), (bad, 401), (good, 200), (bad, 401)):
        answer = await world.ask("GET", "/v1/messages", role=None, headers={"Authorization": header})
        assert answer.status == status
    known = keys.at_once(good)
    assert known is not None
    assert known.name == "viewer"
    assert keys.at_once(bad) is keys.at_once(None) is keys.at_once("") is None
    assert good.encode() not in b"".join(keys._headers), "the key itself is not kept"


async def test_ways_to_write_a_good_header_take_no_memory_without_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "MOST_HEADERS", 2)
    for blanks in range(1, 5):
        caller = await world.server._keys.caller(f"bearer{' ' * blanks}{key_of('viewer')}", "here")
        assert caller.name == "viewer"
    assert len(world.server._keys._headers) == 2
