"""Agents who work over HTTP, without a chat client: that it shows nobody there does not mean that they have left."""

from collections.abc import Iterable
from typing import Protocol

from gateway.care.turn import Refused, Turn
from gateway.model.message import Message
from gateway.store import waiting


class Presence(Protocol):
    """What the desk knows of agents' chat clients (`gateway.floor.attendance`)."""

    def without_client(self, agent: str) -> bool:
        """Whether no client shows the agent there."""

    def is_elsewhere(self, agent: str) -> bool:
        """Whether that is known to say nothing of them."""

    def has_left(self, agent: str) -> bool:
        """Whether the agent is known not to be there, and not to work without a client."""

    def are_elsewhere(self, agents: Iterable[str]) -> None:
        """It says nothing of these, from now on."""

    def go_away(self, agents: Iterable[str]) -> None:
        """These said that they are not to be asked."""

    def come_back(self, agent: str) -> None:
        """The agent is asked again."""


def show_own(turn: Turn, message: Message) -> None:
    """What an agent sent over HTTP is in their own chat client too."""
    if message.disposition is None:
        turn.to_agent("own", message.author_id, message.id)


def works_over_http(turn: Turn, presence: Presence | None, agent: str) -> None:
    """An agent (bare JID) took or answered something over HTTP. Written with it: a restart must not take from them
    what they have.
    """
    if presence is not None and presence.without_client(agent) and not presence.is_elsewhere(agent):
        waiting.set_elsewhere(turn.unit, agent, elsewhere=True)
        turn.after.append(lambda: presence.are_elsewhere([agent]))


def refuse_absent(turn: Turn, presence: Presence | None, to: str) -> None:
    """Raises Refused where `to` is a colleague who is not there: nobody would answer the customer."""
    known = turn.playbook.agent(to) if to not in turn.playbook.queues else None
    if known is not None and presence is not None and presence.has_left(known.jid):
        raise Refused(f"{known.name} is not there now; transfer to a queue, or to a colleague who is", "to")
