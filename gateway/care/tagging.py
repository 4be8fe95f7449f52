"""Tags: which there may be, and how many."""

import re
from collections.abc import Iterable, Sequence

from gateway.care.turn import Refused, Turn
from gateway.model.conversation import Conversation
from gateway.settings import nearest
from gateway.store import tags

MOST_TAGS, LONGEST_TAG = 10, 30
_TAG = re.compile(rf"[^\W_][\w-]{{0,{LONGEST_TAG - 1}}}")


def change(
    turn: Turn, conversation: Conversation, had: Sequence[str], add: Iterable[str], remove: Iterable[str]
) -> tuple[str, ...]:
    """The tags of a conversation after some were added and others taken away. had: those before.

    Raises Refused: a word that is no tag, too many of them, or one to take away that is not there.
    """
    added, gone = [word.lower() for word in add], [word.lower() for word in remove]
    for word in added:
        if not _TAG.fullmatch(word):
            raise Refused(
                f"a tag is a word of letters, digits, _ and -, at most {LONGEST_TAG}; write several with blanks", "add"
            )
    for word in gone:
        if word not in had:
            there = f"; its tags are {', '.join(had)}" if had else "; it has no tags"
            raise Refused(f"the conversation is not tagged {word[:40]!r}{nearest(word[:40], had) or there}", "remove")
    after = tuple(sorted({*had, *added} - set(gone)))
    if len(after) > MOST_TAGS:
        raise Refused(f"that would be {len(after)} tags, at most {MOST_TAGS} go; .untag some first", "add")
    for word in sorted(set(added).intersection(after).difference(had)):
        tags.add(turn.unit, conversation.id, word)
    for word in sorted(set(gone).difference(after)):
        tags.drop(turn.unit, conversation.id, word)
    return after
