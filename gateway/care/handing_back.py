"""A person hands back: the handler that escalated goes on; where none has anything left to do, it ends as `.close`."""

from gateway.care import closing, dialogues, escalation, ratings, reserving
from gateway.care.turn import Refused, Turn
from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState, OwnerKind
from gateway.model.rows import replace
from gateway.triggers import HandedBack


def hand_back(
    turn: Turn, conversation: Conversation, by: str, disposition: str, *, as_agent: bool = True
) -> Conversation:
    """The agent gives the turn to the handler that escalated; without one the conversation ends as by `.close`, with
    an outcome that its queue knows. In the wrap-up it is the one that was said before.

    Raises NotOwner, Refused: `by` may not (`escalation.actor`), or the outcome is missing.
    """
    person = conversation.open and conversation.owner_kind is not OwnerKind.bot
    if person and not resumes(turn, conversation):
        recorded = conversation.disposition if conversation.state is ConversationState.wrapup else None
        ended = disposition or recorded or "handed_back"
        if as_agent and (why := closing.refused(turn, conversation, ended)) is not None:
            missing = f"no handler goes on with it, so it ends here and needs an outcome: {why}"
            raise Refused(missing, "disposition")
        return escalation.close_by_agent(turn, conversation, by, ended, "", as_agent=as_agent)
    had = conversation
    conversation = escalation.give_back(turn, conversation, by, as_agent=as_agent)
    _go_on(turn, conversation, disposition)
    conversation = turn.fresh(conversation)
    if not conversation.open:
        conversation = _ended_by_bot(turn, had, conversation, disposition, as_agent=as_agent)
    told = "the bot has this conversation again" if conversation.open else f"closed: {conversation.disposition}"
    for agent in reserving.concerned(had):
        turn.to_agent("notice", agent, conversation.id, told)
    return conversation


def _ended_by_bot(
    turn: Turn, had: Conversation, ended: Conversation, disposition: str, *, as_agent: bool
) -> Conversation:
    """The handler said its last words and closed: it ends as `.close` does, the wrap-up apart. had: as the agent had
    it. The queue is kept: a late word of the customer goes on there. Raises Refused: the outcome is missing.
    """
    if as_agent and (why := closing.refused(turn, had, disposition)) is not None:
        raise Refused(f"the handler ends it, so it needs an outcome: {why}", "disposition")
    closing.withdraw_open(turn, ended, made_by=closing.HANDLERS)
    how = disposition or ended.disposition or "handed_back"
    ratings.plan(turn, had, how)
    return turn.put(replace(ended, queue=had.queue, disposition=how))


def resumes(turn: Turn, conversation: Conversation) -> bool:
    """Whether a handler has something left to do when a person hands back."""
    return any(_resumes(turn, conversation, dialogue) for dialogue in turn.pending(conversation))


def _resumes(turn: Turn, conversation: Conversation, dialogue: Dialogue) -> bool:
    handler = turn.playbook.handlers.get(dialogue.handler)
    if handler is None:
        return False
    if dialogue.id == conversation.rejoin:
        return bool(dialogue.step) or handler.registered("handed_back")
    pending = dialogue.pending or {}
    return "step" in pending or "handed_over" in pending


def _go_on(turn: Turn, conversation: Conversation, disposition: str) -> None:
    """What the handlers do with the turn that they have again."""
    dialogue = turn.dialogues.get(conversation.rejoin or 0)
    if dialogue is None or dialogue.state is DialogueState.done:
        dialogues.next_floor(turn, conversation)
        if turn.floor(conversation) is None:
            closing.close(turn, turn.fresh(conversation), disposition or "handed_back")
        return
    turn.put(replace(conversation, owner_id=dialogue.handler, rejoin=None))
    dialogue = turn.put_dialogue(replace(dialogue, state=DialogueState.floor, pending=None, rank=max(dialogue.rank, 0)))
    if not dialogues.run(turn, dialogue, HandedBack(disposition)):
        if dialogue.step:
            # The step goes on listening; silence ends it as it would have before.
            idle = turn.playbook.rules.conversations.idle
            dialogues.wait_again(turn, dialogue, idle)
        else:
            dialogues.finish(turn, turn.fresh(conversation), dialogue, disposition or "handed_back")
