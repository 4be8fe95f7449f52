"""From a decision to a queued message: gates, rendering, segments, and the row that delivery takes up."""

from collections.abc import Mapping

from gateway.care import codes, offers, rules
from gateway.care.playbook import Playbook
from gateway.care.rendering import BadText, MissingText
from gateway.care.turn import Refused, Turn
from gateway.model.brand import Brand
from gateway.model.channel import Encoding
from gateway.model.conversation import Conversation
from gateway.model.message import Author, Direction, Disposition, Lane, Message, MessageClass, MessageState
from gateway.model.rows import record, replace
from gateway.model.segments import TooLong, count, encoding_of
from gateway.store import conversations, messages
from gateway.store.units import Due
from gateway.triggers.effects import Link

LINK_DAYS = 7
COMPLIANCE = "compliance"
SYSTEM = Author("system")
_MAY_ASK = ("agent", "bot")  # notices of events, of programs and of the gateway itself never ask (invariant 3)
LONGEST_TEXT = 1600
SAME_MS = 300_000


@record
class Draft:
    """A message to be.

    text is rendered already. expires_at: ms. narrow: confirmations that
    suppression cannot swallow. reply: it answers what the customer just wrote.
    """

    text: str
    cls: MessageClass
    author: Author
    message_id: int | None = None
    event_id: int | None = None
    offer_id: int | None = None
    parent_id: int | None = None
    idempotency_key: str | None = None
    sender: str | None = None
    expires_at: int | None = None
    narrow: bool = False
    reply: bool = False


def render(
    turn: Turn,
    brand: Brand,
    key: str,
    fields: Mapping[str, object],
    *,
    conversation: Conversation | None = None,
    message_id: int | None = None,
    dialogue_id: int | None = None,
    ask: bool = True,
    offer: Mapping[str, object] | None = None,
) -> str:
    """A catalogue text in the customer's language. A `Link` among the fields becomes the URL of this conversation.

    ask: False where the text may not ask for a reply (another dialogue has the floor). Raises Refused when the
    text is missing or does not fit.
    """
    values = {
        **fields,
        "brand": brand.display_name,
        "help": brand.help_contact,
        "ask": ask,
        "offer": offer,
    }
    for name, value in fields.items():
        if type(value) is Link and conversation is not None and message_id is not None:
            token = turn.token()
            expires = turn.now + LINK_DAYS * 86_400_000
            conversations.add_link(turn.unit, (token, conversation.id, dialogue_id, message_id, expires))
            values[name] = f"{turn.playbook.public_url.rstrip('/')}/c/{token}"
    try:
        return turn.playbook.texts.render(key, turn.language(brand.name), values, timezone=turn.timezone(brand.name))
    except (MissingText, BadText) as error:
        raise Refused(str(error)) from error


def say(
    turn: Turn,
    conversation: Conversation,
    key: str,
    fields: Mapping[str, object],
    *,
    cls: MessageClass = MessageClass.conversational,
    author: Author = SYSTEM,
    narrow: bool = False,
    event_id: int | None = None,
    offer_id: int | None = None,
) -> Message:
    """Sends a catalogue text of the gateway itself in a conversation."""
    brand = turn.playbook.brands[conversation.brand]
    message_id = turn.ids()
    text = render(turn, brand, key, fields, conversation=conversation, message_id=message_id)
    draft = Draft(text, cls, author, message_id=message_id, narrow=narrow, event_id=event_id, offer_id=offer_id)
    return send(turn, conversation, brand, draft)


def send(turn: Turn, conversation: Conversation | None, brand: Brand, draft: Draft) -> Message:
    """Puts a message through all gates and queues it, holds it, or records why it is not sent.

    Raises:
        Refused: the text is empty or longer than a carrier takes.
    """
    playbook = turn.playbook
    # The address a customer wrote to may be none of ours, or a reload took it away.
    sender = playbook.sender_for(brand.name, draft.sender, conversation.sender if conversation else None)
    answering = conversation is not None and conversation.last_in is not None
    verdict = rules.weigh(turn, brand, draft.cls, answering=answering, narrow=draft.narrow, sender=sender)
    carrier = playbook.carrier_of(sender) if sender else None
    if carrier is None and not verdict.gate:
        reason = f"no carrier for sender {sender} in gateway.toml"
        verdict = rules.Verdict("channel", reason, None, Disposition.blocked)
    message = _message(turn, conversation, brand, draft, sender or "", carrier, verdict)
    messages.add(turn.unit, message)
    if not verdict.blocked:
        _queue(turn, message, verdict.until)
        if message.lane == Lane.reply and draft.author.kind != "agent" and not draft.narrow:
            _remember(turn, message.text)
        if playbook.senders[message.ours].shared_with and not draft.narrow:
            codes.wrote(turn, message.ours, brand.name, verdict.until or turn.now)
        if conversation is not None:
            turn.put(replace(turn.fresh(conversation), last_out=turn.now))
        if turn.offers and draft.author.kind in _MAY_ASK:
            offers.lose_floor(turn, brand.name, draft.author.kind, draft.offer_id)
        if draft.cls is MessageClass.promotional:
            turn.promotional = (*turn.promotional[-99:], turn.now)
    return message


def _remember(turn: Turn, text: str) -> None:
    """An answer goes out: is it the same as the last one?"""
    last = turn.said
    if last is not None and last[0] == text and turn.now - last[2] < SAME_MS:
        turn.said = (text, last[1] + 1, last[2])
    else:
        turn.said = (text, 1, turn.now)


def _message(
    turn: Turn,
    conversation: Conversation | None,
    brand: Brand,
    draft: Draft,
    sender: str,
    carrier: str | None,
    verdict: rules.Verdict,
) -> Message:
    text = draft.text.strip()
    encoding, parts = cost(turn.playbook, carrier or "", text)
    message_id = draft.message_id or turn.ids()
    ttl = turn.now + int(rules.of_class(turn.playbook.rules, draft.cls).ttl * 1000)
    return Message(
        id=message_id,
        channel="sms",
        direction=Direction.mt,
        key=turn.key,
        address_id=turn.customer.address_id,
        ours=sender,
        theirs=turn.address.value,
        brand=brand.name,
        text=text,
        cls=draft.cls,
        state=MessageState.final if verdict.blocked else MessageState.held if verdict.gate else MessageState.queued,
        disposition=verdict.disposition,
        author_kind=draft.author.kind,
        author_id=COMPLIANCE if draft.narrow else draft.author.id,
        conversation_id=conversation.id if conversation else None,
        event_id=draft.event_id,
        offer_id=draft.offer_id,
        parent_id=draft.parent_id,
        idempotency_key=draft.idempotency_key,
        carrier=carrier,
        encoding=encoding,
        parts=parts,
        # Two long texts to one phone must not share a reference while parts are on the way: ids only grow.
        reference=((message_id >> 20) + message_id) & 0xFFFF if parts > 1 else 0,
        expires_at=min(ttl, draft.expires_at) if draft.expires_at is not None else ttl,
        reason=verdict.reason or None,
        gates=verdict.trail(),
        lane=_lane(draft),
    )


def cost(playbook: Playbook, carrier: str, text: str) -> tuple[Encoding, int]:
    """How a text is written over a carrier, and in how many parts. Raises Refused when it is empty or too long."""
    if not text:
        raise Refused("a text is empty; nothing is sent")
    if len(text) > LONGEST_TEXT:
        raise Refused(f"a text is {len(text)} characters long, at most {LONGEST_TEXT} go; shorten it")
    alphabet = playbook.alphabets.get(carrier, "gsm7")
    encoding = encoding_of(text, alphabet)
    if len(text) <= 70:
        return encoding, 1
    try:
        return encoding, count(text, alphabet, playbook.long_messages.get(carrier, "udh16")).parts
    except TooLong as error:
        raise Refused(str(error)) from error


def _lane(draft: Draft) -> int:
    """Replies never wait behind bulk (performance anchor; rapidpro #639)."""
    if draft.narrow or draft.reply or draft.cls is MessageClass.conversational or draft.cls <= MessageClass.security:
        return Lane.reply
    return Lane.transactional if draft.cls is MessageClass.transactional else Lane.bulk


def _queue(turn: Turn, message: Message, until: int | None) -> None:
    """One item of work per part; delivery takes it when the carrier has room."""
    for part in range(1, message.parts + 1):
        turn.outgoing.append(
            send_item(message, part, turn.ids() if message.parts > 1 else message.id, until or turn.now)
        )


def send_item(message: Message, part: int, item_id: int, due: int, attempts: int = 0) -> Due:
    """The row of work that sends one part. attempts: tries before this one."""
    # A confirmation of STOP waits behind no other text of the customer, which may be held back by the carrier.
    key = f"{message.key}#{COMPLIANCE}" if message.author_id == COMPLIANCE else message.key
    return Due(
        item_id,
        f"send:{message.carrier}",
        key,
        "send",
        due,
        message.lane,
        attempts,
        message.id,
        None if part == 1 else str(part),
        hot=message,
    )
