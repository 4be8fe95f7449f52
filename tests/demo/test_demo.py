"""`careline demo` as a process: all starts, the story plays over HTTP, and no process is left whatever ends it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.demo.running import ROOT, WITHIN, Demo, kinds_of, nobody_left, request, timed, until
from tests.simulator.browser import CHROMIUM, browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_the_whole_story_without_an_xmpp_server(demo_over_http: Demo) -> None:
    demo = demo_over_http
    assert "Prosody is not installed" in demo.setting["chat"]["missing"]
    assert "Prosody is not installed" in demo.said.read_text("utf-8")
    assert demo.document()["health"]["status"] == "ok"
    demo.post("/fire/overage", {})
    until(lambda: any("Reply YES" in bubble["text"] for bubble in demo.phone()))
    demo.text("yes please")
    until(lambda: "billing" in demo.document()["tour"])
    seen = until(lambda: (now := demo.document())["conversations"][0]["state"] == "closed" and now)
    [call] = seen["billing"]["calls"]
    assert (call["action"], call["verified"], call["status"], call["repeated"]) == ("offer.accepted", True, 200, False)
    assert call["idempotency_key"]
    assert seen["conversations"][0]["offers"][0]["state"] == "fulfilled"

    demo.post("/fire/overage", {})
    until(lambda: sum("minutes" in b["text"] or "min over" in b["text"] for b in demo.phone()) == 2)
    demo.text("why?")
    seen = until(lambda: (now := demo.document())["conversations"][0]["state"] == "queued" and now)
    conversation = seen["conversations"][0]["id"]
    demo.post(f"/conversations/{conversation}/claim", {"agent": "Ana"})
    demo.post(f"/conversations/{conversation}/messages", {"agent": "Ana", "text": "Hi Maya, Ana here."})
    until(lambda: any(bubble["text"] == "Hi Maya, Ana here." for bubble in demo.phone()))
    demo.post(f"/conversations/{conversation}/close", {"agent": "Ana", "disposition": "resolved"})
    seen = until(lambda: (now := demo.document())["tour"][-1:] == ["close"] and now)
    assert seen["tour"] == ["fire", "yes", "billing", "why", "claim", "answer", "close"]
    until(lambda: {"event", "gate", "attempt", "response", "receipt"} <= kinds_of(demo.document()))

    demo.post("/again", {})  # a new phone: who has bought the plan is not offered it again
    seen = demo.document()
    assert (seen["phone"], seen["tour"], seen["messages"]) == ("+15551234568", [], [])
    demo.post("/fire/overage", {})
    until(lambda: any("Reply YES" in message["text"] for message in demo.document()["messages"]))


def test_only_the_page_itself_may_press_its_buttons(demo: Demo) -> None:
    assert request(f"{demo.page}/fire/overage", {})[0] == 403
    assert request(f"{demo.page}/fire/overage", {}, Origin="http://evil.example")[0] == 403
    assert request(f"{demo.page}/setting", Host="evil.example")[0] == 421
    assert request(f"{demo.page}/conversations/1/delete", {}, Origin=demo.page)[0] == 400
    with urllib.request.urlopen(demo.page, timeout=10) as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = answer.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    told = json.dumps(request(f"{demo.page}/setting")[1]) + json.dumps(demo.document()) + page
    assert demo.session["key"] not in told
    assert (demo.var / "demo" / "api.key").stat().st_mode & 0o077 == 0
    assert (demo.var / "demo" / "session.json").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [375, 1440])
async def test_the_page_without_an_xmpp_server(demo_over_http: Demo, width: int) -> None:
    demo = demo_over_http
    async with browser() as page:
        await page.open(f"{demo.page}/", width, 900)
        await page.until("document.querySelector('#health').textContent === 'Running'")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert await page.run("document.querySelector('.step.now strong').textContent") == "Fire a plan overage"
        await page.run("document.querySelector('.step.now button').click()")
        await page.until("document.querySelector('.step.now strong').textContent === 'Answer YES on the phone'")
        await page.until("document.querySelectorAll('.message').length === 1")
        demo.text("YES")
        await page.until("document.querySelectorAll('.call').length === 1")
        assert "signature verified" in await page.run("document.querySelector('.call').textContent")
        demo.post("/fire/flight", {})
        await page.until("document.querySelectorAll('.message').length === 4")
        demo.text("when does it leave?")
        await page.until("!document.querySelector('#claim').closest('[hidden]')")
        await page.run("document.querySelector('#claim').click()")
        await page.until("!document.querySelector('#desk-answer').hidden")
        await page.run("document.querySelector('#answer').focus()")
        await page.type("At 6:40 PM, gate B7.")
        await page.run("document.querySelector('#desk-answer').requestSubmit()")
        await page.until("document.querySelectorAll('.talk .agent').length === 1")
        assert any(bubble["text"] == "At 6:40 PM, gate B7." for bubble in demo.phone())
        assert demo.session["key"] not in await page.run("document.documentElement.outerHTML")
        unnamed = "[...document.querySelectorAll('button, a, input, textarea, select, iframe')].filter((one) =>"
        unnamed += " !(one.textContent.trim() || one.title || one.ariaLabel || one.labels?.length)).length"
        assert await page.run(unnamed) == 0
        assert page.complaints == []


def test_a_killed_gateway_comes_back(demo: Demo) -> None:
    pid = until(lambda: demo.document().get("pid"))
    os.kill(pid, signal.SIGKILL)
    until(lambda: demo.document().get("pid") not in (None, pid))
    demo.post("/fire/appointment", {})
    until(lambda: any("dentist" in bubble["text"] for bubble in demo.phone()))
    demo.children = [entry["pid"] for entry in json.loads((demo.var / "demo" / "children.json").read_text("utf-8"))]


def test_ctrl_c_ends_all_and_a_second_start_is_fast(demo: Demo, tmp_path: Path) -> None:
    another = subprocess.run(
        [sys.executable, "-P", "-m", "gateway.cli", "demo", "--var", str(demo.var)],
        capture_output=True, text=True, cwd=ROOT, timeout=WITHIN, check=False,
    )  # fmt: skip
    assert another.returncode == 1
    assert f"a demo runs here already: open {demo.session['page']}" in another.stderr
    assert demo.end() == 0
    nobody_left(demo)
    assert "Traceback" not in demo.said.read_text("utf-8")
    # A busy machine is slow at everything: what one program's imports take now is the yardstick there.
    yardstick = timed(lambda: subprocess.run([sys.executable, "-c", "import gateway.app"], cwd=ROOT, check=True))
    started = time.monotonic()
    again = Demo(tmp_path)
    took = time.monotonic() - started
    try:
        assert took < max(5.0, 4 * yardstick), f"{took:.1f} s, imports {yardstick:.1f} s"
        assert again.session["key"] == demo.session["key"]
        assert again.document()["phone"] == "+15551234568"
    finally:
        again.end()
    nobody_left(again)


def test_children_die_with_a_demo_that_is_killed(demo: Demo) -> None:
    demo.process.kill()
    demo.process.wait(WITHIN)
    nobody_left(demo)
