"""What a chat room about a conversation shall be, and whether it shall be any longer."""

from dataclasses import dataclass, field

from gateway.care import escalation
from gateway.care.playbook import Playbook
from gateway.floor import cards
from gateway.model.desk import Entry, RoomPlan
from gateway.settings.gateway_file import Agent
from gateway.store.rooms import RoomState

NOBODY = "nobody who was asked in may be here any more"


@dataclass(slots=True)
class Open:
    """What memory knows of a room. entry: how we came in, None = nothing is to be done about it. shown: ids of
    messages that this process showed lately, None = it showed nothing yet. before: the newest that was shown before
    this process, newest: at all. asked: who was asked in. owner: as the room was told. touched: there may be more to
    show. looked: ms, when it was looked for. entered: ms, when we came in. told: those who were asked in know that it
    does not come up.
    """

    plan: RoomPlan
    entry: Entry | None = None
    shown: set[int] | None = None
    before: int = 0
    newest: int = 0
    asked: set[str] = field(default_factory=set)
    owner: str = ""
    touched: bool = True
    looked: int = 0
    entered: int = 0
    told: bool = False


def over(state: RoomState, book: Playbook) -> str | None:
    """Why a room ends; None where it goes on."""
    if state.ending is not None:
        return state.ending
    if state.state is None or state.state == "closed":
        return f"closed: {state.disposition or 'erased'}"
    if state.agent is None:
        return "the conversation waits in its queue again" if state.state == "queued" else "the bot has it again"
    if not seated(state, book):
        return NOBODY
    seats = state.listening
    if state.agent in seats or all(seats.values()):
        return None
    return f"{escalation.name_of(book, state.agent)} has this conversation now"


def seated(state: RoomState, book: Playbook) -> list[Agent]:
    """Who was asked in and may be there: they are agents still, and supervisors where they only listen. Who listened
    and has the conversation by now is there as its owner.
    """
    seats = state.listening
    known = [agent for agent in book.agents if agent.jid in seats]
    return [one for one in known if not seats[one.jid] or one.role == "supervisor" or one.jid == state.agent]


def supervises(book: Playbook, agent: str) -> bool:
    """Whether an agent (bare JID) is a supervisor now."""
    known = book.agent(agent)
    return known is not None and known.role == "supervisor"


def planned(state: RoomState, book: Playbook) -> RoomPlan:
    """The room, for those who may be there."""
    customer, known = cards.number(state.key), seated(state, book)
    admins = tuple(str(one.jid) for one in known if one.role == "supervisor")
    members = tuple(str(one.jid) for one in known if one.role != "supervisor")
    return RoomPlan(state.jid, customer, customer, f"About {customer}", members, admins)
