"""A customer's text: whose turn is it, and who answers (design 3b).

Compliance word -> human owner -> waiting step -> open offer that no step waits on -> keyword -> the brand's default
handler. Every text is answered, queued or visibly parked (invariant 7).
"""

from collections.abc import Sequence

import orjson

from gateway.care import (
    answering,
    closing,
    consent,
    dialogues,
    escalation,
    languages,
    late_replies,
    offers,
    outbound,
    queueing,
    ratings,
    reserving,
    sharing,
    unclaimed,
)
from gateway.care.playbook import yes_or_no
from gateway.care.turn import Turn
from gateway.model.brand import Brand, Sender
from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState, OwnerKind
from gateway.model.message import Direction, Message, MessageClass, MessageState
from gateway.model.rows import record, replace
from gateway.model.words import AUTOMATIC_LENGTH, Compliance, choose, ends_talk, hints_at_stop, is_automatic
from gateway.store import filing, messages, upkeep

_NO_MORE = "they may want no more texts: .optout records it"


@record
class Text:
    """A text from a phone as it is kept until it is routed: the body of a work row of kind `mo`.

    sender: our address that it was sent to. broken: why the text may not be whole (a part is missing, bytes that no
    alphabet has). parts: in how many it came.
    """

    sender: str
    text: str
    carrier: str
    digest: str | None = None
    session: int | None = None
    sequence: int | None = None
    broken: str | None = None
    parts: int = 1

    def body(self) -> str:
        """As JSON."""
        row = [self.sender, self.text, self.carrier, self.digest, self.session, self.sequence, self.broken, self.parts]
        return orjson.dumps(row).decode()


def receive(turn: Turn, message_id: int, text: Text) -> None:
    """A text from a phone becomes a message and is routed."""
    sender = turn.playbook.senders.get(text.sender)
    if sender is not None and sender.shared_with:
        return _receive_shared(turn, message_id, text, sender)
    brand = turn.playbook.brands[sender.brand] if sender is not None else turn.playbook.brand_of(text.sender)
    conversation = _written_in(turn, brand, text.sender)
    message = _message(turn, message_id, text, brand, conversation)
    route(turn, brand, message, conversation)
    return _keep(turn, _placed(turn, message))


def _receive_shared(turn: Turn, message_id: int, text: Text, sender: Sender) -> None:
    """The same on an address of several brands: for whom is it?"""
    meant = sharing.meant(turn, sender, text.text)
    brand = sharing.speaker(turn, sender, meant)
    theirs = bool(meant.brands) and not meant.answers
    conversation = _written_in(turn, brand, text.sender) if theirs else None
    message = _message(turn, message_id, text, brand, conversation)
    if meant.word is not None:
        _comply(turn, meant.word, [turn.playbook.brands[name] for name in meant.brands], message, conversation)
        sharing.forget_if_stopped(turn, sender)
    elif not meant.brands:
        sharing.hold(turn, sender, message)
    elif meant.answers:
        _answered(turn, brand, message, sharing.answered(turn, sender, message), more=bool(meant.text))
    else:
        route(turn, brand, sharing.spoken(turn, message), conversation)
    _keep(turn, _placed(turn, message))


def _written_in(turn: Turn, brand: Brand, address: str) -> Conversation | None:
    """The open conversation that a text belongs to, and goes on from there."""
    conversation = turn.conversation(brand.name)
    if conversation is None:
        return None
    # An address that we cannot send from is no place to go on from.
    sender = turn.playbook.sender_for(brand.name, address, conversation.sender) or ""
    return turn.put(replace(conversation, last_in=turn.now, sender=sender))


def _placed(turn: Turn, message: Message) -> Message:
    """In the newest conversation that it was written in: routing may have closed one and opened another."""
    for its in turn.conversations.values():
        if its.last_in == turn.now and its.brand == message.brand and its.id > (message.conversation_id or 0):
            message = replace(message, conversation_id=its.id)
    return message


def _answered(turn: Turn, brand: Brand, message: Message, held: Sequence[tuple[int, str]], *, more: bool) -> None:
    """They said which brand: what they wrote before is routed as of it, then what came with the answer."""
    for an_id, words in held:
        conversation = _written_in(turn, brand, message.ours)
        its = replace(message, id=an_id, text=words, conversation_id=conversation.id if conversation else None)
        route(turn, brand, sharing.spoken(turn, its), conversation)
        messages.give(turn.unit, an_id, brand.name, _placed(turn, its).conversation_id)
    if more:
        route(turn, brand, sharing.spoken(turn, message), _written_in(turn, brand, message.ours))
    else:
        note = f"says which brand: {brand.name}"
        messages.add_event(turn.unit, turn.ids(), message.id, "reply", reason=note)


def again(turn: Turn, message: Message) -> None:
    """A text that was parked is routed now."""
    brand = turn.playbook.brands[message.brand]
    route(turn, brand, sharing.spoken(turn, message), turn.conversation(brand.name))


def receive_broken(turn: Turn, message_id: int, text: Text, cause: str) -> None:
    """The handler failed on this text: it is kept, and a person takes over (design section 5)."""
    sender = turn.playbook.senders.get(text.sender)
    if sender is not None and sender.shared_with:
        brand = sharing.speaker(turn, sender, sharing.meant(turn, sender, text.text))
    else:
        brand = turn.playbook.brand_of(text.sender)
    conversation = turn.opened(brand, text.sender)
    conversation = turn.put(replace(turn.fresh(conversation), last_in=turn.now))
    if conversation.owner_kind is OwnerKind.bot:
        conversation = queueing.to_queue(turn, conversation, None, f"the handler failed: {cause}"[:300])
    message = _message(turn, message_id, text, brand, conversation)
    _keep(turn, replace(message, reason="the handler failed"))
    for agent in reserving.concerned(conversation):
        turn.to_agent("relay", agent, message.id)


def _keep(turn: Turn, message: Message) -> None:
    """Its id was made when it came: if that is a while ago, the indexes may have passed by already."""
    messages.add(turn.unit, message)
    if message.id <= turn.ids.settled:
        filing.file_late(turn.unit, message.address_id, message.id)
        upkeep.index_late(turn.unit, message.id, message.text)


def _message(turn: Turn, message_id: int, text: Text, brand: Brand, conversation: Conversation | None) -> Message:
    return Message(
        id=message_id,
        channel="sms",
        direction=Direction.mo,
        key=turn.key,
        address_id=turn.customer.address_id,
        ours=text.sender,
        theirs=turn.address.value,
        brand=brand.name,
        text=text.text,
        cls=MessageClass.conversational,
        state=MessageState.final,
        disposition=None,
        author_kind="customer",
        author_id="",
        conversation_id=conversation.id if conversation is not None else None,
        carrier=text.carrier,
        parts=text.parts,
        reason=text.broken,
        digest=text.digest,
        session=text.session,
        sequence=text.sequence,
    )


def route(turn: Turn, brand: Brand, message: Message, conversation: Conversation | None) -> None:
    """Who answers."""
    word = turn.playbook.compliance(message.text)
    if word is not None:
        return _comply(turn, word, (brand,), message, conversation)
    if turn.revoked(brand.name):
        reason = "parked: the customer said STOP, nothing may answer"
        return messages.add_event(turn.unit, turn.ids(), message.id, "gate", code="suppression", reason=reason)
    if _rated(turn, brand, message, conversation):
        return None
    if conversation is not None and conversation.owner_kind is not OwnerKind.bot:
        return _to_person(turn, conversation, message)
    if _nobody_wrote(turn, brand, message):
        return None
    languages.listen(turn, brand, message.text)
    if turn.playbook.sender_of(brand.name) is None:
        return _nothing_answers(turn, brand, message)
    if conversation is None:
        return _nobody_talks(turn, brand, message)
    floor = turn.floor(conversation)
    if floor is None:
        return unclaimed.answer(turn, brand, message, conversation)
    return _to_step(turn, conversation, floor, message)


def _comply(
    turn: Turn, word: Compliance, brands: Sequence[Brand], message: Message, conversation: Conversation | None
) -> None:
    """STOP, HELP or START to one brand, or to all of an address."""
    if word == "stop":
        consent.stop(turn, brands, message, method="keyword", actor="customer", evidence=message.text)
    elif word == "help":
        consent.help_(turn, brands, message, conversation)
    else:
        consent.start(turn, brands, message, conversation)


def _nothing_answers(turn: Turn, brand: Brand, message: Message) -> None:
    """The brand has no address to answer from: a person sees the text."""
    conversation = turn.put(replace(turn.opened(brand, message.ours), last_in=turn.now))
    why = f"no sender of {brand.name} can answer a text to {message.ours}"
    queueing.to_queue(turn, conversation, None, why)


def _rated(turn: Turn, brand: Brand, message: Message, conversation: Conversation | None) -> bool:
    """Whether it was the answer to how it went, and nothing is left to route. Words that came with it are for a person,
    whatever happened since they were asked; in a conversation that goes on they go where all words go.
    """
    survey = turn.known.survey if turn.known is not None else None
    words = ratings.heard(turn, brand, message, conversation, survey) if survey is not None else None
    if words is None or (words and conversation is not None):
        return False
    if words and not _reopened(turn, brand):
        opened = turn.put(replace(turn.opened(brand, message.ours), last_in=turn.now))
        queueing.to_queue(turn, opened, None, message.text)
    return True


def _nobody_wrote(turn: Turn, brand: Brand, message: Message) -> bool:
    """Whether a phone or a robot wrote this by itself; then nothing answers, and no step takes it for a reply."""
    if len(message.text) >= AUTOMATIC_LENGTH and is_automatic(message.text):
        note = "an automatic reply; nothing to answer"
        messages.add_event(turn.unit, turn.ids(), message.id, "reply", reason=note)
        return True
    return turn.said is not None and turn.said[1] > 1 and _loops(turn, brand, message)


def _loops(turn: Turn, brand: Brand, message: Message) -> bool:
    """Whether another robot answers us: so many same answers within minutes that a person has to look, once."""
    most, last = turn.playbook.rules.conversations.same_texts, turn.said
    if not most or last is None or last[1] < most or turn.now - last[2] >= outbound.SAME_MS:
        return False
    turn.said = None
    conversation = turn.put(replace(turn.opened(brand, message.ours), last_in=turn.now))
    why = f"the same answer went out {last[1]} times within 5 minutes: is a robot answering us?"
    queueing.to_queue(turn, conversation, None, why)
    return True


def _to_person(turn: Turn, conversation: Conversation, message: Message) -> None:
    """A person has it, or will: the text is always relayed; YES or NO also answers the one offer that has the floor."""
    answers = answering.answered(turn, conversation.brand, message)
    done = conversation.state is ConversationState.wrapup and (answers is not None or ends_talk(message.text))
    if not done:  # "thanks" after the close reopens nothing, nor does the answer to what was offered before it
        conversation = escalation.customer_wrote(turn, conversation)
    _relay(turn, conversation, message)
    if (seems := languages.listen(turn, turn.playbook.brands[conversation.brand], message.text)) is not None:
        turn.tell(
            conversation, f"they seem to write {seems}: what we say by ourselves is in {seems} now; .language TAG"
        )
    if answers is None:
        answering.in_doubt(turn, conversation, message)
    else:
        answering.settle(turn, conversation, message, *answers)


def _relay(turn: Turn, conversation: Conversation, message: Message) -> None:
    """Shows the words to whoever has the conversation or is asked to take it: what a card does not show comes so."""
    for agent in reserving.concerned(conversation):
        if not turn.playbook.lists(agent):
            continue  # taken out of the configuration: they read nothing new, and lose it in a moment
        brand = reserving.in_whose_name(turn, conversation, agent)
        turn.to_agent("relay", agent, message.id, *([brand] if brand else []))
        if agent == conversation.agent and hints_at_stop(message.text, turn.language(conversation.brand)):
            tap = f".as {conversation.brand} .optout" if brand else ".optout"
            turn.to_agent("notice", agent, conversation.id, _NO_MORE, [[tap, "They want no more"]])


def _to_step(turn: Turn, conversation: Conversation, floor: Dialogue, message: Message) -> None:
    """The handler's turn. While a call is under way, texts wait (design section 5)."""
    if floor.state is DialogueState.calling:
        turn.put_dialogue(replace(floor, parked=(*floor.parked, message.id)[-50:]))
        return
    if _leaves_default(turn, conversation, floor, message):
        closing.end_dialogue(turn, floor)
        unclaimed.answer(turn, turn.playbook.brands[conversation.brand], message, turn.fresh(conversation))
        return
    if floor.step and not _unseen(turn, floor, message) and dialogues.reply(turn, floor, message.text):
        return
    if choose(message.text, ("AGENT",), turn.language(conversation.brand)):
        queueing.to_queue(turn, turn.fresh(conversation), None, message.text)
        return
    # The step has no answer for this text: the second miss in a row brings a person.
    misses = floor.misses + 1
    turn.put_dialogue(replace(floor, misses=misses))
    if misses >= turn.playbook.rules.conversations.misses:
        queueing.to_queue(turn, turn.fresh(conversation), None, f"not understood {misses} times")
        return
    outbound.say(turn, conversation, "system.not_understood", {})


def _unseen(turn: Turn, floor: Dialogue, message: Message) -> bool:
    """Whether it is YES or NO to an offer whose text has not left: it means something else, whatever that is."""
    offer = turn.offer(floor.offer_id) if turn.unsent else None
    return (
        offer is not None
        and offers.usable(turn, offer)
        and not offers.seen(turn, offer)
        and yes_or_no(message.text, turn.language(offer.brand)) is not None
    )


def _leaves_default(turn: Turn, conversation: Conversation, floor: Dialogue, message: Message) -> bool:
    """A keyword wins over the default handler, which only has what nobody else claims."""
    brand, language = conversation.brand, turn.language(conversation.brand)
    if floor.handler != turn.playbook.default_handler(brand):
        return False
    if turn.playbook.keyword(message.text, brand, message.ours, language) is None:
        return False
    handler = turn.playbook.handlers.get(floor.handler)
    return handler is None or handler.match(floor.step, message.text, language) is None


def _nobody_talks(turn: Turn, brand: Brand, message: Message) -> None:
    """No open conversation: an answer to what an agent offered in the last one, a late word to it, or a new matter."""
    last = turn.last_closed(brand.name)
    if last is not None and last.closed_at is not None:
        if (answers := answering.answered(turn, brand.name, message)) is not None:
            answering.settle(turn, turn.put(replace(last, last_in=turn.now)), message, *answers)
            return
        prompt = late_replies.standing(turn, last)
        if prompt is not None and late_replies.names(turn, brand.name, prompt, message.text):
            _to_step(turn, *late_replies.take_up(turn, brand, prompt, last, message), message)
            return
        keyword = not _no_keyword(turn, brand, message)
        if not keyword and (answering.second_yes(turn, brand.name, message) or _courtesy(turn, brand, message)):
            note = "nothing to answer: a courtesy after the close, or a second YES to what is bought already"
            messages.add_event(turn.unit, turn.ids(), message.id, "reply", reason=note)
            turn.put(replace(last, last_in=turn.now))
            return
        if not keyword and prompt is not None:
            _to_step(turn, *late_replies.take_up(turn, brand, prompt, last, message), message)
            return
        if not keyword and _reopened(turn, brand):
            answering.in_doubt(turn, turn.fresh(last), message)
            return
    unclaimed.answer(turn, brand, message, None)


def _courtesy(turn: Turn, brand: Brand, message: Message) -> bool:
    """Whether it is "thanks" after the close, and no answer to what is offered: it reopens nothing."""
    if not ends_talk(message.text):
        return False
    open_ones = any(offer.brand == brand.name and offers.usable(turn, offer) for offer in turn.offers.values())
    return not open_ones or yes_or_no(message.text, turn.language(brand.name)) is None


def _reopened(turn: Turn, brand: Brand) -> bool:
    """A late word to a person goes on where it ended, for a day; whether it does."""
    last = turn.last_closed(brand.name)
    reopen_ms = int(turn.playbook.rules.conversations.reopen * 1000)
    if last is None or last.closed_at is None or turn.now - last.closed_at > reopen_ms:
        return False
    if last.queue is None or last.disposition == "opted_out":
        return False
    queueing.reopen(turn, turn.put(replace(last, last_in=turn.now)), "the customer wrote again")
    return True


def _no_keyword(turn: Turn, brand: Brand, message: Message) -> bool:
    return turn.playbook.keyword(message.text, brand.name, message.ours, turn.language(brand.name)) is None
