"""The desk in the browser: whose chat is open, what a line is, and what became of it."""

import asyncio
import os
import signal

import pytest

from tests.demo.desk_page import DESK, LAST, ana_has_maya, foot, press, process, send, shown
from tests.demo.running import MAYA, Demo, request, until
from tests.simulator.browser import CHROMIUM, Page

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("prosody"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
LEO = "+15557654321"
LEOS = f"[...{DESK}.querySelectorAll('#chats button')].find((one) => one.textContent.startsWith('{LEO}'))"
OPEN = f"{DESK}.querySelector('#chats [aria-pressed=true]').firstChild.textContent"
NOT_CONFIRMED = "? not confirmed: look at .card before you send it again"


def said_to(demo: Demo, whose: str) -> list[str]:
    return [bubble["text"] for bubble in demo.phone(whose)]


async def waits_beside(demo: Demo, page: Page) -> None:
    """A card of another customer has come."""
    demo.text("AGENT", LEO)
    await page.until(f"{LEOS}?.classList.contains('waits') && {LEOS}.querySelector('b')?.textContent")


async def test_an_open_chat_stays_open_when_another_customer_waits(demo_with_desk: Demo) -> None:
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        await send(page, "Hi Maya, Ana here.")
        await foot(page, "✓✓ on the phone")
        await waits_beside(demo, page)
        assert await page.run(OPEN) == MAYA
        await send(page, "Those were calls on two evenings.")
        await foot(page, "✓✓ on the phone")
        assert "Those were calls on two evenings." in said_to(demo, MAYA)
        assert "Those were calls on two evenings." not in said_to(demo, LEO)
        assert await page.run(f"{LEOS}.classList.contains('waits')"), "nobody has taken it"


async def test_what_is_half_written_stays_with_its_customer(demo_with_desk: Demo) -> None:
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        await waits_beside(demo, page)
        await page.run(f"{DESK}.querySelector('#words').value = 'The calls were'")
        await page.run(f"{LEOS}.click()")
        assert await page.run(OPEN) == LEO
        assert await page.run(f"{DESK}.querySelector('#words').value") == ""
        await page.run(f"[...{DESK}.querySelectorAll('#chats button')].find((one) => one !== {LEOS}).click()")
        assert await page.run(f"{DESK}.querySelector('#words').value") == "The calls were"


async def test_a_note_is_never_shown_as_on_the_phone(demo_with_desk: Demo) -> None:
    """Whatever a keyboard makes of its dot: the gateway says what it was."""
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        before = said_to(demo, MAYA)
        for line in (". note calls at night", "\uff0enote she is kind", "  .note third", "// fourth", ".tag vip"):
            await send(page, line)
            await foot(page, "✓ done")
            assert await page.run(f"{LAST}.classList.contains('verb')"), line
        assert said_to(demo, MAYA) == before
        await send(page, "... and .note is a word")
        await foot(page, "✓✓ on the phone")
        assert not await page.run(f"{LAST}.classList.contains('verb')")
        await page.open(f"{demo.page}/", 390, 844)
        await page.until(f"{DESK}.querySelectorAll('#talk .mine.verb .ticked').length >= 5")
        await foot(page, "✓✓ on the phone")


async def test_a_blank_before_it_makes_it_words(demo_with_desk: Demo) -> None:
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        await send(page, ".htaccess is the file")
        await shown(page, "begin with a space to send it")
        await send(page, " .htaccess is the file ")
        await foot(page, "✓✓ on the phone")
        assert said_to(demo, MAYA)[-1] == ".htaccess is the file"


async def test_a_line_lost_with_the_gateway_is_marked(demo_with_desk: Demo) -> None:
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        await send(page, ".nothing")
        await shown(page, "there is no .nothing")
        gateway = process(demo, "gateway.cli run")
        os.kill(gateway, signal.SIGSTOP)
        await send(page, "Can you read this?")
        await page.until(f"{LAST}.textContent.includes('Can you read this?')")
        os.kill(gateway, signal.SIGKILL)
        await page.until(f"{DESK}.querySelector('.doubt')")
        await foot(page, NOT_CONFIRMED)
        assert await page.run(f"{DESK}.querySelectorAll('.tick.doubt').length") == 1, "a refused command is answered"
        until(lambda: demo.document()["health"]["status"] == "ok")
        assert "Can you read this?" not in said_to(demo, MAYA)
        await page.open(f"{demo.page}/", 390, 844)
        await page.until(f"{DESK}.querySelectorAll('.tick.doubt').length === 1")
        await press(page, ".card")
        await foot(page, "✓ done")


async def test_a_late_receipt_clears_the_mark(demo_with_desk: Demo) -> None:
    """The server dies, the text is on its way: it is told when the phone says that it has it."""
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        request(f"{demo.session['phones']}/set", {"dlr": "late", "dlr_late_ms": 6000})
        await send(page, "Can you read this?")
        await asyncio.to_thread(until, lambda: "Can you read this?" in said_to(demo, MAYA))
        os.kill(process(demo, "prosody"), signal.SIGKILL)
        await foot(page, NOT_CONFIRMED)
        await foot(page, "✓✓ on the phone")
        assert said_to(demo, MAYA)[-1] == "Can you read this?"
