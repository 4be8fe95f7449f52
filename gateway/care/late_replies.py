"""Late replies: what a handler asked may stand longer than it waited, and then the answer is for that handler.

A step that nobody answered ends its conversation after a while, but the text stays on the phone: "Reply C to confirm".
What was asked stands as long as the handler says that its text is worth something (`ttl=`); where it says nothing, as
long as the offer that the text made. It is a column of the closed conversation, so it ends when anything else is asked.
"""

from datetime import UTC, datetime

import orjson

from gateway.care import dialogues, offers
from gateway.care.turn import Turn
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState
from gateway.model.ids import made_at
from gateway.model.message import Message
from gateway.model.rows import record, replace
from gateway.store import messages
from gateway.triggers.errors import StepError

_LONGEST_MS = 86_400_000
"""Who answers late, and is asked something more, is waited for no longer."""


@record
class Prompt:
    """What was asked in a closed conversation and still stands until a time (ms); the rest as `Dialogue` has it."""

    handler: str
    version: int
    event_id: int | None
    step: str
    slots: dict[str, object]
    data: str
    offer_id: int | None
    until: int

    def written(self) -> str:
        """As JSON."""
        its = (self.handler, self.version, self.event_id, self.step, self.slots, self.data, self.offer_id, self.until)
        return orjson.dumps(its).decode()


def leave(turn: Turn, asked: Dialogue) -> None:
    """A step fell silent, and its handler was told: what it asked stays with the conversation, if that is closed now.

    asked: the dialogue as it waited.
    """
    conversation = turn.conversations[asked.conversation_id]
    if conversation.open or turn.dialogues[asked.id].state is not DialogueState.done:
        return
    until = _until(turn, asked)
    if until is None or until <= turn.now:
        return
    slots = dict(turn.dialogues[asked.id].slots)
    prompt = Prompt(asked.handler, asked.version, asked.event_id, asked.step, slots, asked.data, asked.offer_id, until)
    turn.put(replace(conversation, prompt=prompt.written()))


def _until(turn: Turn, asked: Dialogue) -> int | None:
    handler = turn.playbook.handlers[asked.handler]
    try:
        worth = handler.expires(dialogues.data_of(turn, handler, asked), _moment(made_at(asked.id)))
    except StepError:  # it was good enough for the text to leave
        return None
    if worth is not None:
        return int(worth.timestamp() * 1000)
    offer = turn.offer(asked.offer_id)
    return offer.expires_at if offer is not None and offers.usable(turn, offer) else None


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def standing(turn: Turn, closed: Conversation) -> Prompt | None:
    """What was asked there and can be answered still, by a handler that has this step today."""
    if closed.prompt is None:
        return None
    prompt = Prompt(*orjson.loads(closed.prompt))
    handler = turn.playbook.handlers.get(prompt.handler)
    if prompt.until <= turn.now or handler is None or not handler.has_step(prompt.step):
        return None
    return prompt


def names(turn: Turn, brand: str, prompt: Prompt, text: str) -> bool:
    """Whether a text is one of the answers that were asked for, and no courtesy or keyword."""
    handler = turn.playbook.handlers[prompt.handler]
    return handler.match(prompt.step, text, turn.language(brand)) is not None


def awaited(turn: Turn, brand: str, text: str) -> bool:
    """Whether a text is one of the answers that the brand asked for in its last conversation, and nobody gave."""
    closed = turn.last_closed(brand)
    prompt = standing(turn, closed) if closed is not None else None
    return prompt is not None and names(turn, brand, prompt, text)


def take_up(
    turn: Turn, brand: Brand, prompt: Prompt, closed: Conversation, message: Message
) -> tuple[Conversation, Dialogue]:
    """The step waits again, for the text that is there: in the same conversation within `reopen` of its end, later in
    another one that follows it.
    """
    rules = turn.playbook.rules.conversations
    closed = turn.put(replace(closed, prompt=None))
    if turn.now - (closed.closed_at or 0) <= int(rules.reopen * 1000):
        bot = ConversationState.bot
        sender = turn.playbook.sender_for(brand.name, message.ours, closed.sender) or ""
        its = turn.put(replace(closed, state=bot, disposition=None, closed_at=None, sender=sender))
    else:
        its = turn.opened(brand, message.ours)
    its = turn.put(replace(its, last_in=turn.now))
    handler = turn.playbook.handlers[prompt.handler]
    dialogue = dialogues.begin(turn, its, handler, prompt.data, event_id=prompt.event_id)
    turn.put_dialogue(
        replace(dialogue, version=prompt.version, step=prompt.step, slots=prompt.slots, offer_id=prompt.offer_id)
    )
    patience = min(prompt.until - turn.now, _LONGEST_MS)
    dialogues.wait_again(turn, turn.dialogues[dialogue.id], patience / 1000)
    note = f"answers what {prompt.handler} asked in conversation {closed.id}, which ended in silence"
    messages.add_event(turn.unit, turn.ids(), message.id, "reply", reason=note)
    return turn.fresh(its), turn.dialogues[dialogue.id]
