"""`appointment.due`: a reminder that the customer confirms with C, or gives to a person with R to find a new time.

CANCEL is no choice here and in no handler: to the law it means STOP. Texts are keys of
`templates/<language>/appointment.toml`.
"""

from gateway.triggers import EventData, Handler, Moment, Talk, Text, hours


class AppointmentDue(EventData):
    """What the calendar tells us."""

    what: Text
    at: Moment
    where: Text


appointment = Handler(
    "appointment.due", schema=AppointmentDue, message_class="transactional", ttl=lambda event: event.at
)


@appointment.start
def remind(talk: Talk, event: AppointmentDue) -> None:
    """What, when, where, in one text."""
    talk.say("appointment.reminder", **event.fields(), link=talk.link()).wait("answer", timeout=hours(24))


@appointment.on("answer", "C", "YES", "CONFIRM", "OK", "CONFIRMAR")
def confirm(talk: Talk[AppointmentDue], reply: str) -> None:
    """They will come."""
    talk.say("appointment.confirmed", **talk.event.fields()).close("confirmed")


@appointment.on("answer", "R", "NO", "RESCHEDULE", "CHANGE", "CAMBIAR")
def reschedule(talk: Talk[AppointmentDue], reply: str) -> None:
    """A new time takes two people to find; the customer is told that one of ours will write."""
    talk.say("appointment.person", **talk.event.fields())
    talk.escalate("billing", why=f"reschedule: {talk.event.what}, {talk.event.where}")


@appointment.on("answer")
def person(talk: Talk, reply: str) -> None:
    """AGENT, and all else."""
    talk.escalate("billing", why=reply)


@appointment.timeout("answer")
def silence(talk: Talk) -> None:
    """Not confirmed, and not cancelled either."""
    talk.close("no_reply")


@appointment.handed_back
def after_agent(talk: Talk, disposition: str) -> None:
    """The agent has done it all."""
    talk.close(disposition or "resolved")
