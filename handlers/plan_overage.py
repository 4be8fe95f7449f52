"""`plan.overage`: a customer used more minutes than the plan has, and may upgrade by answering YES.

The one to copy for your own events: say what the event's data looks like, then what happens in each step. Texts are
keys of `templates/<language>/plan_overage.toml`. Tests are plays that need no server, see
`tests/handlers/test_plan_overage.py`; `careline simulate plan.overage --data ... --reply YES` shows one.
"""

from collections.abc import Mapping

from gateway.triggers import Count, Currency, EventData, Handler, Money, Talk, Text, hours


class PlanOverage(EventData):
    """What the billing system tells us."""

    plan: Text
    minutes_over: Count
    charge: Money
    currency: Currency


overage = Handler("plan.overage", schema=PlanOverage, message_class="transactional")


@overage.start
def tell(talk: Talk, event: PlanOverage) -> None:
    """The charge, and the plan that would have been cheaper, in one text."""
    talk.say("plan_overage.notice", **event.fields(), link=talk.link()).offer("unlimited")
    talk.wait("choice", timeout=hours(24))


@overage.on("choice", "YES")
def accept(talk: Talk, reply: str) -> None:
    """The billing system is asked to upgrade; it goes on in `upgraded` or `sorry`."""
    talk.accept_offer()


@overage.fulfilled
def upgraded(talk: Talk[PlanOverage], result: Mapping[str, object]) -> None:
    """The plan is changed. `result` is what the billing system answered."""
    talk.say("plan_overage.upgraded", **talk.event.fields()).close("offer_accepted")


@overage.failed
def sorry(talk: Talk[PlanOverage], problem: str) -> None:
    """The billing system refused: a person sorts it out, and the customer knows."""
    talk.say("plan_overage.failed", **talk.event.fields()).escalate("billing", why=problem)


@overage.on("choice", "NO")
def keep(talk: Talk[PlanOverage], reply: str) -> None:
    """The plan stays."""
    talk.decline_offer().say("plan_overage.kept", **talk.event.fields()).close("offer_declined")


@overage.on("choice")
def person(talk: Talk, reply: str) -> None:
    """AGENT, and all that is neither YES nor NO: a question about money is for a person."""
    talk.escalate("billing", why=reply)


@overage.timeout("choice")
def silence(talk: Talk) -> None:
    """No answer is an answer; nobody is asked twice."""
    talk.close("no_reply")


@overage.handed_back
def after_agent(talk: Talk, disposition: str) -> None:
    """The agent has done it all."""
    talk.close(disposition or "resolved")
