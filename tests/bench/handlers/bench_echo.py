"""The handler of `make bench` and of the kill test: says the text back, then waits in a step that echoes again.

It is a brand's default handler, so that a stranger's first text starts it and every later one resumes it: the whole
way through routing, gates, rendering and the store, with no shortcut for the benchmark.
"""

from gateway.triggers import EventData, Handler, Incoming, Talk, Text, hours

echo = Handler("bench_echo", schema=Incoming, message_class="conversational")


class BenchEvent(EventData):
    """What the load generator fires."""

    text: Text


notice = Handler("bench.notice", schema=BenchEvent, message_class="transactional")


@echo.start
def first(talk: Talk, event: Incoming) -> None:
    """A stranger's first text."""
    talk.remember(texts=1).say("bench_echo.said", text=event.text).wait("again", timeout=hours(24))


@echo.on("again")
def again(talk: Talk, reply: str) -> None:
    """Every later one; how many there were is remembered, as a real handler would remember something."""
    count = talk.slots["texts"]
    assert isinstance(count, int)
    talk.remember(texts=count + 1).say("bench_echo.said", text=reply).wait("again", timeout=hours(24))


@echo.timeout("again")
def silence(talk: Talk) -> None:
    """Nobody wrote for a day."""
    talk.close("no_reply")


@notice.start
def tell(talk: Talk, event: BenchEvent) -> None:
    """An event becomes a text, and that is all."""
    talk.say("bench_echo.said", text=event.text).close("told")


once = Handler("bench.once", schema=BenchEvent, message_class="security")


@once.start
def tell_once(talk: Talk, event: BenchEvent) -> None:
    """The same in a class that the kill test's rules never send twice."""
    talk.say("bench_echo.said", text=event.text).close("told")
