"""What a customer has heard and was asked on each address that several brands share: which brand wrote last, and the
open question which one is meant (decision 26). A column of the customer, so that a decision has it at hand.
"""

import orjson

from gateway.care.turn import Turn
from gateway.model.rows import record, replace
from gateway.store import customers


@record
class Question:
    """The customer was asked which brand a text is for. at: ms. choices: brands, in the order of their numbers. held:
    the texts that wait for the answer, with their ids, oldest first.
    """

    at: int
    choices: tuple[str, ...]
    held: tuple[tuple[int, str], ...]


@record
class Code:
    """A shared address as one customer knows it. wrote: since when (ms) a brand is the one that wrote last, or that
    they named when they were asked; of a text that is held back, when it may go.
    """

    wrote: dict[str, int]
    question: Question | None = None

    def last(self, at: int) -> str | None:
        """Which brand wrote last, at a time (ms)."""
        known = [(when, brand) for brand, when in self.wrote.items() if when <= at]
        return max(known)[1] if known else None


def read(turn: Turn, address: str) -> Code:
    """What the customer knows of an address; nothing where they never met."""
    text = turn.known.shared if turn.known is not None else None
    found = orjson.loads(text).get(address) if text is not None else None
    if found is None:
        return Code({})
    wrote, asked = found
    return Code(
        wrote,
        Question(asked[0], tuple(asked[1]), tuple((an_id, text) for an_id, text in asked[2]))
        if asked is not None
        else None,
    )


def put(turn: Turn, address: str, code: Code) -> None:
    """Keeps it."""
    customer, its = turn.customer, code.question
    every = orjson.loads(customer.shared) if customer.shared is not None else {}
    every[address] = [code.wrote, [its.at, list(its.choices), list(its.held)] if its is not None else None]
    text = orjson.dumps(every).decode()
    turn.know(replace(customer, shared=text))
    customers.set_shared(turn.unit, customer.id, text)


def wrote(turn: Turn, address: str, brand: str, at: int) -> None:
    """A text of a brand goes out at a time (ms). Mostly it is the brand that wrote last, and nothing is written."""
    code = read(turn, address)
    if code.last(at) != brand:
        put(turn, address, replace(code, wrote={**code.wrote, brand: at}))
