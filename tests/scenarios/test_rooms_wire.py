"""Rooms on real Prosody: the lobby, and three who talk."""

import asyncio
from pathlib import Path

import pytest

from tests.doubles.prosody import installed as prosody_installed
from tests.doubles.seats import Seats, seated
from tests.scenarios.test_desk_wire import Scene, scene
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
    pytest.mark.skipif(not prosody_installed(), reason="Prosody is not installed"),
]
ANN, JOE = "+15551230001", "+15551230002"
LOBBY = "billing@rooms.example.test"


async def lobby_is_up(on: Scene) -> None:
    chat = on.run.gateway.chat
    assert chat is not None

    async def so() -> bool:
        return chat.link.rooms.inside(LOBBY)

    await on.run.until(so, "the lobby is there")


async def test_the_lobby_shows_who_waits_and_who_has_what(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await lobby_is_up(on)
        ana = await on.agent("ana", "dnd")  # asked for nothing; takes what she wants
        ben = await on.agent("ben", "dnd")
        seat, his = await seated(ana, LOBBY), await seated(ben, LOBBY)
        await seat.until(lambda: seat.subjects.get(LOBBY) == "nobody waits", "the subject is set")
        await on.run.writes(ANN, "agent")
        await seat.reads(LOBBY, f"{ANN} waits: agent")
        await seat.until(lambda: seat.subjects[LOBBY].startswith("1 waits, longest 0:0"), "the subject tells")
        seat.says(LOBBY, "lunch, anybody?")
        await his.reads(LOBBY, "lunch, anybody?")
        seat.says(LOBBY, "/take 9999")
        await his.reads(LOBBY, "ana: not taken: nobody waits here whose number ends with 9999")
        seat.says(LOBBY, "/queue")
        assert f"{ANN} for 0:0" in await his.reads(LOBBY, "1 waits:")
        seat.says(LOBBY, "/take 0001")
        await his.reads(LOBBY, f"Ana has {ANN}")
        await his.until(lambda: his.subjects[LOBBY] == "nobody waits - Ana 1", "the subject tells who has what")
        await ana.reads("What you write here goes to the customer", of=ANN)
        ana.says(ANN, "Hello")
        await on.run.received(ANN, 2)
        # The server dies and comes back: what the lobby shows is right again.
        await on.server.kill()
        await ana.drop()
        await ben.drop()
        await on.run.writes(JOE, "agent")
        await on.server.start()
        await lobby_is_up(on)
        again = await seated(await on.agent("ben", "dnd"), LOBBY)
        await again.until(
            lambda: again.subjects.get(LOBBY, "").startswith("1 waits") and "Ana 1" in again.subjects[LOBBY],
            "the subject is right again",
        )
        assert not any("lunch" in text for text in await on.run.texts(ANN))


async def test_strangers_stay_outside(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await lobby_is_up(on)
        stranger = Seats(await on.agent("mallory"))
        with pytest.raises(AssertionError, match="registration-required"):
            async with asyncio.timeout(10):
                await stranger.enters(LOBBY)
