"""The schemas of `offers.toml`, `keywords.toml` and `rules.toml`: what is said to whom, and when."""

from datetime import datetime, time, timedelta
from typing import Literal

from pydantic import Field, model_validator

from gateway.settings.shapes import (
    Clock,
    Currency,
    Label,
    Language,
    Money,
    Name,
    Prefix,
    Seconds,
    Section,
    SenderAddress,
    TextKey,
    Word,
)


class Offer(Section):
    """A priced proposal that handlers and agents can make."""

    name: Name = Field(description="short name, used by handlers and /offer")
    family: Name = Field(description="one open offer per customer and family")
    brand: Name | None = Field(default=None, description="the brand that makes it; absent = every brand")
    title: Label = Field(description="what customers call it; goes into texts")
    price: Money = Field(description='in quotes, such as "20.00"')
    currency: Currency = Field(description="ISO 4217, such as USD")
    period: Literal["once", "day", "week", "month", "year"] = Field(
        default="once", description="how often the price is due"
    )
    expires: Seconds = Field(default=48 * 3600.0, gt=0, description="how long the customer may accept")
    backoffice: Name | None = Field(default=None, description="the [[backoffice]] that is called once on acceptance")
    kind: Literal["service", "promotional"] = Field(
        default="promotional",
        alias="class",
        description="promotional: only after the customer's own reply, or with opt-in",
    )

    @property
    def promotional(self) -> bool:
        """Whether consent to advertising is needed."""
        return self.kind == "promotional"


class OffersFile(Section):
    """`offers.toml`, whole."""

    offers: tuple[Offer, ...] = Field(default=(), description="[[offers]]: replaces the shipped offer of the same name")


class Keyword(Section):
    """Whole messages that start a handler or are answered with a text."""

    words: tuple[Word, ...] = Field(min_length=1, description="the message, whole; case, accents and dots do not count")
    brand: Name | None = Field(default=None, description="only for this brand")
    sender: SenderAddress | None = Field(default=None, description="only at this sender")
    language: Language | None = Field(default=None, description="only for customers of this language")
    handler: Label | None = Field(default=None, description="name of the handler that starts")
    say: TextKey | None = Field(default=None, description="key of the text that answers")

    @model_validator(mode="after")
    def _one(self) -> "Keyword":
        if (self.handler is None) == (self.say is None):
            raise ValueError("needs exactly one of handler and say")
        return self


class Compliance(Section):
    """Words that the law gives a meaning; those of the operator are added, none can be taken away."""

    stop: tuple[Word, ...] = Field(default=(), description="end all texts of the brand")
    help: tuple[Word, ...] = Field(default=(), description="say who we are")
    start: tuple[Word, ...] = Field(default=(), description="undo STOP")


class BrandKeywords(Section):
    """What differs for one brand."""

    default_handler: Label = Field(description="handler for a text that nothing else claims; strangers get it too")


class KeywordsFile(Section):
    """`keywords.toml`, whole."""

    default_handler: Label | None = Field(default=None, description="handler for a text that nothing else claims")
    brands: dict[Name, BrandKeywords] = Field(default_factory=dict, description="[brands.NAME]: what differs there")
    compliance: dict[Language, Compliance] = Field(
        default_factory=dict, description="[compliance.LANGUAGE]: more words for STOP, HELP and START"
    )
    keywords: tuple[Keyword, ...] = Field(default=(), description="[[keywords]]: the first that fits counts")

    def default_of(self, brand: str) -> str | None:
        """The handler for a brand's unclaimed texts."""
        own = self.brands.get(brand)
        return own.default_handler if own else self.default_handler

    @property
    def handlers(self) -> frozenset[str]:
        """Names of the handlers that start by a text."""
        brands = [own.default_handler for own in self.brands.values()]
        by_word = [keyword.handler for keyword in self.keywords]
        return frozenset(name for name in (self.default_handler, *brands, *by_word) if name)

    def compliance_words(self, kind: Literal["stop", "help", "start"]) -> frozenset[str]:
        """All words of a kind in all languages, as written (STOP works in every language)."""
        return frozenset(word for words in self.compliance.values() for word in getattr(words, kind))


class QuietHours(Section):
    """A window of local time, over midnight or not, in which messages are held. Equal times: never."""

    start: Clock = Field(alias="from", description='local time of the customer, such as "21:00"')
    end: Clock = Field(alias="to", description='local time of the customer, such as "08:00"')

    def covers(self, local: time) -> bool:
        """Whether a local time is quiet."""
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def over(self, local: datetime) -> datetime:
        """The first moment at or after `local` (same zone) that is not quiet, by the wall clock."""
        if not self.covers(local.time()):
            return local
        end = datetime.combine(local.date(), self.end, tzinfo=local.tzinfo)
        return end if end > local else end + timedelta(days=1)


class Cap(Section):
    """At most `max` messages of a class to one customer in any window of this length."""

    max: int = Field(ge=1, description="how many; to have no cap, write caps = []")
    per: Seconds = Field(gt=0, description='length of the sliding window, such as "24h"')


class ClassRules(Section):
    """What holds for one message class."""

    quiet: QuietHours | None = Field(
        default=None, description='{ from = "21:00", to = "08:00" }; equal times = never quiet'
    )
    caps: tuple[Cap, ...] = Field(default=(), description='such as [{ max = 3, per = "24h" }]; all of them hold')
    ttl: Seconds = Field(gt=0, description="after this a message that has not left is not sent at all")
    doubt: Literal["at_least_once", "at_most_once"] = Field(
        description="submit in doubt: send once more, marked possible_duplicate, or never again"
    )
    priority: int = Field(
        default=0,
        ge=-100,
        le=100,
        description="points of a conversation that it started, where agents' queues order them",
    )


class Classes(Section):
    """The message classes, most important first."""

    emergency: ClassRules = Field(description="danger; passes quiet hours, caps and STOP")
    security: ClassRules = Field(description="one-time codes, fraud alarms")
    transactional: ClassRules = Field(description="notices of what the customer has bought")
    conversational: ClassRules = Field(description="answers to the customer's own texts, by bot or person")
    promotional: ClassRules = Field(description="everything that sells")


class Numbers(Section):
    """Whom we text at all."""

    allow: tuple[Prefix, ...] = Field(default=("",), description='beginnings of numbers, such as "+1"; "" = all')
    deny: tuple[Prefix, ...] = Field(default=(), description="beginnings that are refused all the same")

    @property
    def everywhere(self) -> bool:
        """Any number may be texted."""
        return self.allow == ("",) and not self.deny

    def may_send(self, number: str) -> bool:
        """Whether the number (+ and digits) may be texted: the longest prefix that fits decides, deny wins a tie."""
        allowed = max((len(prefix) for prefix in self.allow if number.startswith(prefix)), default=-1)
        denied = max((len(prefix) for prefix in self.deny if number.startswith(prefix)), default=-1)
        return allowed > denied


class Conversations(Section):
    """Times and counts of conversations."""

    wait: Seconds = Field(gt=0, description="T_wait: nobody took the conversation; the customer is told once")
    idle: Seconds = Field(gt=0, description="T_idle: an agent has it and nobody writes; closed, or back in its queue")
    reopen: Seconds = Field(description="T_reopen: a text this soon after the close opens the same conversation")
    misses: int = Field(ge=1, description="replies in a row that a step did not understand, before a person takes over")
    grace: Seconds = Field(gt=0, description="T_grace: an agent is offline; then what they have waits again")
    which_brand: Seconds = Field(
        gt=0,
        description="a customer was asked which brand of an address they mean: so long until a person sees the text",
    )
    corrections: Literal["send", "refuse"] = Field(
        default="send",
        description="an agent corrects a text that is out: send = another text, marked as a correction; refuse = none",
    )
    ageing: Seconds = Field(gt=0, description="so much waiting is worth one point of priority: nobody waits for ever")
    dispositions: tuple[Name, ...] = Field(
        min_length=1, description="how a conversation with an agent may end: /close NAME"
    )
    agents_may_start: bool = Field(
        default=True, description="agents may write first, to a number without a conversation; STOP holds all the same"
    )
    guess_language: bool = Field(
        default=True, description="a customer whose language nobody has said is answered in the one they seem to write"
    )
    bulk_pauses_at: int = Field(
        default=0, ge=0, le=1000, description="so many customers wait for agents: promotional texts wait too; 0 = never"
    )
    nudge: Seconds = Field(description="nobody has taken it: the queue's agents who are there are reminded; 0 = never")
    alarm: Seconds = Field(description="nobody has taken it: the queue's supervisors are told; 0 = never")
    unanswered: Seconds = Field(
        description="who has it is silent (the queue's next_response counts instead, where there is one): reminded; as "
        "long again: it waits in its queue, supervisors are told; 0 = never"
    )
    same_texts: int = Field(
        ge=0, description="the same answer to one customer so often within 5 minutes: a robot; to a person; 0 = never"
    )
    csat_cooldown: Seconds = Field(description="a customer who was asked how it went is not asked again for so long")
    csat_except: tuple[Name, ...] = Field(description="dispositions after which nobody is asked how it went")
    monitoring: Literal["told", "silent"] = Field(
        default="told", description="whether an agent is told that a supervisor listens (/monitor)"
    )


class BrandRules(Section):
    """What differs for one brand."""

    default_queue: Name = Field(description="where conversations go when a handler names no queue")


class Rules(Section):
    """`rules.toml`, whole: who may be told what, when."""

    numbers: Numbers = Field(description="whom we text at all")
    classes: Classes = Field(description="[classes.NAME]: what holds for each message class")
    conversations: Conversations = Field(description="times and counts of conversations")
    brands: dict[Name, BrandRules] = Field(default_factory=dict, description="[brands.NAME]: what differs there")

    def of(self, message_class: str) -> ClassRules:
        """The rules of a message class, by its name."""
        rules: ClassRules = getattr(self.classes, message_class)
        return rules
