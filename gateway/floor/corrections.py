"""An agent corrects what they wrote (XEP-0308). The text is out, and nobody can take an SMS back: the customer gets
another one, marked as a correction and linked to the first, unless the rules refuse that.
"""

from collections.abc import Callable

from gateway.care import escalation, outbound
from gateway.care.turn import Refused, Turn
from gateway.floor.lines import Typed, slashed
from gateway.model.conversation import Conversation
from gateway.model.desk import Said, line_key, message_of_own
from gateway.model.message import Author, Disposition, Message, MessageClass
from gateway.model.rows import record
from gateway.store import messages, stanzas
from gateway.store.database import Store
from gateway.store.views import message_of_key

TEXT = "system.correction"
_NEVER_OUT = (Disposition.blocked, Disposition.opted_out)


@record
class Correction:
    """agent, words: who corrects, and what of it is for the customer. of: the text that it corrects. key: the
    idempotency key of the corrected one, None = it has none.
    """

    agent: str
    words: str
    of: Message
    key: str | None

    def decide(self, turn: Turn) -> str:
        """The corrected text to the customer; why it does not go out, "" when it does. Raises Refused, NotOwner."""
        agent, of = self.agent, self.of
        if turn.playbook.rules.conversations.corrections == "refuse":
            raise Refused("not sent: the customer has the text, and corrections are not sent here; write what is new")
        conversation = _still_theirs(turn, agent, of)
        escalation.owned(turn.playbook, conversation, agent)
        brand = turn.playbook.brands[conversation.brand]
        draft = outbound.Draft(
            outbound.render(turn, brand, TEXT, {"text": self.words}, conversation=conversation),
            MessageClass.conversational,
            Author("agent", agent),
            parent_id=of.id,
            idempotency_key=self.key,
        )
        message = outbound.send(turn, conversation, brand, draft)
        if message.disposition is not None:
            return f"not sent: {message.reason}"
        escalation.wait_for_customer(turn, conversation)
        said_so = f"corrected by {message.id}"
        messages.add_event(turn.unit, turn.ids(), of.id, "correction", code=str(message.id), reason=said_so)
        return ""

    def made(self, turn: Turn, known: Message) -> bool:
        """Whether a message is what came of this very correction: its stanza may come again."""
        brand = turn.playbook.brands.get(known.brand)
        if known.parent_id != self.of.id or brand is None:
            return False
        try:
            return outbound.render(turn, brand, TEXT, {"text": self.words}).strip() == known.text
        except Refused:
            return False


async def corrected(
    store: Store, said: Said, line: Typed, keyed: Callable[[str], str], stanza: str
) -> Correction | None:
    """What an agent corrects; None where it is no correction. keyed: the idempotency key of a stanza that came where
    this one did. stanza: what is corrected, among those of the chat with the customer: a line that sent words, such as
    `.send`, is corrected as the words are. Raises Refused where there is nothing to correct.
    """
    if not said.replaces:
        return None
    if line.verb:
        mark = "/" if slashed(said.text) else "."
        raise Refused(f"not sent: a line that begins with {mark} corrects nothing; write it anew, and it is done")
    of = await store.read(message_of_key, keyed(said.replaces))
    if of is None and said.customer:
        of = await store.read(message_of_key, line_key(stanzas.key_of(said.agent, said.customer, stanza)))
    of = of or await _own(store, said)
    if of is None:
        raise Refused("not sent: it corrects a line that is no text of yours to the customer; write a new message")
    if of.disposition in _NEVER_OUT:
        raise Refused("not sent: what it corrects was never sent; write it as a new message")
    return Correction(said.agent, line.rest, of, keyed(said.id) if said.id else None)


async def _own(store: Store, said: Said) -> Message | None:
    """What was sent in their name another way is a bubble of theirs as well."""
    an_id = message_of_own(said.replaces)
    if an_id is None:
        return None
    found = (await store.read(messages.messages_by_id, [an_id])).get(an_id)
    theirs = found is not None and (found.author_kind, found.author_id) == ("agent", said.agent)
    return found if found is not None and theirs and found.key == f"tel:{said.customer}" else None


def _still_theirs(turn: Turn, agent: str, of: Message) -> Conversation:
    """The conversation of the text; if that is over, the agent's own with the same brand."""
    its = turn.conversations.get(of.conversation_id or 0)
    if its is not None and its.open:
        return its
    mine = [one for one in turn.conversations.values() if one.open and one.agent == agent and one.brand == of.brand]
    if mine:
        return mine[0]
    raise Refused("not sent: this conversation is closed; the customer's next text opens another")
