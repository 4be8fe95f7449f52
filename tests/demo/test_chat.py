"""The demo's agents on a real Prosody: in a chat client, and in the page's own desk."""

import asyncio
import json
import os
import shutil
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gateway.demo import stories
from gateway.demo.prosody import MOST_OCTETS, Addresses, Prosody
from tests.demo.desk_page import DESK, ana_has_maya, offered, press, shown
from tests.demo.running import MAYA, Demo, nobody_left, request, until
from tests.doubles.agent import AgentClient
from tests.simulator.browser import CHROMIUM, Page, browser

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.usefixtures("prosody")]
STEPS = [step.name for step in stories.TOUR]


def client(demo: Demo, name: str) -> AgentClient:
    """A chat client as the page tells to set it up; it accepts no request of anybody."""
    chat = demo.setting["chat"]
    [password] = [one["password"] for one in chat["accounts"] if one["jid"] == f"{name}@example.test"]
    return AgentClient(name, chat["port"], password=password, accepts=False, host=chat["host"])


async def test_the_story_in_a_chat_client(demo: Demo) -> None:
    ana = client(demo, "ana")
    await ana.login()
    try:
        demo.post("/fire/overage", {})
        await asyncio.to_thread(offered, demo)
        demo.text("why?")
        card = await ana.hears("waits in billing", of=MAYA)
        assert "Why: why?" in card.text
        await ana.sees_tick(ana.says(MAYA, "Hi Maya, Ana here."), 15)
        assert any(bubble["text"] == "Hi Maya, Ana here." for bubble in demo.phone())
        demo.text("and what does it cost?")
        await ana.hears("and what does it cost?", of=MAYA)
        ana.says(MAYA, ".offer unlimited")
        await ana.hears("offered: ")
        demo.text("YES")
        await ana.hears("accepted unlimited")
        await ana.hears("unlimited was delivered", within=15)
        ana.says(MAYA, ".close resolved")
        await ana.hears("closed: resolved")
        seen = await asyncio.to_thread(until, lambda: (now := demo.document())["tour"] == STEPS and now)
        [call] = seen["billing"]["calls"]
        assert (call["action"], call["verified"], call["status"]) == ("offer.accepted", True, 200)
        assert any("is yours now" in bubble["text"] for bubble in demo.phone())
        assert seen["health"]["status"] == "ok"
        folder = demo.var / "demo" / "prosody"
        if 'archive = "sql"' in (folder / "prosody.cfg.lua").read_text("utf-8"):
            assert (folder / "archive.sqlite").read_bytes().startswith(b"SQLite format 3")
    finally:
        await ana.logout()


def test_only_its_owner_reads_the_folder(demo: Demo) -> None:
    folder = demo.var / "demo" / "prosody"
    for secret in [folder / "component.secret", folder / "prosody.cfg.lua", *(folder / "passwords").iterdir()]:
        assert secret.stat().st_mode & 0o077 == 0, secret
    assert (folder / "data").stat().st_mode & 0o077 == 0


def test_a_killed_prosody_comes_back_and_the_gateway_with_it(demo: Demo) -> None:
    until(lambda: demo.document()["health"]["status"] == "ok")
    running = demo.children[0]
    assert "prosody" in Path(f"/proc/{running}/cmdline").read_text("utf-8")
    os.kill(running, signal.SIGKILL)
    until(lambda: demo.document()["health"]["status"] == "degraded")
    until(lambda: demo.document()["health"]["status"] == "ok")
    demo.children = [entry["pid"] for entry in json.loads((demo.var / "demo" / "children.json").read_text("utf-8"))]
    demo.process.kill()
    demo.process.wait(30)
    nobody_left(demo)


async def test_start_over_puts_the_card_away(demo: Demo) -> None:
    ana = client(demo, "ana")
    await ana.login()
    try:
        demo.post("/fire/overage", {})
        await asyncio.to_thread(offered, demo)
        demo.text("why?")
        await ana.hears("waits in billing", of=MAYA)
        [one] = demo.document()["conversations"]
        demo.post("/again", {})
        key = {"Authorization": f"Bearer {demo.session['key']}"}
        assert request(f"{demo.session['url']}/v1/conversations/{one['id']}", **key)[1]["state"] == "closed"
    finally:
        await ana.logout()


async def sell(demo: Demo, page: Page) -> None:
    """From the card to the confirmation."""
    await page.until(f"{DESK}.querySelector('.quick button')")
    await press(page, "Take it")
    await shown(page, "you have this conversation")
    await page.run(f"{DESK}.querySelector('#words').focus()")
    await page.run(f"{DESK}.querySelector('#words').value = 'Hi Maya, Ana here.'")
    await press(page, "Send")
    ticks = f"[...{DESK}.querySelectorAll('.tick.ticked')]"
    await page.until(f"{ticks}.some((one) => one.textContent === ' ✓ done')")
    await page.until(f"{ticks}.some((one) => one.textContent === ' ✓✓ on the phone')")
    assert any(bubble["text"] == "Hi Maya, Ana here." for bubble in demo.phone())
    demo.text("and what does it cost?")
    await shown(page, "and what does it cost?")
    await press(page, ".offer unlimited")
    await shown(page, "offered: ")
    demo.text("YES")
    await shown(page, "unlimited was delivered")
    await press(page, ".close resolved")
    await shown(page, "closed: resolved")


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize(("width", "dark"), [(390, True), (1400, False)])
async def test_the_story_on_the_page(demo_with_desk: Demo, width: int, dark: bool) -> None:
    demo = demo_with_desk
    async with browser() as page:
        await page.open(f"{demo.page}/", width, 900, dark=dark)
        await page.until(f"{DESK}.querySelector('#state').textContent === 'ana@example.test'")
        await page.run("document.querySelector('.step.now button').click()")
        await page.until("document.querySelectorAll('.message').length === 1")
        demo.text("why?")
        await sell(demo, page)
        await page.until(f"document.querySelectorAll('.step.done').length === {len(STEPS)}")
        for document in ("document", DESK):
            assert await page.run(f"{document}.documentElement.scrollWidth <= {document}.defaultView.innerWidth")
        assert demo.session["key"] not in await page.run("document.documentElement.outerHTML")
        # A new page has the chat from the archive.
        await page.open(f"{demo.page}/desk/?agent=Ana", width, 900, dark=dark)
        await page.until("document.querySelectorAll('#talk .theirs').length === 2")
        assert not await page.run("document.querySelector('.quick')")
        assert page.complaints == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
async def test_a_failed_text_is_marked_in_the_desk(demo_with_desk: Demo) -> None:
    demo = demo_with_desk
    async with browser() as page:
        await page.open(f"{demo.page}/", 1400, 900)
        await page.until(f"{DESK}.querySelector('#state').textContent === 'ana@example.test'")
        demo.post("/fire/overage", {})
        offered(demo)
        demo.text("AGENT")
        await page.until(f"{DESK}.querySelector('.quick button')")
        await press(page, "Take it")
        await shown(page, "you have this conversation")
        request(f"{demo.session['phones']}/set", {"stat": "UNDELIV", "err": "027"})
        await page.run(f"{DESK}.querySelector('#words').value = 'Can you read this?'")
        await press(page, "Send")
        await page.until(f"{DESK}.querySelector('.lost .tick.failed')")
        assert "not delivered" in await page.run(f"{DESK}.querySelector('.lost').textContent")


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [320, 390, 820, 1180])
async def test_the_bar_never_scrolls(demo_with_desk: Demo, width: int) -> None:
    """Whatever it says of the gateway and of the agents' server while they start, or are gone."""
    demo = demo_with_desk
    async with browser() as page:
        await page.open(f"{demo.page}/", width, 844)
        await page.until("document.querySelector('#health').textContent === 'Running'")
        for told in ("Running", "Connecting \u2026", "the desk is not connected (connecting to 127.0.0.1:5347)"):
            await page.run(f"document.querySelector('#health').textContent = {told!r}")
            assert await page.run("document.documentElement.scrollWidth <= innerWidth"), (width, told)
            shown = "document.querySelector('#{}').getBoundingClientRect()".format
            assert await page.run(f"{shown('health')}.right < {shown('again')}.left"), (width, told)
            assert await page.run(f"{shown('again')}.right <= innerWidth - 8"), (width, told)


def test_what_is_written_for_prosody(tmp_path: Path) -> None:
    agents = {"ana@example.test": "Ana", "d.o'neil@example.test": "Dee"}
    where = Addresses(5222, 5347, 5280, "sms.example.test", agents)
    one = Prosody(shutil.which("prosody") or "prosody", tmp_path, where)
    one.prepare()
    kept = dict(one.passwords)
    assert len(set(kept.values())) == 2
    one.prepare()
    assert one.passwords == kept
    names = sorted(path.name for path in (tmp_path / "data" / "example%2etest" / "accounts").iterdir())
    assert names == ["ana.dat", "d%2eo%27neil.dat"]
    groups: Any = (tmp_path / "groups.txt").read_text("utf-8").splitlines()
    assert groups[1:] == ["ana@example.test=Ana", "d.o'neil@example.test=Dee", "sms.example.test=Care desk"]


PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def sends_file(name: str, octets: int) -> str:
    """An agent picks a file."""
    return (
        f"(() => {{ const its = new ({DESK}.defaultView.DataTransfer)(); const bytes = new Uint8Array({octets});"
        f" bytes.set({list(PICTURE)}.slice(0, {octets}));"
        f" its.items.add(new File([bytes], '{name}', {{type: 'image/png'}}));"
        f" const file = {DESK}.querySelector('#file'); file.files = its.files;"
        f" file.dispatchEvent(new Event('change')); }})()"
    )


def fetched(link: str) -> tuple[str, bytes]:
    """What a phone gets."""
    with urllib.request.urlopen(link, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read()


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
async def test_a_picture_from_the_desk(demo_with_desk: Demo) -> None:
    """Uploaded to the demo's Prosody (XEP-0363); the phone shows the link. What is too large is told."""
    demo = demo_with_desk
    async with ana_has_maya(demo) as page:
        await page.run(sends_file("Your bill (May).png", len(PICTURE)))
        mine = f"[...{DESK}.querySelectorAll('#talk .mine a')].at(-1)?.href"
        await page.until(f"{mine} && [...{DESK}.querySelectorAll('.tick.ticked')].length === 2")
        sent = await page.run(mine)
        assert demo.phone()[-1]["text"] == sent
        assert sent.startswith(demo.setting["chat"]["files"])
        assert sent.endswith("/Your-bill-May.png")
        assert await asyncio.to_thread(fetched, sent) == ("image/png", PICTURE)
        await page.run(sends_file("film.png", MOST_OCTETS + 1))
        await shown(page, "film.png")
        assert "not delivered: more than 5 MB" in await page.run(f"{DESK}.querySelector('.lost').textContent")
        assert demo.phone()[-1]["text"] == sent
        await page.open(f"{demo.session['phones']}/?phone={MAYA.replace('+', '%2B')}", 390, 844)
        await page.until(f"[...document.querySelectorAll('.bubble a')].at(-1)?.href === {sent!r}")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth"), "a long link is wrapped"
        assert page.complaints == []
