"""The desk in the browser, as tests see and use it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.demo.running import Demo, alive, until
from tests.simulator.browser import Page, browser

DESK = "document.querySelector('#chat-frame').contentDocument"
LAST = f"[...{DESK}.querySelectorAll('#talk .mine')].at(-1)"


async def press(page: Page, words: str) -> None:
    """A button of the desk by its words."""
    await page.run(f"[...{DESK}.querySelectorAll('button')].findLast((one) => one.textContent === '{words}').click()")


async def shown(page: Page, words: str) -> None:
    """Waits until the desk says this."""
    await page.until(f"{DESK}.querySelector('#talk').textContent.includes('{words}')")


async def send(page: Page, words: str) -> None:
    """Typed as it stands, and sent."""
    await page.run(f"{DESK}.querySelector('#words').value = {words!r}")
    await press(page, "Send")


async def foot(page: Page, words: str) -> None:
    """Waits until this stands below the last bubble of the agent."""
    await page.until(f"{LAST}.querySelector('.tick')?.textContent.trim() === {words!r}")


def offered(demo: Demo) -> None:
    """The event's text is on the phone."""
    until(lambda: any("Reply YES" in bubble["text"] for bubble in demo.phone()))


@asynccontextmanager
async def ana_has_maya(demo: Demo, width: int = 1400) -> AsyncIterator[Page]:
    """The page, and in its desk the one customer, who was taken."""
    async with browser() as page:
        await page.open(f"{demo.page}/", width, 900)
        await page.until(f"{DESK}.querySelector('#state').textContent === 'ana@example.test'")
        demo.post("/fire/overage", {})
        await asyncio.to_thread(offered, demo)
        demo.text("AGENT")
        await page.until(f"{DESK}.querySelector('.quick button')")
        await press(page, "Take it")
        await shown(page, "you have this conversation")
        yield page


def process(demo: Demo, name: str) -> int:
    """The id of a child of the demo by a word of its command line."""
    said = {
        pid: Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ") for pid in filter(alive, demo.children)
    }
    found: list[int] = [pid for pid, line in said.items() if name in line]
    assert len(found) == 1, said
    return found[0]
