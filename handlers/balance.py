"""The keyword BALANCE: asks the back office and says what it answers. The one to copy for a keyword of your own.

In `config/keywords.toml`: a keyword with `words = ["BALANCE", "SALDO"]` and `handler = "balance"`.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from gateway.triggers import Currency, EventData, Handler, Incoming, Money, Talk


class Balance(EventData, extra="ignore"):
    """What we need of the back office's answer."""

    balance: Money
    currency: Currency


balance = Handler("balance", schema=Incoming, message_class="conversational")


@balance.start
def ask(talk: Talk, event: Incoming) -> None:
    """The back office knows the customer by the address that every call carries."""
    talk.call("billing", "balance")


@balance.result("balance")
def tell(talk: Talk, result: Mapping[str, object]) -> None:
    """An answer without a balance is no answer: a person looks it up."""
    try:
        found = Balance.model_validate(result)
    except ValidationError:
        talk.say("balance.unknown").escalate("billing", why="the back office answered without balance and currency")
    else:
        talk.say("balance.told", **found.fields()).close("answered")


@balance.failed("balance")
def unknown(talk: Talk, problem: str) -> None:
    """The back office refused; a person looks it up."""
    talk.say("balance.unknown").escalate("billing", why=problem)


@balance.handed_back
def after_agent(talk: Talk, disposition: str) -> None:
    """The agent has done it all."""
    talk.close(disposition or "resolved")
