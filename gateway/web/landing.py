"""The link of a text: a page that shows the notice and what to reply, on the customer's own phone.

Previews of messengers and scanners of mail fetch such links: a GET changes nothing, buys nothing, unsubscribes nobody
(invariant 12). What the customer wants to do is a text of theirs, begun by a tap.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.store.access import LinkTarget, link_target
from gateway.triggers import Reply
from gateway.web import html
from gateway.web.auth import Failures
from gateway.web.problems import Problem, wait
from gateway.web.services import Services

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_AGENT: Final = "AGENT"
MOST_UNKNOWN: Final = 60
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Message from {brand}",
        "sent": "We sent you this text",
        "how": "How to answer",
        "tap": "Tap an answer: your phone opens a text to {sender}. Nothing is sent before you press send.",
        "text": "Or text one of these words to {sender} yourself.",
        "later": "This question is no longer open. You can still text us at {sender}.",
        "write": "Write to us",
        "agent": "Talk to a person",
        "help": "Help",
        "stop": "To get no more texts, reply STOP.",
        "unknown": "This link is not known",
        "unknown_said": "It may have been cut off when it was copied. Open it again from the text we sent you.",
        "ended": "This link has ended",
        "ended_said": "Links work for seven days. Just reply to the text we sent you, and we will answer.",
    },
    "es": {
        "title": "Mensaje de {brand}",
        "sent": "Le enviamos este mensaje",
        "how": "Cómo responder",
        "tap": "Toque una respuesta: su teléfono abre un mensaje para {sender}. Nada se envía sin que lo confirme.",
        "text": "O envíe una de estas palabras a {sender}.",
        "later": "Esta pregunta ya está cerrada. Puede escribirnos al {sender}.",
        "write": "Escríbanos",
        "agent": "Hablar con una persona",
        "help": "Ayuda",
        "stop": "Para no recibir más mensajes, responda STOP.",
        "unknown": "Este enlace no existe",
        "unknown_said": "Quizá se cortó al copiarlo. Ábralo de nuevo desde el mensaje que le enviamos.",
        "ended": "Este enlace ha caducado",
        "ended_said": "Los enlaces duran siete días. Responda al mensaje que le enviamos y le contestaremos.",
    },
}


class Landing:
    """GET /c/{token}."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._guesses = Failures(MOST_UNKNOWN)

    async def get(self, request: web.Request) -> web.Response:
        """The page of a link."""
        token = request.match_info["token"]
        target = await self._services.store.read(link_target, token) if _TOKEN.fullmatch(token) else None
        if target is None:
            seconds = self._guesses.count(request.remote or "")
            if seconds is not None:
                raise Problem("too-many-failures", "too many unknown links", headers=wait(int(seconds) + 1))
            words = _words(request.headers.get("Accept-Language", ""))
            return self._page("ended.html", 404, words, title=words["unknown"], said=words["unknown_said"])
        book = self._services.book
        brand = book.brands.get(target.brand)
        name = brand.display_name if brand else target.brand
        words = _words(target.language or (brand.default_language if brand else "en"))
        if target.expires_at <= self._services.now():
            return self._page("ended.html", 410, words, title=words["ended"], said=words["ended_said"])
        filled = {key: said.format(brand=name, sender=target.sender) for key, said in words.items()}
        own = f"{self._services.public_url}/c/{token}"
        return self._page(
            "landing.html",
            200,
            filled,
            title=filled["title"],
            brand=name,
            text=target.text.replace(own, "").strip(),
            sender=target.sender,
            contact=f"sms:{quote(target.sender, safe='+')}",
            replies=self._replies(target, filled),
            help=brand.help_contact if brand else "",
        )

    def _replies(self, target: LinkTarget, words: Mapping[str, str]) -> list[dict[str, str]]:
        """What can be answered now: (label, sms: link of RFC 5724 with the word)."""
        handler = self._services.book.handlers.get(target.handler or "")
        if handler is None or not target.answerable or not target.step:
            return []
        choices = list(handler.choices(target.step))
        if _AGENT not in choices and handler.handles(Reply(target.step, _AGENT, None)):
            choices.append(_AGENT)
        number = quote(target.sender, safe="+")
        return [
            {
                "word": word,
                "label": words["agent"] if word == _AGENT else "",
                "link": f"sms:{number}?body={quote(word)}",
            }
            for word in choices
        ]

    def _page(self, name: str, status: int, words: Mapping[str, str], **fields: object) -> web.Response:
        language = next((tag for tag, said in _WORDS.items() if said["how"] == words["how"]), "en")
        text = html.render(name, lang=language, words=words, **fields)
        return html.response(text, status, X_Robots_Tag="noindex, nofollow")


def _words(languages: str) -> Mapping[str, str]:
    """The words of the first language that we know, of a tag or an Accept-Language header."""
    for part in languages.split(",")[:10]:
        tag = part.partition(";")[0].strip().partition("-")[0].lower()
        if tag in _WORDS:
            return _WORDS[tag]
    return _WORDS["en"]
