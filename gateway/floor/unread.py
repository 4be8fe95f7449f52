"""Which lines an agent has not read yet, as far as their clients tell (XEP-0333)."""

from collections import OrderedDict
from collections.abc import Sequence

from gateway.model.desk import Line, LineKind

MOST_UNREAD = 20_000
MOST_OF_A_CHAT = 200
_Chat = tuple[str, str]  # agent, customer's number


class Unread:
    """In memory alone: what was sent by the last life of the program is not known to be read."""

    def __init__(self) -> None:
        self._chats: dict[_Chat, dict[str, bool]] = {}  # lines in the order they were sent; whether a customer's words
        self._chat_of: OrderedDict[tuple[str, str], _Chat] = OrderedDict()  # by agent and line: two may have one line

    def add(self, line: Line) -> None:
        """A line goes to an agent."""
        chat, its = (line.agent, line.customer), (line.agent, line.id)
        if its in self._chat_of:
            return
        lines = self._chats.setdefault(chat, {})
        lines[line.id] = line.kind is LineKind.text
        self._chat_of[its] = chat
        if len(lines) > MOST_OF_A_CHAT:
            self._drop(line.agent, next(iter(lines)))
        if len(self._chat_of) > MOST_UNREAD:
            self._drop(*next(iter(self._chat_of)))

    def forget(self, lines: Sequence[Line]) -> None:
        """They were not sent."""
        for line in lines:
            if (line.agent, line.id) in self._chat_of:
                self._drop(line.agent, line.id)

    def read(self, agent: str, about: str) -> list[str]:
        """An agent has read a line, and so all of this chat before it: the ids of those that are a customer's words and
        were not read before.
        """
        chat = self._chat_of.get((agent, about))
        found: list[str] = []
        for name, words in list(self._chats[chat].items()) if chat is not None else ():
            self._drop(agent, name)
            if words:
                found.append(name)
            if name == about:
                break
        return found

    def _drop(self, agent: str, name: str) -> None:
        chat = self._chat_of.pop((agent, name))
        del self._chats[chat][name]
        if not self._chats[chat]:
            del self._chats[chat]
