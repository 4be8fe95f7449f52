"""Whose a receipt of an unknown id is: evidence that settles a submit whose answer was lost.

A receipt proves that the carrier took the text. It names its text by our reference, which some carriers repeat
(user_message_reference, SMPP v3.4 5.3.2.17), or by sender, phone and the first characters of the text (appendix B).
Evidence that fits two tries is none: the receipt waits, as one of another system does.
"""

import re
from collections.abc import Sequence

from gateway.model.channel import Receipt
from gateway.model.message import Outcome
from gateway.store.evidence import Owner

RECENT_MS = 600_000  # a submit that is longer ago is not named by its phone and text
REFERENCE_MS = 6 * 3_600_000  # our reference has 16 bits: later it may be another text's
REASONS = {
    True: "the carrier's answer was lost; its receipt repeats our reference, so it has the text",
    False: "the carrier's answer was lost; its receipt fits this text alone, so it has the text",
}
_TEXT = re.compile(r"\btext:(.*)", re.IGNORECASE | re.DOTALL)
_TOLD = 20  # characters that appendix B gives
# Characters of one part, at least (pairs in UCS-2) and at most (GSM-7): where a later part begins lies between.
_LEAST, _MOST = 30, 160


def parked_key(carrier: str, phone: str) -> str:
    """The key of work of a receipt that waits for its text, so that a doubt finds it."""
    return f"{carrier}/{phone}"


def reference_of(message_id: int) -> int:
    """The user_message_reference that all parts of a message carry (SMPP v3.4 5.3.2.17): 12 bits of the millisecond and
    4 of the sequence of its id, so that texts made close together differ.
    """
    return ((message_id >> 20) << 4 | message_id & 0xF) & 0xFFFF


def told_text(receipt: Receipt) -> str:
    """What the receipt says of the text, "" if nothing that could tell one text from another."""
    found = _TEXT.search(receipt.text)
    told = found[1].strip()[:_TOLD] if found else ""
    return told if any(char.isalnum() for char in told) else ""


def owner_of(receipt: Receipt, owners: Sequence[Owner], now: int) -> Owner | None:
    """The one try in doubt that a receipt must speak of.

    owners: all tries to its phone over its carrier that a receipt could still come for. Those whose outcome is known
    are never the answer, but one of them that fits as well makes the evidence worthless.
    """
    told = told_text(receipt)
    if receipt.user_reference is not None:
        fits = [
            one
            for one in owners
            if one.outcome != Outcome.accepted and reference_of(one.attempt[0]) == receipt.user_reference
        ]
        limit = REFERENCE_MS
    else:
        fits = [one for one in owners if one.ours in (receipt.to, receipt.sender)]
        limit = RECENT_MS
    if told and (receipt.user_reference is None or len(fits) > 1):
        fits = [one for one in fits if _says(told, one)]
    if len(fits) != 1 or fits[0].outcome != Outcome.in_doubt or now - fits[0].at > limit:
        return None
    return fits[0]


def _says(told: str, owner: Owner) -> bool:
    """Whether the part of the text begins as told."""
    before = owner.attempt[1] - 1
    first, last = _LEAST * before, min(_MOST * before, len(owner.text) - 1)
    return any(_same(told, owner.text[at : at + len(told) + 1].lstrip()) for at in range(first, last + 1))


def _same(told: str, text: str) -> bool:
    """Character by character; carriers write . or ? for what ASCII lacks."""
    piece = text[: len(told)]
    return len(piece) == len(told) and all(
        said == char or said in ".?" or not char.isascii() for said, char in zip(told, piece, strict=True)
    )
