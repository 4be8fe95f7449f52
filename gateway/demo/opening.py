"""What the demo does over HTTP once its programs are on their way: waits for them, and serves the start page.

Apart from the director, so that the programs start before this imports a web framework: a second start takes 2 seconds.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gateway.demo import stories
from gateway.demo.children import Child
from gateway.demo.observer import Observer, Sources
from gateway.demo.start_page import StartPage

REPLIES = Path(__file__).with_name("canned.json")
"""Canned replies of the demo, as `careline canned import` takes them."""


async def wait_for(carrier: Child, billing: Child, gateway: Child, session: Mapping[str, str]) -> None:
    """Until all answer, and the gateway is bound to the carrier: the first text leaves at once. Raises ChildFailed."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        await asyncio.gather(
            carrier.ready(_asking(http, f"{session['phones']}/state", lambda state: bool(state.get("sessions")))),
            billing.ready(_asking(http, f"{session['billing']}/received", lambda _: True)),
            gateway.ready(_asking(http, f"{session['url']}/health/ready", lambda _: True)),
        )


def _asking(
    http: aiohttp.ClientSession, url: str, enough: Callable[[dict[str, Any]], bool]
) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        try:
            async with http.get(url) as response:
                return response.status < 500 and enough(await response.json())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    return ask


async def stock(session: Mapping[str, str]) -> None:
    """Gives a desk that has no canned replies those of the demo, as far as they fit the configuration."""
    headers = {"Authorization": f"Bearer {session['key']}"}
    replies = json.loads(REPLIES.read_text("utf-8"))
    async with aiohttp.ClientSession(session["url"], headers=headers) as http:
        async with http.get("/v1/canned") as answer:
            if (await answer.json()).get("items") != []:
                return
        for its in replies:
            body = {name: value for name, value in its.items() if name != "name"}
            async with http.put(f"/v1/canned/{its['name']}", json=body):
                continue


class Opening:
    """The start page on its port."""

    def __init__(
        self,
        session: Mapping[str, str],
        setting: Mapping[str, Any],
        pid: Callable[[], int | None],
        tours: tuple[int, Callable[[int], None]],
    ) -> None:
        sources = Sources(session["url"], session["billing"], session["key"], session["phones"], pid)
        steps = stories.TOUR if "accounts" in setting["chat"] else stories.TOUR_OVER_HTTP
        self._observer = Observer(sources, *tours, (steps, setting["agents"]))
        page = StartPage(self._observer, setting, session["phones"])
        self._runner = web.AppRunner(page.application(), access_log=None, shutdown_timeout=0.5)

    async def open(self, port: int) -> None:
        """Begins to listen."""
        await self._observer.open()
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def close(self) -> None:
        """Ends the streams and the server."""
        await self._observer.close()
        await self._runner.cleanup()
