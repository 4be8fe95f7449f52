"""Pages for people: the link of a text, and the documents. Safe, readable in light and dark and on a small phone."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.simulator.browser import CHROMIUM, Page, browser
from tests.web.conftest import PHONE, World

LINK_DAYS = 7


async def link_of(world: World) -> str:
    """The path of the link in the notice that a customer got."""
    await world.event()
    await world.settled()
    [message] = (await world.json("GET", "/v1/messages?direction=mt"))["items"]
    assert message["text"].rpartition("http://care.example")[2].startswith("/c/")
    return str(message["text"].rpartition("http://care.example")[2])


async def test_the_link_shows_the_notice_and_what_to_reply(world: World) -> None:
    path = await link_of(world)
    response = await world.ask("GET", path, role=None)
    page = await response.text()
    assert response.status == 200
    assert "Acme Mobile" in page
    assert "120 min over Basic 300 cost $50.00" in page
    assert "http://care.example/c/" not in page, "the link does not show itself"
    assert re.findall(r'href="(sms:[^"]+)"', page) == [
        "sms:70007?body=YES",
        "sms:70007?body=NO",
        "sms:70007?body=AGENT",
    ]
    assert PHONE not in page
    headers = response.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"].startswith("noindex")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "script" not in page
    assert "style=" not in page


async def test_looking_answers_nothing(world: World) -> None:
    path = await link_of(world)
    for method in ("GET", "HEAD", "GET"):
        assert (await world.ask(method, path, role=None)).status == 200
    assert (await world.ask("POST", path, role=None)).status == 405
    [offer] = (await world.json("GET", "/v1/offers"))["items"]
    assert offer["state"] == "open"


async def test_an_answered_question_is_no_longer_asked(world: World) -> None:
    path = await link_of(world)
    await world.carried()
    await world.text_in("no")
    page = await (await world.ask("GET", path, role=None)).text()
    assert "no longer open" in page
    assert "body=YES" not in page
    assert 'href="sms:70007"' in page


async def test_the_customers_language(world: World) -> None:
    path = await link_of(world)
    await world.run_sql("UPDATE customer SET language = 'es-MX'")
    page = await (await world.ask("GET", path, role=None)).text()
    assert '<html lang="es">' in page
    assert "Cómo responder" in page


async def test_what_was_said_is_text_and_never_markup(world: World) -> None:
    path = await link_of(world)
    await world.run_sql("UPDATE message SET text = '<script>alert(1)</script> & \"quotes\"'")
    page = await (await world.ask("GET", path, role=None)).text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("token", ["abcdefgh12345678", "x", "a" * 65, "%00", "..%2f", "<script>", "'; DROP TABLE link"])
async def test_an_unknown_link(world: World, token: str) -> None:
    response = await world.ask("GET", f"/c/{token}", role=None, headers={"Accept-Language": "fr, es;q=0.5"})
    assert response.status == 404
    assert response.headers["Content-Type"].startswith(("text/html", "application/problem+json"))
    page = await response.text()
    assert "<script>" not in page
    assert "DROP" not in page


async def test_an_ended_link(world: World) -> None:
    path = await link_of(world)
    world.clock[0] += LINK_DAYS * 86_400_000 + 1
    response = await world.ask("GET", path, role=None)
    assert response.status == 410
    assert "has ended" in await response.text()
    assert response.headers["X-Robots-Tag"].startswith("noindex")


async def test_guessing_links_is_slowed_down(world: World) -> None:
    statuses = [(await world.ask("GET", f"/c/guess{n:08d}", role=None)).status for n in range(65)]
    assert statuses == [404] * 60 + [429] * 5
    assert (await world.ask("GET", await link_of(world), role=None)).status == 200


async def test_the_documents_work_offline(world: World) -> None:
    response = await world.ask("GET", "/docs", role=None)
    page = await response.text()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page)
    assert "<script" not in page
    for said in ("/v1/events", "plan.overage", "minutes_over", "curl -sS", "event-clash", "integrator"):
        assert said in page


async def test_browsers_find_an_icon(world: World) -> None:
    page = await (await world.ask("GET", "/docs", role=None)).text()
    assert '<link rel="icon" href="/favicon.ico" type="image/svg+xml">' in page
    response = await world.ask("GET", "/favicon.ico", role=None)
    assert (response.status, response.headers["Content-Type"]) == (200, "image/svg+xml")
    assert (await response.text()).startswith("<svg xmlns=")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in response.headers["Cache-Control"]


# Colour contrast (WCAG 2.1, 1.4.3) of every element that shows text, as the browser computed it.
CONTRAST = """
(() => {
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => {
    const f = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 20)}`);
  }
  return bad;
})()
"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A browser's tab."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    async with browser() as tab:
        yield tab


@pytest.mark.interop
async def test_pages_in_a_real_browser(world: World, page: Page) -> None:
    base = str(world.client.make_url("/")).rstrip("/")
    link = await link_of(world)
    for path in (link, "/docs", "/problems/not-json", "/c/unknown-link"):
        for dark in (False, True):
            for width in (375, 1280):
                await page.open(base + path, width, dark=dark)
                await page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
                assert await page.run("document.documentElement.scrollWidth") <= width, (path, width)
                assert await page.run(CONTRAST) == [], (path, dark)
                ground = await page.run("getComputedStyle(document.body).backgroundColor")
                assert ground == ("rgb(16, 21, 29)" if dark else "rgb(247, 248, 250)")
    await page.open(base + link, 375)
    small = "[...document.querySelectorAll('a.reply')].filter(a => a.getBoundingClientRect().height < 44).length"
    assert await page.run(small) == 0
    wanted = [said for said in page.complaints if "404" not in said or "favicon" in said]
    assert wanted == []
