"""A handler that uses everything, for the tests of this folder."""

from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.triggers import Count, Currency, EventData, Handler, Moment, Money, Talk, Text, hours

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Order(EventData):
    """The data of the test's event."""

    item: Text
    amount: Money
    currency: Currency
    pieces: Count
    due: Moment | None = None


DATA: dict[str, object] = {"item": "Phone", "amount": "50.00", "currency": "USD", "pieces": 2}


def shop() -> Handler[Order]:
    """A handler with a step for every kind of moment."""
    order = Handler("order.late", schema=Order, message_class="transactional", renamed={"old": "choice"})

    @order.start
    def tell(talk: Talk, event: Order) -> None:
        talk.say("order.notice", **event.fields(), link=talk.link()).offer("faster").wait("choice", timeout=hours(24))

    @order.on("choice", "YES")
    def yes(talk: Talk, reply: str) -> None:
        talk.remember(said=reply).accept_offer()

    @order.on("choice", "NO", "LATER")
    def no(talk: Talk, reply: str) -> None:
        talk.decline_offer().say("order.kept").close("declined")

    @order.on("choice", "MOVE")
    def move(talk: Talk[Order], reply: str) -> None:
        talk.call("shop", "move", item=talk.event.item, pieces=talk.event.pieces)

    @order.on("choice")
    def other(talk: Talk, reply: str) -> None:
        talk.escalate("sales", why=reply)

    @order.timeout("choice")
    def silent(talk: Talk) -> None:
        talk.close("no_reply")

    @order.fulfilled
    def done(talk: Talk, result: Mapping[str, object]) -> None:
        talk.say("order.faster", **result).close("offer_accepted")

    @order.failed
    def sorry(talk: Talk, problem: str) -> None:
        talk.escalate("sales", why=problem)

    @order.result("move")
    def moved(talk: Talk, result: Mapping[str, object]) -> None:
        talk.say("order.moved", to=result["to"]).wait("choice")

    @order.failed("move")
    def unmoved(talk: Talk, problem: str) -> None:
        talk.escalate("sales", why=problem)

    @order.handed_back
    def back(talk: Talk, disposition: str) -> None:
        talk.close(disposition or "resolved")

    return order
