"""The phone page in a real browser, and its colours."""

import re
from pathlib import Path

import pytest

import gateway.simulator
from gateway.simulator import SimulatedCarrier
from tests.simulator.browser import CHROMIUM, browser
from tests.simulator.esme import bound

FOLDER = Path(gateway.simulator.__file__).parent
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
NASTY = "<img src=x onerror=document.title='gotcha'>"


@needs_chromium
@pytest.mark.interop
async def test_texts_come_and_go_on_the_page() -> None:
    async with SimulatedCarrier() as carrier, bound(carrier.port) as esme, browser() as page:
        await page.open(carrier.url)
        await page.until("document.querySelectorAll('.phone').length === 2")
        await page.until("document.querySelector('#state').textContent.includes('1 bind')")
        await esme.submit("15551234567", NASTY.encode(), registered=1)
        await page.until("document.querySelector('.bubble.mt .fate.good') !== null")
        assert await page.run("document.querySelector('.bubble.mt p').textContent") == NASTY
        await page.run("document.querySelector('textarea').focus()")
        await page.type("Oui, ça marche – 😀")
        counted = await page.run("document.querySelector('.count').textContent")
        assert counted == "19/701 partUCS-2 because of “ç” (U+00E7)"
        await page.press("Enter")
        await page.until("document.querySelector('.bubble.mo .fate.good') !== null")
        assert esme.delivered[-1]["octets"].decode("utf-16-be") == "Oui, ça marche – 😀"
        await page.run("[...document.querySelectorAll('.chip')].find(chip => chip.textContent === 'STOP').click()")
        await page.until("document.querySelectorAll('.bubble.mo').length === 2")
        await esme.submit("15559998888", b"to a stranger", registered=0)
        await page.until("document.querySelectorAll('.phone').length === 3")
        await page.open(carrier.url)
        await page.until("document.querySelectorAll('.bubble').length === 4")
        assert await page.run("document.title") == "Phones · simulated carrier"
        assert page.complaints == []


@needs_chromium
@pytest.mark.interop
async def test_faults_log_and_phones_on_the_page() -> None:
    async with SimulatedCarrier() as carrier, bound(carrier.port) as esme, browser() as page:
        await page.open(carrier.url, 375, 720, dark=True)
        await page.run("document.querySelector('#show-faults').click()")
        await page.until("document.querySelector('#switch-dlr') !== null")
        await page.run(
            "{const s = document.querySelector('#switch-dlr'); s.value = 'never'; s.dispatchEvent(new Event('change'))}"
        )
        await page.until("document.querySelector('#fault-count').textContent === '1'")
        assert carrier.faults.dlr == "never"
        await page.run(
            "{const s = document.querySelector('#switch-err'); s.value = '!'; s.dispatchEvent(new Event('change'))}"
        )
        await page.until("document.querySelector('#fault-said').textContent.includes('err')")
        await page.press("Escape")
        await page.until("document.querySelector('#faults').hidden")
        await page.run("document.querySelector('#show-log').click()")
        await esme.submit(octets=b"in the log")
        await page.until("document.querySelector('#log-rows').textContent.includes('in the log')")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        await page.run("document.querySelector('#log .close').click(); document.querySelector('#add').click()")
        await page.type("+15550001111")
        await page.press("Enter")
        await page.until("document.querySelectorAll('.phone').length === 3")
        assert carrier.phones.is_pinned("15550001111")
        assert [line for line in page.complaints if "400" not in line] == []


@needs_chromium
@pytest.mark.interop
async def test_one_phone_in_a_frame_and_a_carrier_that_comes_back() -> None:
    carrier = SimulatedCarrier()
    async with browser() as page:
        async with carrier:
            await page.open(carrier.url + "?phone=%2B15550007777&embed=1", 360, 640)
            await page.until("document.querySelectorAll('.phone').length === 1")
            assert await page.run("getComputedStyle(document.querySelector('.bar')).display") == "none"
            await page.run("[...document.querySelectorAll('.chip')].find(chip => chip.textContent === 'YES').click()")
            await page.until("document.querySelector('.fate.bad') !== null")
            assert "no gateway is bound" in await page.run("document.querySelector('.bubble.mo').textContent")
        await page.until("!document.querySelector('#alarm').hidden")
        async with SimulatedCarrier(carrier.port, carrier.http_port), bound(carrier.port) as esme:
            await page.until("document.querySelector('#alarm').hidden")
            await esme.submit("15550007777", b"back again", registered=0)
            await page.until("document.body.textContent.includes('back again')")


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXT_ON = {
    "ink": ("page", "card", "raised", "theirs"),
    "soft": ("page", "page-glow", "card", "raised"),
    "accent": ("card", "accent-soft"),
    "accent-ink": ("accent",),
    "good": ("card", "good-soft"),
    "bad": ("card", "bad-soft"),
    "warn": ("card", "warn-soft"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_wcag_aa(scheme: str) -> None:
    css = (FOLDER / "phone.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in css.split(":root {")[1:3])
    colours = light if scheme == "light" else {**light, **dark}
    for ink, papers in TEXT_ON.items():
        for paper in papers:
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for paper in ("card", "raised"):
        assert contrast(colours["line-strong"], colours[paper]) >= 3, paper  # edges of fields: WCAG 1.4.11
