"""How it went: after a person closed a conversation the customer may be asked for 1 to 5, once, and not each time.

Asked only where a queue says `csat = true`, the customer wrote, a person has answered, and a person closed it: never
after STOP, silence, a bot's close, or a text that did not arrive (that reopens). The answer counts for a day. It
reopens nothing; words that follow it are a late reply, which a person sees.
"""

import json

from gateway.care import outbound
from gateway.care.turn import Turn
from gateway.model.brand import Brand
from gateway.model.conversation import Conversation, ConversationState, DialogueState, OwnerKind
from gateway.model.message import Message, MessageClass
from gateway.model.promises import read
from gateway.model.rating import rating_of
from gateway.model.rows import record, replace
from gateway.store import conversations, customers, messages
from gateway.store.tables import RatingRow
from gateway.telemetry import metrics

ASK = "csat"
ANSWER_MS = 24 * 3_600_000
_DONE = (ConversationState.closed, ConversationState.wrapup)


@record
class Survey:
    """What a customer was asked last. at: ms. score: what they said, None = nothing yet."""

    conversation: int
    brand: str
    queue: str | None
    agent: str
    at: int
    score: int | None = None


def _read(text: str) -> Survey:
    return Survey(*json.loads(text))


def _keep(turn: Turn, its: Survey) -> None:
    survey = json.dumps([its.conversation, its.brand, its.queue, its.agent, its.at, its.score])
    turn.know(replace(turn.customer, survey=survey))
    customers.set_survey(turn.unit, turn.customer.id, survey)


def plan(turn: Turn, conversation: Conversation, disposition: str) -> None:
    """A person closes a conversation: in a while its customer is asked. conversation: as it was before."""
    queue = turn.playbook.queues.get(conversation.queue or "")
    if queue is None or not queue.csat or conversation.owner_kind is not OwnerKind.agent or conversation.agent is None:
        return
    if conversation.last_in is None:  # they were written to, and never answered
        return
    if disposition in turn.playbook.rules.conversations.csat_except or not read(conversation.promises).said:
        return
    turn.timer(ASK, turn.now + int(queue.csat_delay * 1000), conversation.id, f"{conversation.agent} {turn.now}")


def ask(turn: Turn, conversation_id: int, body: str) -> None:
    """The time to ask, if it still is right to: not after an earlier close, nor for the second time after one."""
    agent, _, planned = body.partition(" ")
    conversation = turn.conversations.get(conversation_id)
    if conversation is None or conversation.state not in _DONE or conversation.disposition == "opted_out":
        return
    open_one = turn.conversation(conversation.brand)
    if (open_one is not None and open_one is not conversation) or turn.revoked(conversation.brand):
        return
    survey = turn.customer.survey
    asked = _read(survey) if survey is not None else None
    since = int(planned or 0)
    if since and (conversation.closed_at or 0) > since:
        return
    cooldown = int(turn.playbook.rules.conversations.csat_cooldown * 1000)
    if asked is not None and (
        turn.now - asked.at < cooldown or (asked.conversation == conversation_id and asked.at >= (since or turn.now))
    ):
        return
    message = outbound.say(turn, conversation, "system.csat", {})
    if message.disposition is None:
        _keep(turn, Survey(conversation.id, conversation.brand, conversation.queue, agent, turn.now))
        turn.after.append(metrics.surveys.labels(conversation.queue or "").inc)


def heard(turn: Turn, brand: Brand, message: Message, conversation: Conversation | None, survey: str) -> str | None:
    """Takes a rating; the words that came with it, "" = none. None: the text is none, or answers something else.

    conversation: the open one. survey: what the customer was asked last.
    """
    its = _read(survey)
    if its.brand != brand.name or turn.now - its.at > ANSWER_MS or _asks_else(turn, conversation):
        return None
    found = rating_of(message.text, turn.language(brand.name))
    if found is None or (found[1] and its.score is not None):
        return None
    score, words = found
    rating = RatingRow(
        conversation_id=its.conversation,
        brand=its.brand,
        queue=its.queue,
        agent=its.agent,
        score=score,
        message_id=message.id,
        at=turn.now,
    )
    customers.record_rating(turn.unit, rating)
    _keep(turn, replace(its, score=score))
    messages.add_event(turn.unit, turn.ids(), message.id, "reply", reason=f"rated {score} of 5")
    conversations.add_note(turn.unit, turn.ids(), its.conversation, "rating", "customer", f"{score} of 5")
    about = turn.conversations.get(its.conversation)
    if about is not None and not about.open:
        turn.put(replace(about, last_in=turn.now))  # the text is shown there
    if its.score is None:
        turn.after.append(metrics.ratings.labels(its.queue or "", str(score)).inc)
        if not words:
            _thank(turn, brand, about)
    return words


def may_answer(turn: Turn, brand: str, text: str, survey: str) -> bool:
    """Whether a text to an address of several brands may be the rating that this one asked for."""
    its = _read(survey)
    asked = its.brand == brand and its.score is None and turn.now - its.at <= ANSWER_MS
    return asked and rating_of(text, turn.language(brand)) is not None


def _thank(turn: Turn, brand: Brand, about: Conversation | None) -> None:
    if about is not None:
        outbound.say(turn, turn.fresh(about), "system.csat_thanks", {})
        return
    draft = outbound.Draft(
        outbound.render(turn, brand, "system.csat_thanks", {}),
        MessageClass.conversational,
        outbound.SYSTEM,
        reply=True,
    )
    outbound.send(turn, None, brand, draft)


def _asks_else(turn: Turn, conversation: Conversation | None) -> bool:
    """Whether a number answers another question, which came after ours: a person's, a step's own words with digits, or
    a step that takes any words.
    """
    if conversation is None or conversation.state is ConversationState.wrapup:
        return False
    if conversation.owner_kind is not OwnerKind.bot:
        return True
    floor = turn.floor(conversation)
    if floor is None:
        return False
    handler = turn.playbook.handlers.get(floor.handler)
    if floor.state is DialogueState.calling or handler is None:
        return True
    words = handler.running.words(floor.step)
    return not words or any(char.isdigit() for word in words for char in word)
