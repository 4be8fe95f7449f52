"""Several brands on one address: which of them a customer's text is for (anchor: hard moment 9; decision 26).

The brand's word -> who has an open question or conversation there, one only -> who wrote last -> the customer is asked,
once. A brand that they stopped is reached by its word alone.
"""

from collections.abc import Mapping, Sequence

from gateway.care import codes, late_replies, offers, outbound, queueing, ratings, reserving
from gateway.care.codes import Question
from gateway.care.playbook import Playbook, yes_or_no
from gateway.care.turn import Turn
from gateway.model.brand import Brand, Sender
from gateway.model.conversation import ConversationState, OwnerKind
from gateway.model.message import Message, MessageClass
from gateway.model.rows import record, replace
from gateway.model.words import Compliance, choose, is_automatic, normalise
from gateway.store import messages

WHICH = "which_brand"
_MOST_WORDS = 12
_HELD = "which brand is meant is asked; it waits for the answer"


@record
class Meant:
    """What a text to a shared address means. brands: whom it is for; none where nobody can tell. text: what is left of
    it once the brand's word is taken off. word: STOP, HELP or START. answers: it says which brand was meant before.
    """

    brands: tuple[str, ...]
    text: str
    word: Compliance | None = None
    answers: bool = False


def meant(turn: Turn, sender: Sender, text: str) -> Meant:
    """Which brand a text is for, and what it says to them."""
    book, names = turn.playbook, _names(turn.playbook, sender)
    word = book.compliance(text)
    if word is not None:
        return Meant(sender.brands, text, word)
    said, rest = _without(text, names)
    word = book.compliance(rest) if said else None
    if word is not None:
        return Meant(said, text, word)
    question = codes.read(turn, sender.address).question
    answer = _answer(turn, question, names, text) if question is not None else None
    if answer is not None:
        return Meant((answer,), "", answers=True)
    first = _first(text, names)
    if first is not None:
        return Meant((first[0],), first[1] or text, answers=question is not None)
    brand = _of_keyword(turn, sender, text) or implied(turn, sender, text)
    return Meant((brand,) if brand is not None else (), text)


def speaker(turn: Turn, sender: Sender, its: Meant) -> Brand:
    """The brand whose text it is: of several the one that they talk with; of none the first that may answer."""
    talking = (name for name in its.brands if turn.conversation(name) is not None)
    return turn.playbook.brands[next(talking, None) or (its.brands or able(turn, sender))[0]]


def spoken(turn: Turn, message: Message) -> Message:
    """The text as its brand reads it: without the brand's word before it."""
    sender = turn.playbook.senders.get(message.ours)
    first = _first(message.text, _names(turn.playbook, sender)) if sender is not None and sender.shared_with else None
    if first is None or first[0] != message.brand or not first[1]:
        return message
    return replace(message, text=first[1])


def able(turn: Turn, sender: Sender) -> tuple[str, ...]:
    """The brands of an address that may write to the customer; all, where they stopped all."""
    return tuple(name for name in sender.brands if not turn.revoked(name)) or sender.brands


def implied(turn: Turn, sender: Sender, text: str) -> str | None:
    """The brand of a text that names none; None where nobody can tell."""
    names = able(turn, sender)
    if len(names) == 1 or turn.revoked(names[0]):
        return names[0]
    talking = [name for name in names if _talks(turn, name, sender.address) or _rates(turn, name, text)]
    last = codes.read(turn, sender.address).last(turn.now)
    if len(talking) == 1:
        # A YES after another brand's text may answer that: it buys nothing unasked.
        return talking[0] if last in (None, talking[0]) or not _buys(turn, talking[0], text) else None
    asked = [name for name in names if late_replies.awaited(turn, name, text)]
    if len(asked) == 1 and (last in (None, asked[0]) or yes_or_no(text, turn.language(asked[0])) is None):
        return asked[0]
    if last in names:
        return last
    # Before the address was shared nobody noted it: what is known of their conversations has to do.
    wrote = [
        (its.last_out, its.brand)
        for its in turn.conversations.values()
        if its.last_out is not None and its.brand in names and its.sender == sender.address
    ]
    if wrote:
        return max(wrote)[1]
    return names[0] if is_automatic(text) else None  # a phone is asked nothing


def _talks(turn: Turn, brand: str, address: str) -> bool:
    its = turn.conversation(brand)
    return its is not None and its.sender == address and its.state is not ConversationState.wrapup


def _buys(turn: Turn, brand: str, text: str) -> bool:
    """Whether it is YES or NO where the brand has an offer open."""
    if not any(offer.brand == brand and offers.usable(turn, offer) for offer in turn.offers.values()):
        return False
    return yes_or_no(text, turn.language(brand)) is not None


def _rates(turn: Turn, brand: str, text: str) -> bool:
    """Whether it may be the answer to how it went."""
    survey = turn.known.survey if turn.known is not None else None
    return survey is not None and ratings.may_answer(turn, brand, text, survey)


def _of_keyword(turn: Turn, sender: Sender, text: str) -> str | None:
    """The one brand that has the text as a keyword of its own, unless a step of another waits for this word."""
    owners = []
    for name in able(turn, sender):
        found = turn.playbook.keyword(text, name, sender.address, turn.language(name))
        if found is not None and found.brand == name:
            owners.append(name)
    if len(owners) != 1 or any(_waits_for(turn, name, text) for name in sender.brands if name != owners[0]):
        return None
    return owners[0]


def _waits_for(turn: Turn, brand: str, text: str) -> bool:
    conversation = turn.conversation(brand)
    floor = turn.floor(conversation) if conversation is not None else None
    handler = turn.playbook.handlers.get(floor.handler) if floor is not None else None
    if floor is None or handler is None:
        return False
    return handler.match(floor.step, text, turn.language(brand)) is not None


# -- the question


def hold(turn: Turn, sender: Sender, message: Message) -> None:
    """A text of which nobody can tell the brand: the customer is asked, once. What they write instead of an answer
    waits as well, until they were misunderstood so often that a person looks at it.
    """
    code = codes.read(turn, sender.address)
    question, rules = code.question, turn.playbook.rules.conversations
    if question is not None and len(question.held) >= rules.misses:
        _to_person(turn, sender.address, code, message)
        return
    messages.add_event(turn.unit, turn.ids(), message.id, "gate", code="brand", reason=_HELD)
    if question is not None:
        codes.put(
            turn,
            sender.address,
            replace(code, question=replace(question, held=(*question.held, (message.id, message.text)))),
        )
        return
    choices = able(turn, sender)
    _ask(turn, sender.address, message, choices)
    turn.timer(WHICH, turn.now + int(rules.which_brand * 1000), message.id, sender.address)
    # Not as it is now: that the question went out says nothing about who wrote last.
    codes.put(turn, sender.address, replace(code, question=Question(turn.now, choices, ((message.id, message.text),))))


def _ask(turn: Turn, address: str, message: Message, choices: Sequence[str]) -> None:
    brand = turn.playbook.brands[message.brand]
    told = ", ".join(f"{at} {turn.playbook.brands[name].display_name}" for at, name in enumerate(choices, 1))
    words = outbound.render(turn, brand, "system.which_brand", {"choices": told})
    draft = outbound.Draft(words, MessageClass.conversational, outbound.SYSTEM, sender=address, reply=True)
    outbound.send(turn, None, brand, draft)


def answered(turn: Turn, sender: Sender, message: Message) -> tuple[tuple[int, str], ...]:
    """The customer says which brand; the texts that waited for it. What they write next is for it, too."""
    code = codes.read(turn, sender.address)
    codes.put(turn, sender.address, codes.Code({**code.wrote, message.brand: turn.now}))
    return code.question.held if code.question is not None else ()


def forget_if_stopped(turn: Turn, sender: Sender) -> None:
    """Nothing is asked any more of who said STOP to all."""
    code = codes.read(turn, sender.address)
    if code.question is not None and all(turn.revoked(name) for name in sender.brands):
        codes.put(turn, sender.address, replace(code, question=None))


def which_due(turn: Turn, first: int, address: str) -> None:
    """Nobody has said which brand: a person sees what was written. first: the text that was asked about."""
    code = codes.read(turn, address)
    if code.question is not None and code.question.held[0][0] == first:
        _to_person(turn, address, code, None)


def _to_person(turn: Turn, address: str, code: codes.Code, message: Message | None) -> None:
    """The texts that were held go where the customer talks by now, else to a person of the first brand. message: what
    was written last, which is not kept yet.
    """
    question = code.question
    assert question is not None
    codes.put(turn, address, replace(code, question=None))
    book = turn.playbook
    sender = book.senders.get(address)
    now = implied(turn, sender, "") if sender is not None else None
    name = next((one for one in (now, *question.choices) if one in book.brands), None) or next(iter(book.brands))
    if turn.revoked(name):
        return
    conversation = turn.put(replace(turn.opened(book.brands[name], address), last_in=turn.now))
    held = [an_id for an_id, _ in question.held]
    for an_id in held:
        messages.give(turn.unit, an_id, name, conversation.id)
    if conversation.owner_kind is not OwnerKind.bot:
        for agent in reserving.concerned(conversation):
            for an_id in (*held, message.id) if message is not None else held:
                turn.to_agent("relay", agent, an_id)
    elif turn.floor(conversation) is None:
        queueing.to_queue(turn, conversation, None, "the customer did not say which brand they mean")


def _answer(turn: Turn, question: Question, names: Mapping[str, str], text: str) -> str | None:
    """The brand that an answer names, by number or word, and nothing else."""
    numbers = {str(at): name for at, name in enumerate(question.choices, 1)}
    said, rest = _without(text, names)
    if len(said) == 1 and (not rest or numbers.get(rest) == said[0]):
        return said[0]
    word = choose(text, (*numbers, *names), turn.language(question.choices[0]))
    return (numbers.get(word) or names.get(word)) if word is not None else None


# -- the words of brands

_latest: list[tuple[Mapping[str, Brand], dict[tuple[str, ...], dict[str, str]]]] = []


def _names(book: Playbook, sender: Sender) -> Mapping[str, str]:
    """What means a brand of an address: its name, its display name, its keywords, normalised; the last playbook's are
    kept, since a gateway has one.
    """
    if not _latest or _latest[0][0] is not book.brands:
        _latest[:] = [(book.brands, {})]
    known, names = _latest[0][1], sender.brands
    if names not in known:
        brands = [book.brands[name] for name in names]
        known[names] = {
            normalise(word): brand.name
            for brand in brands
            for word in (brand.name, brand.display_name, *brand.keywords)
        }
    return known[names]


def _first(text: str, names: Mapping[str, str]) -> tuple[str, str] | None:
    """The brand whose word a text begins with, and what follows; the longest word counts."""
    pieces = text.split()
    for size in range(min(len(pieces), _MOST_WORDS), 0, -1):
        brand = names.get(normalise(" ".join(pieces[:size])))
        if brand is not None:
            rest = text.split(None, size)[size:]
            return brand, rest[0] if rest else ""
    return None


def _without(text: str, names: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """The brands that a short text names anywhere, and its other words: "stop Acme please"."""
    tokens = normalise(text).split()
    if not 0 < len(tokens) <= _MOST_WORDS:
        return (), ""
    brands: dict[str, None] = {}
    rest: list[str] = []
    at = 0
    while at < len(tokens):
        for size in range(len(tokens) - at, 0, -1):
            brand = names.get(" ".join(tokens[at : at + size]))
            if brand is not None:
                brands[brand] = None
                at += size
                break
        else:
            rest.append(tokens[at])
            at += 1
    return tuple(brands), " ".join(rest)
