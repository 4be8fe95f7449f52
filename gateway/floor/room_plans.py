"""What a chat room about a conversation shall be, and whether it shall be any longer."""

from dataclasses import dataclass, field

from gateway.care import escalation
from gateway.care.playbook import Playbook
from gateway.floor import cards
from gateway.model.desk import Entry, RoomPlan
from gateway.store.rooms import RoomState


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
    seats = state.listening
    if state.agent in seats or all(seats.values()):
        return None
    return f"{escalation.name_of(book, state.agent)} has this conversation now"


def planned(state: RoomState, book: Playbook) -> RoomPlan:
    """The room, for those who were asked in and are agents still."""
    customer = cards.number(state.key)
    known = [agent for agent in book.agents if agent.jid in state.listening]
    admins = tuple(str(one.jid) for one in known if one.role == "supervisor")
    members = tuple(str(one.jid) for one in known if one.role != "supervisor")
    return RoomPlan(state.jid, customer, customer, f"About {customer}", members, admins)
