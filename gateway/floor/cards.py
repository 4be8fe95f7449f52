"""What an agent reads about a conversation: the card, and the marks that tell the desk's words from a customer's."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from gateway.care import escalation, languages
from gateway.care.playbook import Playbook
from gateway.care.promises import duration
from gateway.floor import times
from gateway.floor.inviting import MONITORING_TOLD
from gateway.model import promises
from gateway.model.address import parse_address
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation, ConversationState, OwnerKind
from gateway.model.customer import called
from gateway.model.desk import MARK
from gateway.model.message import Direction, Disposition, Message
from gateway.model.offer import Offer
from gateway.store.listings import ConversationView, NoteLine
from gateway.store.waiting import Facts

DESK = MARK
"""What sets our lines apart from a customer's (`quoted`)."""
SHOWN = 12
_MOST, _LONGEST = 300, 1600
_TURNS = ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI", "PDF", "PDI")
_UNSEEN = ("Cf", "Cc", "Mn", "Me", "Zs")
_LOST = (Disposition.blocked, Disposition.bounced, Disposition.misdirected, Disposition.expired, Disposition.opted_out)
_EVENT_MOST = 400
_LINK = re.compile(r"(https?://[^\s/]+(?:/[^\s/]+)*?/c/)[\w-]{16}(?![\w-])")
_PROMISED = {"first_response": "an answer", "next_response": "an answer", "resolve": "the end"}


def ours(text: str) -> str:
    """The desk speaks."""
    return f"{DESK} {text}"


def quoted(text: str) -> str:
    """A customer's words: a line that looks like ours is set apart, so that nobody speaks in the desk's name."""
    if text.isascii() and "[" not in text:
        return text
    return "\n".join(f"> {line}" if _looks_like_ours(line) else line for line in text.splitlines())


def _looks_like_ours(line: str) -> bool:
    """Of letters that only look like others, and signs that nobody sees, there are too many to list: outside ASCII any
    bracket counts, and what turns the direction of writing.
    """
    if line.isascii():
        return _plain(line).startswith(DESK)
    return any(
        char in "[]" or unicodedata.category(char) in ("Ps", "Pe") or unicodedata.bidirectional(char) in _TURNS
        for char in unicodedata.normalize("NFKD", line)
    )


def _plain(line: str) -> str:
    """As it looks: without what cannot be seen, wide letters as usual ones."""
    seen = "".join(char for char in unicodedata.normalize("NFKD", line) if unicodedata.category(char) not in _UNSEEN)
    return seen.strip().casefold()


def without_links(text: str) -> str:
    """A text to a customer as agents may read it: who opens the link in it is taken for the customer."""
    return _LINK.sub(r"\1...", text)


def number(customer: str) -> str:
    """The phone number behind a customer's key."""
    return parse_address(customer).value


def contact(customer: str, who: str, brand: Brand | None) -> str:
    """How a customer is called among an agent's contacts: only an agent who has them reads the name (invariant 10).
    who: name and tier, "" = not known.
    """
    return f"{who} ({brand.display_name})" if who and brand is not None else who or customer


def card(facts: Facts, book: Playbook, seconds: int, reader: str | None = None) -> str:
    """Who it is, why, what was said, what is remembered, offers, consent and language. seconds: to take it; 0 = no
    deadline. reader: their JID, None = who has it, or is asked to take it.
    """
    its = facts.view.conversation
    brand = book.brands.get(its.brand)
    lines = [ours(_headline(facts, seconds, brand if len(book.brands) > 1 else None)), *_about(facts, book)]
    if facts.messages:
        lines += [*_transcript(facts.messages, book, times.zone_of(book, its.brand)), "--"]
    lines += _listening(facts, book)
    has = its.agent if reader not in (None, its.agent) else None
    lines.append(_what_to_do(seconds, its, escalation.name_of(book, has) if has is not None else ""))
    return "\n".join(lines)


def _headline(facts: Facts, seconds: int, brand: Brand | None) -> str:
    """brand: where there are several, whom the customer talks with."""
    its = facts.view.conversation
    known = called(facts.customer.name, facts.customer.tier)
    who = f"{number(its.key)}{f' ({known})' if known else ''}"
    where = f" in {its.queue}" if its.queue else ""
    waits = " waits" if seconds or its.state is ConversationState.queued else ""
    return f"{who}{waits}{where}{f', {brand.display_name}' if brand else ''}"


def _about(facts: Facts, book: Playbook) -> list[str]:
    its, lines = facts.view.conversation, []
    brand = book.brands.get(its.brand)
    zone = times.zone_of(book, its.brand)
    if its.why:
        lines.append(f"Why: {_short(its.why)}")
    if facts.transfer is not None:
        lines.append(f"{_by_desk('Transferred', facts.transfer, book, zone)} {_short(facts.transfer.text)}")
    lines += _promised(its, zone)
    if facts.previous is not None:
        lines.append(_before(facts.previous, zone))
    lines += [f"{_by_desk('Note', note, book, zone)}: {_short(note.text)}" for note in facts.notes]
    if facts.event is not None:
        lines.append(f"About: {facts.event.type}: {_values(json.loads(facts.event.data))[:_EVENT_MOST]}")
    if facts.dialogue is not None and facts.dialogue.slots:
        lines.append(f"Remembered: {_values(facts.dialogue.slots)[:_EVENT_MOST]}")
    lines += [_offer(offer) for offer in facts.offers]
    if facts.answer is not None and facts.answer.author in ("customer", "system"):
        lines.append(f"{_by_desk('Of offers', facts.answer, book, zone)}: {_short(facts.answer.text)}")
    if facts.view.tags:
        lines.append(f"Tags: {', '.join(facts.view.tags)}")
    its_own, guessed = facts.customer.language, facts.customer.guessed
    language = languages.shown(its_own, guessed, brand.default_language if brand else "en")
    lines.append(f"Language: {language} · consent: {facts.consent or 'never asked'}")
    return lines


def _listening(facts: Facts, book: Playbook) -> list[str]:
    """Who listens, where the rules say that an agent is told: also one to whom the conversation comes meanwhile."""
    its = facts.view.conversation
    if its.owner_kind is not OwnerKind.agent or book.rules.conversations.monitoring != MONITORING_TOLD:
        return []
    known = [book.agent(one) for one in facts.listening if one != its.agent]
    # Who is a supervisor no more has lost the room.
    names = [one.name for one in known if one is not None and one.role == "supervisor"]
    return [f"{name} listens to this conversation" for name in names]


def _promised(its: Conversation, zone: ZoneInfo) -> list[str]:
    """What is still to be done by when."""
    watches = promises.read(its.promises).watches
    running = [(watch.due, kind) for kind, watch in watches.items() if watch.row]
    said = [f"{_PROMISED[kind]} by {times.clock(due, zone)}" for due, kind in sorted(running) if kind in _PROMISED]
    said += [
        f"{_PROMISED[kind]} within {duration(watch.left / 1000)} of our time, while the customer is silent none passes"
        for kind, watch in watches.items()
        if watch.left is not None
    ]
    return [f"Promised: {', '.join(said)}"] if said else []


def _before(previous: ConversationView, zone: ZoneInfo) -> str:
    """The conversation that this one follows."""
    its = previous.conversation
    rated = f", rated {previous.rating} of 5" if previous.rating is not None else ""
    whose = f" in {its.queue}" if its.queue else ""
    return f"Before: {times.day(its.opened_at, zone)}{whose}: {its.disposition or its.state}{rated}"


def _by_desk(what: str, note: NoteLine, book: Playbook, zone: ZoneInfo) -> str:
    """What colleagues tell each other: when and by whom, so that nobody takes it for the customer's."""
    at, its = note.id >> 20, note.author
    author = "" if its in ("customer", "system") else f" by {escalation.name_of(book, its)}"
    return f"{what} {times.day(at, zone)} {times.clock(at, zone)}{author}"


def _values(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_short(str(value))}" for name, value in values.items())


def _offer(offer: Offer) -> str:
    period = "" if offer.period == "once" else f"/{offer.period}"
    return f"Offer: {offer.name} ({offer.title}, {offer.price} {offer.currency}{period}) is {offer.state}"


def _transcript(messages: Sequence[Message], book: Playbook, zone: ZoneInfo) -> list[str]:
    """What was said; above it the day, and in whose zone the times are."""
    lines: list[str] = []
    day = ""
    for message in messages:
        at = message.id >> 20
        if (its := times.day(at, zone)) != day:
            lines.append(f"-- {its}" if day else f"-- {its}, {times.name(at, zone)}")
            day = its
        # Nobody else shows an agent what the customer wrote before: it is there in full.
        most = _LONGEST if message.direction is Direction.mo else _MOST
        lines.append(f"{times.bare(at, zone)} {spoken(message, book, most)}")
    return lines


def spoken(message: Message, book: Playbook, most: int = _LONGEST) -> str:
    """Who said what, in one line of at most so many characters, without a link that is the customer's own; whether it
    did not arrive.
    """
    lost = " (did not arrive)" if message.direction is Direction.mt and message.disposition in _LOST else ""
    return f"{speaker(message, book)}{lost}: {_short(message.text, most)}"


def speaker(message: Message, book: Playbook) -> str:
    """Who said it: customer, bot, or an agent's name."""
    if message.direction is Direction.mo:
        return "customer"
    if message.author_kind != "agent":
        return "bot"
    found = book.agent(message.author_id)
    return str(found.name) if found is not None else message.author_id


def _short(text: str, most: int = _MOST) -> str:
    plain = " / ".join(line for line in without_links(text).splitlines() if line)
    return plain if len(plain) <= most else f"{plain[:most]}..."


def _what_to_do(seconds: int, its: Conversation, other: str) -> str:
    """other: who has it, "" = the reader, or nobody."""
    if seconds:
        return f".take or just answer within {seconds} s; .decline passes it on"
    if its.owner_kind is OwnerKind.queue:
        return ".take or just answer takes it"
    if not its.open:
        return f"It is closed ({its.disposition})"
    if its.owner_kind is OwnerKind.bot:
        return "The bot has it"
    if other:
        return f"{other} wraps it up" if its.state == "wrapup" else f"{other} has it; .take {other} takes it over"
    return "What you write here goes to the customer. .help lists what you can do"
