"""Pages for people: rendered here, work offline, with no script, nothing inline and nothing from elsewhere."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

PAGES: Final = Path(__file__).parent / "pages"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "Careline",
}


@lru_cache(1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["said"] = _said
    return environment


def _said(text: str) -> Markup:
    """A sentence of ours in which `backticks` stand for code; the rest is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def render(name: str, /, **fields: object) -> str:
    """A page of `gateway/web/pages`, every field escaped."""
    return _environment().get_template(name).render(fields)


def response(text: str, status: int = 200, **headers: str) -> web.Response:
    """A page as an answer."""
    return web.Response(
        body=text.encode(), status=status, headers={**HEADERS, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )
