"""YES or NO to an offer that no step waits on: whose answer it is, and what comes of it.

A bare YES means the offer only while that has the floor (`Offer.asked`): nobody of ours has said anything after it that
may be a question. Whatever else it may mean buys and declines nothing, and the agent hears why.
"""

from gateway.care import closing, offers, outbound, reserving
from gateway.care.playbook import yes_or_no
from gateway.care.turn import Turn
from gateway.model.conversation import Conversation
from gateway.model.message import Message
from gateway.model.offer import Offer, OfferState

_EXPIRED = (OfferState.expired, OfferState.open)
"""The latter where the timer has not come yet."""


def answered(turn: Turn, brand: str, message: Message) -> tuple[Offer, str] | None:
    """The agent's offer that this text answers, with YES or NO."""
    answer = yes_or_no(message.text, turn.language(brand)) if turn.offers else None
    offer = offers.of_agent(turn, brand) if answer is not None else None
    return (offer, answer) if offer is not None and answer is not None else None


def settle(turn: Turn, conversation: Conversation, message: Message, offer: Offer, answer: str) -> Offer:
    """Buys it or declines it, whoever has the conversation, also when it is closed; both sides hear of it."""
    if answer == "NO":
        ended = closing.end_offer(turn, offer, OfferState.declined)
        _note(turn, conversation, offer, f"declined {offer.name}")
        return ended
    bought = offers.accept(turn, offer, via="sms", by="customer", words=message.text, dialogue=None)
    _note(turn, conversation, offer, f"accepted {offer.name}")
    if bought.state is OfferState.fulfilled:
        outbound.say(turn, conversation, "system.offer_fulfilled", {"title": offer.title})
    return bought


def _note(turn: Turn, conversation: Conversation, offer: Offer, said: str) -> None:
    turn.note(conversation, "offer", "customer", said)
    offers.tell_maker(turn, conversation, offer, said)


def in_doubt(turn: Turn, conversation: Conversation, message: Message) -> None:
    """A YES or NO that settles no offer, though one is open or has just expired: whoever has the conversation, or is
    asked to take it, hears why; the card tells the next.
    """
    answer = yes_or_no(message.text, turn.language(conversation.brand)) if turn.offers else None
    why = _why(turn, conversation.brand, answer) if answer is not None else ""
    if not why:
        return
    turn.note(conversation, "offer", "system", why)
    asked = reserving.reservation_of(turn.fresh(conversation)).agent
    if asked is not None:
        turn.to_agent("notice", asked, conversation.id, why)


def _why(turn: Turn, brand: str, answer: str) -> str:
    """Why it settles nothing; "" where nobody can have meant an offer."""
    does = "buys" if answer == "YES" else "declines"
    made = offers.still_open(turn, brand)
    if not made:
        ended = offers.just_ended(turn, brand)
        if ended is None or not ended.asked or answer != "YES" or ended.state not in _EXPIRED:
            return ""
        return f"the offer {ended.name} has expired: their YES buys nothing; .offer {ended.name} makes it anew"
    shown = [offer for offer in made if offers.seen(turn, offer)]
    if not shown:
        names = " and ".join(offer.name for offer in made)
        return f"they have not had the text of the offer {names}: their {answer} {does} nothing"
    if len(shown) > 1:
        names = " or ".join(offer.name for offer in shown)
        return f"their {answer} may mean {names}: it {does} none; .offer NAME asks for one once more"
    [one] = shown
    if one.asked:  # an agent's would be settled
        why = f"the bot made the offer {one.name}, and agents have the conversation: their {answer} {does} nothing"
    else:
        why = f"their {answer} may mean what was written after the offer {one.name}: it {does} nothing"
    return f"{why}; .offer {one.name} asks once more"


def second_yes(turn: Turn, brand: str, message: Message) -> bool:
    """Whether it is another YES to what is bought already: nothing to buy, nothing to answer; it is kept and shown."""
    if yes_or_no(message.text, turn.language(brand)) != "YES":
        return False
    ended = offers.just_ended(turn, brand)
    return ended is not None and ended.asked and ended.state in (OfferState.fulfilling, OfferState.fulfilled)
