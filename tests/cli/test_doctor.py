"""`careline doctor` binds for real, takes nothing away, and says what to do."""

import asyncio
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.simulator import SimulatedCarrier
from tests.cli.conftest import Run, free_port


def port_of(config: Path, place: str = 'name = "sim"') -> int:
    found = re.search(place + r".*?\nport = (\d+)", (config / "gateway.toml").read_text("utf-8"), re.DOTALL)
    assert found
    return int(found[1])


async def examined(careline: Run, config: Path) -> dict[str, dict[str, str]]:
    result = await asyncio.to_thread(careline, "doctor", "--config", str(config), "--json")
    found: list[dict[str, Any]] = json.loads(result.stdout)
    assert result.exit_code == (1 if any(one["state"] == "bad" for one in found) else 0)
    return {one["what"]: one for one in found}


async def test_a_carrier_that_answers(careline: Run, config: Path) -> None:
    async with SimulatedCarrier(port_of(config), None, system_id="careline", password="secret") as carrier:
        found = await examined(careline, config)
        assert found["carrier sim"]["state"] == "good", found
        assert found["database"]["state"] == "good"
        assert found["disk"]["told"]
        kinds = {row["kind"] for row in carrier.rows()}
        assert {"bind_transmitter", "unbind"} <= kinds


async def test_the_port_of_the_xmpp_server(careline: Run, config: Path) -> None:
    file = config / "gateway.toml"
    file.write_text(file.read_text("utf-8").replace("port = 5347", f"port = {free_port()}"), "utf-8")
    nobody = await examined(careline, config)
    assert nobody["xmpp"]["state"] == "bad"
    assert "start the XMPP server with component sms.example.test" in nobody["xmpp"]["todo"]
    with socket.create_server(("127.0.0.1", port_of(config, r"\[xmpp\]"))):
        assert (await examined(careline, config))["xmpp"]["state"] == "good"


async def test_a_wrong_password_and_nobody_there(careline: Run, config: Path) -> None:
    nobody = await examined(careline, config)
    assert nobody["carrier sim"]["state"] == "bad"
    assert "connection refused" in nobody["carrier sim"]["told"]
    assert "nothing listens there" in nobody["carrier sim"]["todo"]
    async with SimulatedCarrier(port_of(config), None, system_id="careline", password="other"):
        wrong = await examined(careline, config)
    assert wrong["carrier sim"]["state"] == "bad"
    assert "check system_id and password" in wrong["carrier sim"]["todo"]


@pytest.mark.parametrize(
    ("body", "told", "todo"),
    [
        ('{"status": "ok", "reasons": []}', "and is well", ""),
        ('{"status": "degraded", "reasons": ["sim is down", "disk"]}', "and is degraded", "sim is down; disk"),
        ('{"status": 5}', "answers, and is no Careline", "set http.port to a free port"),
        ("<html>", "answers, and is no Careline", "set http.port to a free port"),
    ],
)
async def test_what_listens_on_the_http_port(careline: Run, config: Path, body: str, told: str, todo: str) -> None:
    async def ready(request: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.router.add_get("/health/ready", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port_of(config, r"\[http\]")).start()
    try:
        found = (await examined(careline, config))["http"]
    finally:
        await runner.cleanup()
    assert found["told"].endswith(told)
    assert found["todo"] == todo
