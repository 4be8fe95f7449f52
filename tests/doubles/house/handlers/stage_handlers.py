"""Handlers that only tests use: each does one thing that the shipped ones do not."""

from gateway.triggers import EventData, Handler, Talk, Text, hours


class What(EventData):
    """A word to say."""

    what: Text


# Says and is done: never asks.
notice = Handler("notice.only", schema=What, message_class="transactional")


@notice.start
def tell(talk: Talk, event: What) -> None:
    """One text."""
    talk.say("stage.notice", **event.fields()).close("told")


# Sells: held in quiet hours, capped, needs an opt-in.
sale = Handler("sale.promo", schema=What)


@sale.start
def sell(talk: Talk, event: What) -> None:
    """One text with an offer of the class promotional."""
    talk.say("stage.sale", **event.fields()).offer("sale").wait("choice", timeout=hours(72))


@sale.on("choice", "YES")
def buy(talk: Talk, reply: str) -> None:
    """Bought."""
    talk.accept_offer()


# Gives: an offer without a back office, and without a `fulfilled` step.
gift = Handler("gift.given", schema=What, message_class="transactional")


@gift.start
def give(talk: Talk, event: What) -> None:
    """One text with an offer."""
    talk.say("stage.gift", **event.fields()).offer("gift").wait("choice", timeout=hours(24))


@gift.on("choice", "YES")
def take(talk: Talk, reply: str) -> None:
    """Taken."""
    talk.accept_offer()


# Understands two words and nothing else: two misses bring a person.
colour = Handler("colour.asked", schema=What, message_class="transactional")


@colour.start
def ask(talk: Talk, event: What) -> None:
    """One question."""
    talk.say("stage.colour").wait("colour", timeout=hours(24))


@colour.on("colour", "RED", "BLUE")
def chosen(talk: Talk, reply: str) -> None:
    """An answer."""
    talk.say("stage.chosen", colour=reply).close("answered")


@colour.handed_back
def thanks(talk: Talk, disposition: str) -> None:
    """One last word."""
    talk.say("stage.chosen", colour="grey").close("thanked")


# Breaks where its data says so.
broken = Handler("broken.handler", schema=What, message_class="transactional")


@broken.start
def begin(talk: Talk, event: What) -> None:
    """Breaks at once, or waits for something to break at."""
    if event.what == "start":
        raise RuntimeError("broken at the start")
    talk.say("stage.notice", **event.fields()).wait("word", timeout=hours(1))


@broken.on("word")
def reply(talk: Talk, reply: str) -> None:
    """Breaks at every reply."""
    raise RuntimeError("broken at a reply")


@broken.timeout("word")
def silence(talk: Talk) -> None:
    """Breaks at silence."""
    raise RuntimeError("broken at silence")


@broken.handed_back
def back(talk: Talk, disposition: str) -> None:
    """Listens again."""
    talk.wait("word", timeout=hours(1))


# A menu with numbers.
menu = Handler("menu.offered", schema=What, message_class="transactional")


@menu.start
def seats(talk: Talk, event: What) -> None:
    """One question."""
    talk.say("stage.menu").wait("seat", timeout=hours(24))


@menu.on("seat", "1")
def window(talk: Talk, reply: str) -> None:
    """An answer."""
    talk.say("stage.chosen", colour="window").close("answered")


@menu.on("seat", "2")
def aisle(talk: Talk, reply: str) -> None:
    """The other."""
    talk.say("stage.chosen", colour="aisle").close("answered")


# Brings a person at once, before others who wait.
stranded = Handler("stage.stranded", schema=What, message_class="transactional")


@stranded.start
def send_for_help(talk: Talk, event: What) -> None:
    """One text, and a person."""
    talk.say("stage.notice", **event.fields()).escalate("billing", why=event.what, priority=8)
