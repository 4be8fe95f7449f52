"""`/start [BRAND] TEXT`: an agent writes first, from the customer's contact or from the desk, as a line or as a form.

Words to a contact without an open conversation do the same.
"""

from gateway.care import escalation, starting
from gateway.care.engine import Engine
from gateway.care.refusals import WhichBrand
from gateway.care.turn import Refused, Turn
from gateway.floor.forms import asked_again, missing
from gateway.floor.lines import unfit
from gateway.floor.meaning import meant
from gateway.floor.repertoire import VERBS
from gateway.model.address import BadAddress, parse_address
from gateway.model.conversation import Conversation
from gateway.model.desk import Asked, Form, Input, Said, Told, key_of, line_key
from gateway.model.message import Message
from gateway.store import stanzas
from gateway.store.database import Store
from gateway.store.units import Rejected
from gateway.store.views import message_of_key

START = "start"
TITLE = "Write first to a number"
_NUMBER, _BRAND, _TEXT = "number", "brand", "text"


def open_with(turn: Turn, agent: str, brand: str) -> Conversation | None:
    """The conversation that words to a customer are for; None where there is none that is open.

    Raises WhichBrand; Refused: there is no such brand, or a colleague's was closed just now.
    """
    try:
        found = meant(turn, agent, brand=brand)
    except WhichBrand:
        raise
    except Refused as error:
        if error.field:
            raise
        return None
    if not found.open and found.last_agent not in (None, agent):
        # They wrote to a conversation that a colleague had and has closed: a new one is not what they meant.
        raise Refused(f"not sent: {escalation.taken(turn.playbook, found, agent)}; .start TEXT opens one now")
    return found if found.open else None


class Starter:
    """Raises Failure where nothing is on disk."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store, self._engine = store, engine

    async def line(self, said: Said, brand: str, rest: str) -> Told:
        """`/start [BRAND] TEXT` in the chat with a customer; `/start NUMBER [BRAND] TEXT` in that with the desk. The
        same stanza starts once.
        """
        customer, words, key = said.customer, rest.strip(), None
        if said.id and customer:
            key = key_of(said.agent, customer, said.id)  # a receipt ticks this very bubble
        elif said.id:
            key = line_key(stanzas.key_of(said.agent, "", said.id))
        try:
            if not customer and words:
                number, _, words = words.partition(" ")
                customer = _number(number)
            brand, words = self._parted(said.agent, brand, words.strip())
            if not words:
                to = "" if said.customer else "NUMBER "
                several = len(starting.brands_of(self._engine.playbook, said.agent)) > 1
                raise Refused(f"say .start {to}{'[BRAND] ' if several else ''}TEXT")
            return await self._start(said.agent, customer, brand, words, key, card=not said.customer)
        except Refused as error:
            return Told(str(error), refused=True)

    async def form(self, asked: Asked) -> Told:
        """The form, or what comes of it."""
        given = {name: (asked.values or {}).get(name, "").strip() for name in (_NUMBER, _BRAND, _TEXT)}
        inputs = self._inputs(asked, given)
        if missing(inputs, given):
            return asked_again(Form(TITLE, inputs=inputs), given if asked.values is not None else None)
        try:
            customer = asked.customer or _number(given[_NUMBER])
            return await self._start(asked.agent, customer, given[_BRAND], given[_TEXT], None, card=True)
        except Refused as error:
            if error.field == _NUMBER:
                return Told(str(error), Form(TITLE, inputs=inputs), refused=True)
            return Told(str(error), refused=True)

    def _inputs(self, asked: Asked, given: dict[str, str]) -> tuple[Input, ...]:
        book = self._engine.playbook
        brands = [(name, book.brands[name].display_name) for name in starting.brands_of(book, asked.agent)]
        inputs = [Input(_TEXT, "Text", True, value=given[_TEXT], lines=True)]
        if len(brands) > 1:
            inputs.insert(0, Input(_BRAND, "Brand", True, tuple(brands), given[_BRAND]))
        if not asked.customer:
            inputs.insert(0, Input(_NUMBER, "Number", True, value=given[_NUMBER]))
        return tuple(inputs)

    def _parted(self, agent: str, brand: str, words: str) -> tuple[str, str]:
        """The brand that a line begins with, and what is to be said."""
        first, _, rest = words.partition(" ")
        if not brand and first in starting.brands_of(self._engine.playbook, agent):
            return first, rest.strip()
        return brand, words

    async def _start(self, agent: str, customer: str, brand: str, words: str, key: str | None, *, card: bool) -> Told:
        if why := unfit(words, (*VERBS, START)):
            raise Refused(f"not sent: {why}", _TEXT)

        def decide(turn: Turn) -> Message:
            return starting.start(turn, agent, words, brand, key=key, card=card)

        known = await self._store.read(message_of_key, key) if key is not None else None
        if known is None:
            try:
                made = await self._engine.ask(f"tel:{customer}", decide)
            except Rejected:
                made = await self._store.read(message_of_key, key or "")
                if made is None:
                    raise
            assert isinstance(made, Message)
            known = made
        later = f" ({known.reason})" if known.reason else ""
        return Told(f"sent to {known.theirs}: {known.text}{later}")


def _number(text: str) -> str:
    """A phone number as an agent writes it. Raises Refused."""
    plain = "".join(char for char in text.strip() if char not in " ()-./\u00a0")
    try:
        address = parse_address(plain)
    except BadAddress:
        address = None
    if address is None or address.kind != "tel":
        raise Refused("not sent: a number is + and 7 to 15 digits, such as +15551234567", _NUMBER)
    return address.value
