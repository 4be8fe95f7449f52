"""A reply that an agent looks at before it is sent: part of the conversation's row, so that a restart forgets nothing.

It is good for ten minutes, for the agent who asked for it, while they have the conversation; sent, it is gone.
"""

import json

from gateway.care import escalation, outbound
from gateway.care.turn import Refused, Turn
from gateway.model.channel import Encoding
from gateway.model.conversation import Conversation
from gateway.model.message import Message
from gateway.model.rows import record, replace

GOOD_MS = 600_000
_SHOWN = {Encoding.gsm7: "GSM-7", Encoding.latin1: "Latin-1", Encoding.ucs2: "UCS-2"}


@record
class Preview:
    """Words to be. id: of the preview. agent: who sees it. epoch: of the conversation, which another owner changes.
    until: ms.
    """

    id: int
    agent: str
    epoch: int
    until: int
    text: str


def preview(turn: Turn, conversation: Conversation, agent: str, text: str) -> Preview:
    """Keeps the words until they are sent or dropped. Raises NotOwner; Refused: they are too long for a text."""
    escalation.owned(turn.playbook, conversation, agent)
    cost_of(turn, conversation, text)
    its = Preview(turn.ids(), agent, conversation.epoch, turn.now + GOOD_MS, text)
    written = json.dumps([its.id, its.agent, its.epoch, its.until, its.text])
    turn.put(replace(turn.fresh(conversation), preview=written))
    return its


def preview_of(turn: Turn, conversation: Conversation, agent: str) -> Preview:
    """What this agent sees. Raises NotOwner; Refused: there is nothing, or it is too old."""
    escalation.owned(turn.playbook, conversation, agent)
    its = Preview(*json.loads(conversation.preview)) if conversation.preview is not None else None
    if its is None or its.agent != agent or its.epoch != conversation.epoch:
        raise Refused("nothing is previewed; .c NAME previews a canned reply")
    if its.until < turn.now:
        raise Refused(f"not sent: the preview is older than {GOOD_MS // 60_000} minutes; say .c NAME again")
    return its


def drop(turn: Turn, conversation: Conversation, agent: str) -> None:
    """It is not sent. Raises as `preview_of`."""
    preview_of(turn, conversation, agent)
    turn.put(replace(turn.fresh(conversation), preview=None))


def supersede(turn: Turn, conversation: Conversation, agent: str) -> str:
    """Another reply was begun: what this agent saw before is not sent by mistake. What to tell of it, "" = nothing."""
    its = Preview(*json.loads(conversation.preview)) if conversation.preview is not None else None
    if its is None or its.agent != agent:
        return ""
    turn.put(replace(turn.fresh(conversation), preview=None))
    return "\nwhat was previewed before is dropped"


def send(
    turn: Turn, conversation: Conversation, agent: str, an_id: int | None = None, *, key: str | None = None
) -> Message:
    """Sends what is previewed, once. an_id: only this one. key: as of `escalation.agent_says`. Raises as
    `preview_of`.
    """
    its = preview_of(turn, conversation, agent)
    if an_id is not None and its.id != an_id:
        raise Refused("not sent: another reply was previewed meanwhile, or this one was sent")
    conversation = turn.put(replace(turn.fresh(conversation), preview=None))
    return escalation.agent_says(turn, conversation, agent, its.text, idempotency_key=key)


def cost_of(turn: Turn, conversation: Conversation, text: str) -> str:
    """What the words cost on their way, such as `2 parts, UCS-2`. Raises Refused: too long."""
    sender = turn.playbook.sender_for(conversation.brand, conversation.sender)
    carrier = turn.playbook.carrier_of(sender) if sender is not None else None
    return shown(*outbound.cost(turn.playbook, carrier or "", text))


def shown(encoding: Encoding, parts: int) -> str:
    """Parts and alphabet, in words."""
    return f"{parts} part{'' if parts == 1 else 's'}, {_SHOWN[encoding]}"
