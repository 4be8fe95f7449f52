"""The default handler of a brand: answers a text that no conversation, offer or keyword claims, a stranger's too.

`default_handler = "welcome"` in `config/keywords.toml`. It says who we are, and gives the next text to a person.
"""

from gateway.model.words import choose
from gateway.triggers import Handler, Incoming, Talk, hours

welcome = Handler("welcome", schema=Incoming, message_class="conversational")


@welcome.start
def hello(talk: Talk, event: Incoming) -> None:
    """Who we are, and how to get help. The first text is kept: it often says all."""
    talk.remember(first=event.text[:200])
    if choose(event.text, ("AGENT",), talk.language):
        talk.say("welcome.person").escalate("billing", why=event.text)
    else:
        talk.say("welcome.hello").wait("question", timeout=hours(1))


@welcome.on("question", "NO", "OK", "THANKS", "GRACIAS")
def nothing(talk: Talk, reply: str) -> None:
    """Nothing to do; a courtesy needs no answer."""
    talk.close("greeted")


@welcome.on("question")
def person(talk: Talk, reply: str) -> None:
    """We did not understand twice: a person reads both texts."""
    talk.say("welcome.person").escalate("billing", why=f"{talk.slots['first']} / {reply}")


@welcome.timeout("question")
def silence(talk: Talk) -> None:
    """They were greeted."""
    talk.close("greeted")


@welcome.handed_back
def after_agent(talk: Talk, disposition: str) -> None:
    """The agent has done it all."""
    talk.close(disposition or "resolved")
