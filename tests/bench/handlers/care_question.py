"""The handler of the care floor's test: asks, brings in a person, and asks once more when the person hands back."""

from gateway.triggers import EventData, Handler, Talk, Text, hours


class CareQuestion(EventData):
    """What the customer is asked, at first and each time that an agent has handed back."""

    text: Text


question = Handler("care.question", schema=CareQuestion, message_class="transactional")


@question.start
def ask(talk: Talk, event: CareQuestion) -> None:
    """Whatever they answer is for a person."""
    talk.say("bench_echo.said", text=event.text).wait("answer", timeout=hours(24))


@question.on("answer")
def person(talk: Talk, reply: str) -> None:
    """An agent goes on."""
    talk.escalate("billing", why=reply)


@question.handed_back
def once_more(talk: Talk[CareQuestion], disposition: str) -> None:
    """The agent thinks that it is done; the customer may not."""
    talk.say("bench_echo.said", text=talk.event.text).wait("answer", timeout=hours(24))


@question.timeout("answer")
def silence(talk: Talk) -> None:
    """Nobody wrote for a day."""
    talk.close("no_reply")
