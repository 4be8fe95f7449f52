"""The default handler of the care floor's test: whoever writes when all is over writes to a person."""

from gateway.triggers import Handler, Incoming, Talk

stranger = Handler("care_stranger", schema=Incoming, message_class="conversational")


@stranger.start
def to_a_person(talk: Talk, event: Incoming) -> None:
    """A word too late, or more than what was asked."""
    talk.escalate("billing", why=event.text)
