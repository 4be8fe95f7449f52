"""An agent's words over HTTP: what is for the desk alone reaches no customer, as in the chat."""

import pytest

from tests.web.conftest import PHONE, World
from tests.web.test_conversations import queued, verb

NOT_WORDS = [
    "// http note",
    "//no blank",
    "/ x",
    "  // a blank before",
    ".note http dot",
    "/note he sounds tired",
    "\uff0enote wide",
    "/close resolved",
    ".take",
    ".leave",
    "/as acme Hello",
    ".help",
    "[desk] Why: he does not pay",
    "> .note y",
    "> // y\nyes",
    "Hello\n// he sounds tired",
    "Hello\n/close resolved",
]


@pytest.mark.parametrize("text", NOT_WORDS)
async def test_what_is_for_the_desk_is_refused(world: World, text: str) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    world.sends.clear()
    other = {"to": "+15550001111", "agent": "Ana", "text": text}
    for problem in (
        await verb(world, an_id, "messages", 422, agent="Ana", text=text),
        await world.json("POST", "/v1/conversations", other, status=422, role="agent"),
    ):
        [error] = problem["errors"]
        assert error["pointer"] == "/text"
        assert error["detail"].startswith("is not sent: ")
        assert "POST /v1/conversations/{id}/notes" in error["detail"]
    assert not world.sends
    assert len((await world.json("GET", "/v1/conversations"))["items"]) == 1


@pytest.mark.parametrize(
    "text", [" /close is a word", "...", ".5 off", "50/50", "Say\n /close resolved", "he said // x"]
)
async def test_words_are_sent(world: World, text: str) -> None:
    an_id = await queued(world)
    await verb(world, an_id, "claim", agent="Ana")
    told = await verb(world, an_id, "messages", 202, agent="Ana", text=text)
    assert (await world.json("GET", f"/v1/messages/{told['message']}"))["text"] == text.strip()


async def test_a_program_may_say_what_it_likes(world: World) -> None:
    body = {"to": PHONE, "text": "// a program", "class": "transactional"}
    await world.json("POST", "/v1/messages", body, status=202, role="integrator")
    [sent] = (await world.json("GET", "/v1/messages"))["items"]
    assert sent["text"] == "// a program"
