"""The start page: nothing from elsewhere, no HTML from text, colours that everybody can read."""

import re
from pathlib import Path

import pytest

import gateway.demo.start_page as served
from gateway.demo.setting import LIBRARY

PAGES = Path(served.__file__).parent / "pages"
DESK = PAGES.parent / "desk"
FILES = [
    *sorted(PAGES.iterdir()),
    *(path for path in sorted(DESK.iterdir()) if path.suffix in {".html", ".css", ".js"}),
]
NAMES = ("http://www.w3.org/", "http://jabber.org/protocol/")
"""Of SVG and of XMPP's extensions: names, fetched by nobody."""
AA = 4.5
# (ink, ground): every pair of text and ground that the style sheets use.
PAIRS = [
    (ink, ground)
    for inks, grounds in (
        ("ink soft", "page card raised accent-soft agent-soft bad-soft"),
        ("accent", "page card raised accent-soft"),
        ("good bad", "page card raised"),
        ("good ink", "good-soft"),
        ("bad", "bad-soft"),
        ("warn", "warn-soft"),
        ("agent", "agent-soft"),
        ("accent-ink", "accent"),
        ("card", "agent good"),
        ("code-ink code-soft", "code code-raised"),
    )
    for ink in inks.split()
    for ground in grounds.split()
]


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block))


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(colours: dict[str, str], one: str, other: str) -> float:
    high, low = sorted((_luminance(colours[one]), _luminance(colours[other])), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_aa_in_both_schemes(scheme: str) -> None:
    text = (PAGES / "page.css").read_text("utf-8")
    light, _, rest = text.partition("@media (prefers-color-scheme: dark)")
    colours = _colours(light)
    if scheme == "dark":
        colours |= _colours(rest.partition("* { box-sizing")[0])
    for ink, ground in PAIRS:
        assert _contrast(colours, ink, ground) >= AA, f"{ink} on {ground}"
    # Which button of a switch is pressed is told by its edge: the grounds alone are too near one another (WCAG 1.4.11).
    assert re.search(r"^\.switch button\[aria-pressed=true\].* 0 0 0 1px var\(--line-strong\)", text, re.MULTILINE)
    for ground in ("card", "raised", "code", "code-raised"):
        assert _contrast(colours, "line-strong", ground) >= 3.0, ground


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_from_elsewhere_and_no_html_from_text(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|@import", text)
    assert not re.search(r"\sstyle=|\son\w+=\"", text)
    for url in re.findall(r"https?://[^\s\"'`)]+", text):
        assert url.startswith(NAMES), url


def test_all_files_are_served() -> None:
    told = {file.name for file, _ in served._DESK_FILES.values()} - {LIBRARY.name}
    assert {name for name, _ in served._FILES.values()} | told == {file.name for file in FILES}
