"""What the company decided beforehand: brands, senders, handlers, offers, texts and rules.

Read-only while decisions fall.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Protocol

from gateway.care.standing import Standing
from gateway.model.brand import Brand, Sender
from gateway.model.canned import CannedReply
from gateway.model.message import MessageClass
from gateway.model.rows import record
from gateway.model.segments import Alphabet, Mode
from gateway.model.words import Compliance, choose, compliance, first_word, normalise
from gateway.settings import gateway_file
from gateway.settings.gateway_file import Agent, BackOffice, Queue
from gateway.settings.policy import Keyword, KeywordsFile, Offer, Rules
from gateway.triggers import EventData, Handler


class Texts(Protocol):
    """The catalogue of texts, and that of a test."""

    def render(self, key: str, language: str, fields: Mapping[str, object], *, timezone: str) -> str:
        """The text in the language or the nearest one that has it."""


class Guessing(Protocol):
    """Tells languages apart (`gateway.care.languages`), and that of a test."""

    def guess(self, text: str) -> str | None:
        """The language of a text, as `es`; None where it is uncertain."""


@record
class Playbook:
    """All that is configured. alphabets: what data_coding 0 means, by carrier. parsed: event data of
    busy dialogues, so that a reply need not parse it again. canned: the replies that care staff keep, by name, as they
    are in the database; a reload takes them over. desk: agents are reached over XMPP. standings: of queues, as they
    were at the last look (`gateway.floor.assigning`). guessing: of customers' languages, None = not done.
    """

    brands: Mapping[str, Brand]
    senders: Mapping[str, Sender]
    queues: Mapping[str, Queue]
    agents: tuple[Agent, ...]
    backoffices: Mapping[str, BackOffice]
    offers: Mapping[str, Offer]
    keywords: KeywordsFile
    rules: Rules
    handlers: Mapping[str, Handler]
    texts: Texts
    public_url: str
    alphabets: Mapping[str, Alphabet] = field(default_factory=dict)
    long_messages: Mapping[str, Mode] = field(default_factory=dict)
    parsed: OrderedDict[int, EventData] = field(default_factory=OrderedDict)
    canned: dict[str, CannedReply] = field(default_factory=dict)
    desk: bool = False
    standings: dict[str, Standing] = field(default_factory=dict)
    guessing: Guessing | None = None

    def __repr__(self) -> str:
        return f"Playbook({len(self.brands)} brands)"  # what customers' events hold is for no log

    def brand_of(self, sender: str) -> Brand:
        """The brand that owns one of our addresses; the first brand for an address that is not configured."""
        found = self.senders.get(sender)
        return self.brands[found.brand] if found else next(iter(self.brands.values()))

    def brand_for(self, brand: str | None, sender: str | None) -> Brand:
        """The brand that a program writes for: as it says, else the one that owns the sender, else the first."""
        if brand is not None and brand in self.brands:
            return self.brands[brand]
        return self.brand_of(sender) if sender else next(iter(self.brands.values()))

    def sender_of(self, brand: str) -> str | None:
        """The address a brand writes from when nothing else decides; None when it has none."""
        for address, sender in self.senders.items():
            if sender.brand == brand:
                return address
        return next((address for address, sender in self.senders.items() if brand in sender.shared_with), None)

    def sender_for(self, brand: str, *wanted: str | None) -> str | None:
        """The first of the addresses wanted that the brand can write from, else its own; None when it has none."""
        for address in wanted:
            found = self.senders.get(address) if address is not None else None
            if found is not None and (found.brand == brand or brand in found.shared_with):
                return address
        return self.sender_of(brand)

    def brands_at(self, sender: str) -> tuple[Brand, ...]:
        """All brands that write from one of our addresses, its owner first; none of an unknown one."""
        found = self.senders.get(sender)
        return tuple(self.brands[name] for name in found.brands) if found else ()

    def carrier_of(self, sender: str) -> str | None:
        """The preferred carrier of a sender."""
        found = self.senders.get(sender)
        return found.carriers[0] if found else None

    def default_queue(self, brand: str) -> str | None:
        """Where conversations go when nothing names a queue."""
        rules = self.rules.brands.get(brand)
        if rules is not None:
            return rules.default_queue
        return next((name for name, queue in self.queues.items() if queue.brand == brand), None)

    def answers(self, agent: Agent, queue: str | None) -> bool:
        """Whether an agent may take what waits in a queue: it is one of theirs, or theirs is its back-up.

        Skills say who is asked, not who may.
        """
        known = self.queues.get(queue or "")
        return queue in agent.queues or (known is not None and known.backup in agent.queues)

    def skilled(self, agent: Agent, queue: str | None) -> bool:
        """Whether an agent has all the skills that a queue asks for."""
        known = self.queues.get(queue or "")
        return known is None or set(known.skills) <= set(agent.skills)

    def keyword(self, text: str, brand: str, sender: str, language: str) -> Keyword | None:
        """The keyword that the whole text is."""
        words = _words_of(self.keywords, self.brands)
        first = first_word(text)
        if first is not None and first not in words.first:
            return None
        for keyword in words.keywords.get(normalise(text), ()):
            if (
                (keyword.brand is None or keyword.brand == brand)
                and (keyword.sender is None or keyword.sender == sender)
                and (keyword.language is None or language.startswith(keyword.language))
            ):
                return keyword
        return None

    def compliance(self, text: str) -> Compliance | None:
        """Whether the text is STOP, HELP or START, in any language."""
        return compliance(text, None, _words_of(self.keywords, self.brands).compliance)

    def default_handler(self, brand: str) -> str | None:
        """The handler for a brand's unclaimed texts."""
        return _words_of(self.keywords, self.brands).defaults.get(brand, self.keywords.default_handler)

    def agent(self, name: str) -> Agent | None:
        """An agent by JID or name; in any case of letters, where that names one."""
        found = next((agent for agent in self.agents if name in (agent.jid, agent.name)), None)
        if found is not None or not self.agents:
            return found
        folded = name.casefold()
        fits = [agent for agent in self.agents if folded in (agent.jid.casefold(), agent.name.casefold())]
        return fits[0] if len(fits) == 1 else None

    def queue(self, name: str) -> str | None:
        """A queue's name, as it is configured; in any case of letters, where that names one and no agent."""
        if name in self.queues:
            return name
        fits = [known for known in self.queues if known.casefold() == name.casefold()]
        return fits[0] if len(fits) == 1 and self.agent(name) is None else None

    def lists(self, jid: str) -> bool:
        """Whether the configuration names this agent; any name will do where it names none."""
        return not self.agents or any(agent.jid == jid for agent in self.agents)


@record
class _Words:
    """The operator's words, normalised once: STOP, HELP and START, and keywords in their order. first: what keywords
    begin with. defaults: the handler of unclaimed texts, by brand.
    """

    source: KeywordsFile
    brands: Mapping[str, Brand]
    compliance: Mapping[str, Compliance]
    keywords: Mapping[str, tuple[Keyword, ...]]
    first: frozenset[str]
    defaults: Mapping[str, str | None]


_latest: list[_Words] = []


def _words_of(source: KeywordsFile, brands: Mapping[str, Brand]) -> _Words:
    """Those of the configuration in use; the last one is kept, since a gateway has one."""
    if not _latest or _latest[0].source is not source or _latest[0].brands is not brands:
        own: dict[str, Compliance] = {}
        kinds: tuple[Compliance, ...] = ("start", "help", "stop")
        for kind in kinds:
            own.update({normalise(word): kind for word in source.compliance_words(kind)})
        keywords: dict[str, tuple[Keyword, ...]] = {}
        for keyword in source.keywords:
            for word in dict.fromkeys(normalise(known) for known in keyword.words):
                keywords[word] = (*keywords.get(word, ()), keyword)
        defaults = {brand: source.default_of(brand) for brand in brands}
        first = frozenset(word.partition(" ")[0] for word in keywords)
        _latest[:] = [_Words(source, brands, own, keywords, first, defaults)]
    return _latest[0]


def yes_or_no(text: str, language: str) -> str | None:
    """An exact YES or NO, or None."""
    return choose(text, ("YES", "NO"), language)


def rank_of(message_class: MessageClass, offers: bool) -> int:
    """Whose step gets the floor first: urgent service, service, offer (design section 4, invariant 2)."""
    return int(message_class) * 2 + int(offers)


def brands_of(configured: Iterable[gateway_file.Brand]) -> dict[str, Brand]:
    """The brands of gateway.toml, by name."""
    return {
        one.name: Brand(
            one.name,
            one.display_name,
            one.default_language,
            one.timezone,
            one.help_contact,
            one.holidays,
            one.keywords,
        )
        for one in configured
    }


def senders_of(configured: Iterable[gateway_file.Sender]) -> dict[str, Sender]:
    """The addresses of gateway.toml, by themselves."""
    return {one.address: Sender(one.address, one.brand, one.carriers, one.shared_with) for one in configured}
