"""`flight.delayed`: a flight leaves later; the customer may take another one, or wait in the lounge.

Two ways out of one step: REBOOK asks the back office and goes on with its answer, YES buys the offer. Texts are keys of
`templates/<language>/flight_delay.toml`.
"""

from collections.abc import Mapping

from gateway.triggers import EventData, Handler, Moment, Talk, Text, hours


class FlightDelayed(EventData):
    """What the airline's operations system tells us."""

    flight: Text
    booking: Text
    departure: Moment
    new_departure: Moment
    gate: Text | None = None
    reason: Text | None = None


delay = Handler(
    "flight.delayed",
    schema=FlightDelayed,
    message_class="transactional",
    # A newer delay of the same flight replaces one that is not sent yet, and a delay is no news after take-off.
    coalesce=lambda event: f"{event.booking}/{event.flight}",
    ttl=lambda event: event.new_departure,
)


@delay.start
def tell(talk: Talk, event: FlightDelayed) -> None:
    """The new time first; what one can do about it after."""
    talk.say("flight_delay.notice", **event.fields(), link=talk.link()).offer("lounge")
    talk.wait("choice", timeout=hours(12))


@delay.on("choice", "REBOOK", "CAMBIAR")
def rebook(talk: Talk[FlightDelayed], reply: str) -> None:
    """The back office looks for a seat; nothing is promised before it has one."""
    talk.call("billing", "rebook", booking=talk.event.booking, flight=talk.event.flight)


@delay.result("rebook")
def rebooked(talk: Talk[FlightDelayed], result: Mapping[str, object]) -> None:
    """There is a seat. The back office answers `{"flight": "AA34"}`; without it the text names no new flight."""
    new_flight = str(result.get("flight") or "")[:20]
    talk.remember(new_flight=new_flight)
    talk.say("flight_delay.rebooked", flight=talk.event.flight, booking=talk.event.booking, new_flight=new_flight)
    talk.close("rebooked")


@delay.failed("rebook")
def not_rebooked(talk: Talk[FlightDelayed], problem: str) -> None:
    """No seat, or no answer that helps: a person looks further."""
    talk.say("flight_delay.not_rebooked", flight=talk.event.flight).escalate("travel", why=problem)


@delay.on("choice", "YES")
def lounge(talk: Talk, reply: str) -> None:
    """The customer waits in comfort."""
    talk.accept_offer()


@delay.fulfilled
def lounge_ready(talk: Talk[FlightDelayed], result: Mapping[str, object]) -> None:
    """The lounge knows the booking."""
    talk.say("flight_delay.lounge", flight=talk.event.flight, booking=talk.event.booking).close("offer_accepted")


@delay.failed
def no_lounge(talk: Talk[FlightDelayed], problem: str) -> None:
    """The lounge is full, say."""
    talk.say("flight_delay.lounge_failed", flight=talk.event.flight).escalate("travel", why=problem)


@delay.on("choice", "NO")
def declined(talk: Talk[FlightDelayed], reply: str) -> None:
    """No lounge; the flight is what it is."""
    talk.decline_offer().say("flight_delay.declined", **talk.event.fields()).close("offer_declined")


@delay.on("choice", "OK", "THANKS", "GRACIAS")
def fine(talk: Talk[FlightDelayed], reply: str) -> None:
    """Read and understood."""
    talk.say("flight_delay.acknowledged", **talk.event.fields()).close("acknowledged")


@delay.on("choice")
def person(talk: Talk, reply: str) -> None:
    """AGENT, and every question of a traveller who may miss a connection."""
    talk.escalate("travel", why=reply)


@delay.timeout("choice")
def silence(talk: Talk) -> None:
    """They know; that was the point."""
    talk.close("no_reply")


@delay.handed_back
def after_agent(talk: Talk, disposition: str) -> None:
    """The agent has done it all."""
    talk.close(disposition or "resolved")
