"""What an agent can do to a conversation: one definition, of which forms, lines of chat and their help are made.

A verb says what it wants to know (`inputs`, asked when it is run, since choices depend on the conversation) and what it
does (`do`, a decision in the customer's own order, which answers with a sentence). Contract section 5.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from gateway.care import closing, consent, elsewhere, escalation, handing_back, offers, outbound, reserving, wrapping
from gateway.care.turn import NotOwner, Refused, Turn
from gateway.floor import inviting, offering, permits
from gateway.floor.beginnings import plain
from gateway.floor.colleagues import slow
from gateway.model.conversation import Conversation
from gateway.model.desk import Input, Show, Told
from gateway.model.message import Author, Message, MessageClass, MessageState
from gateway.settings import nearest
from gateway.settings.policy import Offer as Terms


class Whose(StrEnum):
    """Where a conversation is for an agent. wrapup: theirs, and closed for the customer. waits: in a queue that they
    answer. others: another agent has it, which concerns supervisors alone.
    """

    own = "own"
    wrapup = "wrapup"
    offered = "offered"
    waits = "waits"
    others = "others"


OWN = frozenset({Whose.own, Whose.wrapup})
ANY = frozenset(Whose)


@dataclass(frozen=True, slots=True)
class Scene:
    """An agent runs a verb on a conversation. values: what they filled in. show: how much a colleague is there.
    tags: of the customer's conversations, by conversation, for verbs that are `tagged`. key: where it is not run in
    the agent's own chat client, with which their words to the customer are kept, to be shown there. line: where it is
    a line of chat, with which they are kept, to be corrected. here: how an answer calls the chat with the customer.
    busy: how many conversations each agent has, for verbs that are `counted`.
    """

    turn: Turn
    conversation: Conversation
    agent: str
    values: Mapping[str, str]
    show: Callable[[str], Show] = lambda _: Show.unknown
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    key: str | None = None
    line: str | None = None
    here: str = "here"
    busy: Mapping[str, int] = field(default_factory=dict)

    def sent(self, message: Message) -> None:
        """A text in the agent's name goes out."""
        if self.key is not None:
            elsewhere.show_own(self.turn, message)


Inputs = Callable[[Scene], Sequence[Input]]
Do = Callable[[Scene], str]
Steps = Callable[[Scene, str | None], Told]
May = Callable[[Turn, Conversation, str], None]


@dataclass(frozen=True, slots=True)
class Verb:
    """name: as in `/name` and `careline#name`. usage: its arguments, as the help shows them. noticed: whoever has the
    conversation gets a notice of it: a line of chat is answered with more than the first line alone. steps: in place of
    `inputs` and `do`, where more is asked than once: takes the next step; it is given the rest of a line, None = a
    form. tagged, counted: it must know the tags, or how many conversations each agent has. help: what the help says of
    it, "" = its title. told_with: another one, with which the help tells of it. supervisors: it is for them alone.
    sends: something to the customer. on: which conversations it is for, and may be picked where it is run on the desk;
    whether it can be done there is for `do` to say. may: raises where this agent may not do it, before anything is
    asked (`gateway.floor.permits`).
    """

    name: str
    title: str
    usage: str
    do: Do = lambda _: ""
    inputs: Inputs = lambda _: ()
    noticed: bool = False
    steps: Steps | None = None
    tagged: bool = False
    counted: bool = False
    help: str = ""
    told_with: str = ""
    supervisors: bool = False
    sends: bool = False
    on: frozenset[Whose] = OWN
    may: May = permits.anybody


def show_sent(turn: Turn, conversation: Conversation, agent: str, text: str) -> None:
    """What a form sent the customer stands in the agent's chat too: no client shows there what came of a form."""
    turn.to_agent("notice", agent, conversation.id, text)


def _wants_whom(scene: Scene) -> Sequence[Input]:
    """A supervisor who takes a conversation from an agent names them: it may have waited when they made up their mind,
    or when their button was made.
    """
    has, known = holder(scene.conversation, scene.agent), scene.turn.playbook.agent(scene.agent)
    if has is None or known is None or known.role != "supervisor":
        return ()
    name = escalation.name_of(scene.turn.playbook, has)
    return (Input("from", "Take it from", True, ((name, f"{name} has this conversation now"),)),)


def holder(conversation: Conversation, agent: str) -> str | None:
    """Another agent who has the conversation, and is not just wrapping it up."""
    has = conversation.agent if conversation.open and conversation.state != "wrapup" else None
    return has if has != agent else None


def take(scene: Scene) -> str:
    """Claims what waits. A supervisor may take it from another agent, whom they name."""
    has, named = holder(scene.conversation, scene.agent), scene.values.get("from", "")
    if has is not None and named:
        meant = scene.turn.playbook.agent(named)
        if meant is None or meant.jid != has:
            its = scene.conversation
            raise NotOwner(escalation.taken(scene.turn.playbook, its, scene.agent), escalation.who_has(its))
    escalation.claim(scene.turn, scene.conversation, scene.agent)
    whose = f"taken from {escalation.name_of(scene.turn.playbook, has)}" if has is not None else ""
    return f"{whose or 'you have this conversation'}: what you write {scene.here} goes to {_to_whom(scene)}"


def _to_whom(scene: Scene) -> str:
    """The customer; in whose name, where there are several."""
    brands = scene.turn.playbook.brands
    shown = brands[scene.conversation.brand].display_name
    return "the customer" if len(brands) == 1 else f"the customer in the name of {shown}"


def decline(scene: Scene) -> str:
    """Passes a reservation on."""
    if reserving.reservation_of(scene.conversation).agent != scene.agent:
        raise Refused("this conversation is not offered to you now")
    reserving.pass_on(scene.turn, scene.conversation)
    return "passed on to the next agent"


def say(turn: Turn, conversation: Conversation, agent: str, text: str, key: str | None) -> str:
    """The agent's words to the customer; answering what waits claims it. Why nothing goes out, "" when it does."""
    if conversation.open and conversation.state == "queued":
        conversation = escalation.claim(turn, conversation, agent)
    message = escalation.agent_says(turn, conversation, agent, text, idempotency_key=key)
    return f"not sent: {message.reason}" if message.disposition is not None else ""


def _wants_offer(scene: Scene) -> Sequence[Input]:
    eligible = [
        (terms.name, f"{terms.title}, {terms.price} {terms.currency}")
        for terms in offering.eligible(scene.turn, scene.conversation)
    ]
    return (Input("name", "Offer", True, tuple(eligible) or (("", "no offer can be made just now"),)),)


def offer(scene: Scene) -> str:
    """Makes an offer to the customer, in one text; their YES or NO answers it."""
    terms = offering.wanted(scene.turn, scene.conversation, scene.agent, scene.values["name"])
    return f"offered: {_make(scene, terms)}"


def _make(scene: Scene, terms: Terms) -> str:
    turn, conversation, agent = scene.turn, scene.conversation, scene.agent
    brand = turn.playbook.brands[conversation.brand]
    message_id = turn.ids()
    words = outbound.render(
        turn, brand, "system.agent_offer", offers.fields(terms), conversation=conversation, message_id=message_id
    )
    made = offers.make(turn, conversation, terms, made_by=f"agent:{agent}", words=words, message_id=message_id)
    cls = MessageClass.promotional if terms.promotional else MessageClass.conversational
    draft = outbound.Draft(
        words,
        cls,
        Author("agent", agent),
        message_id=message_id,
        offer_id=made.id,
        idempotency_key=scene.key,
        reply=True,
    )
    message = outbound.send(turn, conversation, brand, draft)
    if message.disposition is not None:
        raise Refused(f"not offered: {message.reason}")
    scene.sent(message)
    escalation.wait_for_customer(turn, conversation)
    turn.note(conversation, "offer", agent, f"offered {terms.name}")
    if not made.asked:
        words += (
            "\nanother offer went out just before: a bare YES means neither, and .offer NAME asks for one once more"
        )
    return f"{words} ({message.reason})" if message.state is MessageState.held else words


def _wants_disposition(scene: Scene) -> Sequence[Input]:
    known = closing.dispositions(scene.turn, scene.conversation)
    return (
        Input("disposition", "How it ended", True, tuple((name, name.replace("_", " ")) for name in known)),
        Input("note", "Note for the desk", lines=True),
    )


def close(scene: Scene) -> str:
    """Ends the conversation with its outcome."""
    name = scene.values["disposition"]
    known = closing.dispositions(scene.turn, scene.conversation)
    if name not in known:
        hint = nearest(name, known) or f"; there are {', '.join(known)}"
        raise Refused(f"no outcome {name[:40]!r}{hint}", "disposition")
    escalation.close_by_agent(scene.turn, scene.conversation, scene.agent, name, scene.values.get("note", ""))
    return f"closed: {name}"


def _wants_where(scene: Scene) -> Sequence[Input]:
    book = scene.turn.playbook
    queues = [
        (queue.name, f"queue {queue.name}") for queue in book.queues.values() if queue.brand == scene.conversation.brand
    ]
    agents = [(str(one.jid), one.name) for one in book.agents if one.jid != scene.agent]
    return (Input("to", "To", True, (*queues, *agents)), Input("reason", "Reason"))


def to(scene: Scene) -> str:
    """Transfers to a queue or another agent."""
    whom = scene.values["to"]
    known = scene.turn.playbook.agent(whom) if scene.turn.playbook.queue(whom) is None else None
    if known is not None and scene.show(known.jid) is Show.offline:
        raise Refused(f"{known.name} is not there now; .to a queue, or to a colleague who is", "to")
    escalation.transfer(scene.turn, scene.conversation, whom, scene.values.get("reason", ""), scene.agent)
    said = f"transferred to {known.name if known is not None else scene.turn.playbook.queue(whom) or whom}"
    return said + (slow(known, scene.show(known.jid), scene.busy.get(known.jid, 0)) if known is not None else "")


def bot(scene: Scene) -> str:
    """Hands back to the handler that escalated, which is told how it went; where none goes on, it closes as .close."""
    disposition, note = scene.values.get("disposition", ""), scene.values.get("note", "")
    known = closing.dispositions(scene.turn, scene.conversation)
    if disposition and disposition not in known:
        hint = nearest(disposition, known) or f"; there are {', '.join(known)}"
        raise Refused(f"no outcome {disposition[:40]!r}{hint}; a note is .note TEXT", "disposition")
    resumed = handing_back.resumes(scene.turn, scene.conversation)
    if note:
        scene.turn.note(scene.conversation, "note", scene.agent, note)
    ended = handing_back.hand_back(scene.turn, scene.conversation, scene.agent, disposition)
    if resumed and not ended.open:
        # A handler that only closes: nobody has answered the customer yet.
        permits.end(scene.turn, scene.conversation, scene.agent)
    if resumed and ended.open:
        return "handed back to the bot" + (f": {disposition}" if disposition else "")
    why = "the bot had the last word" if resumed else "no handler goes on with it"
    return f"closed: {ended.disposition}; {why}"


def _wants_outcome(scene: Scene) -> Sequence[Input]:
    known = closing.dispositions(scene.turn, scene.conversation)
    its, choices = scene.conversation, tuple((name, name.replace("_", " ")) for name in known)
    ends = its.open and its.state != "wrapup" and not handing_back.resumes(scene.turn, its)
    if ends and closing.refused(scene.turn, its, "") is not None:
        how = Input("disposition", "How it ended: no handler goes on with it", choices=choices)
    else:
        how = Input("disposition", "How it went", choices=(("", "nothing to tell"), *choices))
    return (how, Input("note", "Note for the desk", lines=True))


def done(scene: Scene) -> str:
    """Ends the wrap-up: the agent's place is free."""
    if scene.conversation.state != "wrapup":
        raise Refused("you are not wrapping up; .close OUTCOME closes")
    escalation.owned(scene.turn.playbook, scene.conversation, scene.agent)
    wrapping.end(scene.turn, scene.conversation)
    return "done: you may be asked for the next one"


def _wants_words(_: Scene) -> Sequence[Input]:
    return (Input("words", "What the customer said", lines=True),)


def optout(scene: Scene) -> str:
    """Records that the customer asked for no more texts, by whatever words (47 CFR 64.1200 (a)(10))."""
    brand = scene.turn.playbook.brands[scene.conversation.brand]
    evidence = scene.values.get("words") or "asked an agent"
    consent.stop(scene.turn, (brand,), None, method="agent", actor=scene.agent, evidence=evidence)
    whose = f" from {brand.display_name}" if len(scene.turn.playbook.brands) > 1 else ""
    return f"recorded: the customer is unsubscribed{whose}, and told so once"


def _wants_note(_: Scene) -> Sequence[Input]:
    return (Input("text", "Note", True, lines=True),)


def note(scene: Scene) -> str:
    """A line that never leaves the desk."""
    text = scene.values["text"].strip()
    if not plain(text).strip():
        raise Refused("the note is empty", "text")
    scene.turn.note(scene.conversation, "note", scene.agent, text)
    return "noted"


def may_read(turn: Turn, conversation: Conversation, agent: str) -> None:
    """A customer's words reach only the owner, those who may take the conversation, and supervisors (invariant 10); of
    a closed one who had it last.

    Raises NotOwner, Refused.
    """
    known = turn.playbook.agent(agent)
    if not turn.playbook.agents or (known is not None and known.role == "supervisor"):
        return
    last = None if conversation.open else conversation.last_agent
    if agent in (conversation.agent, last, reserving.reservation_of(conversation).agent):
        return
    if known is None or conversation.state != "queued" or not turn.playbook.answers(known, conversation.queue):
        book = turn.playbook
        said = escalation.taken(book, conversation, agent) + escalation.ask_them(book, conversation, agent)
        raise NotOwner(said, escalation.who_has(conversation))


def _wants_guest(scene: Scene) -> Sequence[Input]:
    known = inviting.guests(scene.turn, scene.conversation, scene.agent, scene.show)
    return (Input("who", "Whom", True, tuple(known) or (("", "there is nobody who could be asked"),)),)


def invite(scene: Scene) -> str:
    """A chat room with a colleague, and the customer's contact."""
    return inviting.invite(scene.turn, scene.conversation, scene.agent, scene.values["who"], scene.show)


def monitor(scene: Scene) -> str:
    """A chat room in which a supervisor reads along."""
    return inviting.monitor(scene.turn, scene.conversation, scene.agent)


_CLAIMED = frozenset({Whose.offered, Whose.waits, Whose.others})
_ENDED = OWN | {Whose.others}
_WRAPS = frozenset({Whose.wrapup})
_SAID = "[what they said]"
_Ends = partial(Verb, noticed=True)

VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("take", "Take the conversation", "", take, _wants_whom, on=_CLAIMED),
        Verb("decline", "Pass it on", "", decline, on=frozenset({Whose.offered})),
        Verb("offer", "Make an offer", "NAME", offer, _wants_offer, sends=True, may=permits.own),
        _Ends(
            "to", "Transfer", "QUEUE or AGENT [reason]", to, _wants_where, counted=True, on=ANY, may=permits.transfer
        ),
        _Ends("bot", "Hand back to the bot", "[OUTCOME [note]]", bot, _wants_outcome, on=ANY, may=permits.hand_back),
        _Ends("close", "Close", "OUTCOME [note]", close, _wants_disposition, on=_ENDED, may=permits.close),
        Verb("done", "End the time to wrap up", "", done, help="End the time to wrap up, after .close", on=_WRAPS),
        Verb("optout", "The customer wants no more texts", _SAID, optout, _wants_words, on=ANY, may=permits.opt_out),
        Verb("invite", "Talk in a room with a colleague", "NAME", invite, _wants_guest, may=inviting.may_invite),
        Verb("monitor", "Listen, as a supervisor", "", monitor, supervisors=True, on=frozenset({Whose.others})),
        Verb(
            "note",
            "Internal note",
            "TEXT",
            note,
            _wants_note,
            help="Note that never leaves the desk; so does // TEXT",
            on=ANY,
            may=may_read,
        ),
    )
}
