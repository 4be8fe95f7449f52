"""Customers among an agent's contacts, where the server lets us (XEP-0356, 4.2): a group of those whom the agent talks
with. Clients then show names, and send receipts and typing, which they keep from strangers.

What the agent made of a contact stays: one that had another name or group before is only taken into ours, and out.
"""

import asyncio
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.channels.xmpp.jids import contact_bare
from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.writing import attributes, escape, random_id
from gateway.model.desk import Line, LineKind

GROUP = "Open chats"
OUTSTANDING = 64
"""Rosters that are asked for and not answered yet: further ones wait until one is, however many agents there are."""
CONTACTS = (LineKind.opened, LineKind.ended, LineKind.stands)

_SPACE = "jabber:iq:roster"
_ROSTER = f"{{{_SPACE}}}"
_STRIKES, _LOSSES = 2, 5
_SETTING = 1000


@dataclass(frozen=True, slots=True)
class _Item:
    """A contact as the agent's server has it."""

    name: str
    groups: frozenset[str]


class Rosters:
    """Asks for a roster, and changes what is ours in it. patience: seconds that a server may take to answer all that is
    asked at a time; who was not asked by then is left as they are, and tried again with their next contact.

    A roster may be too long for the stream, and a server may end the stream when we write into one. Who was under way
    twice when it ended, or did not answer, is left alone from then on; and all are where it ended again and again.
    """

    def __init__(self, owner: DeskOwner, patience: float) -> None:
        self._owner = owner
        self._patience = patience
        self._asked: dict[str, tuple[str, asyncio.Future[ET.Element | None]]] = {}
        self._places = asyncio.Semaphore(OUTSTANDING)
        self._setting: dict[str, str] = {}  # agents by id of what was set
        self._strikes: Counter[str] = Counter()
        self._losses = 0

    async def change(self, lines: Sequence[Line]) -> list[Line]:
        """Shows contacts as these lines say; gives back those that are still in a roster, and those whose status alone
        is another. A server that does not answer or refuses is left alone: this is for the eye only."""
        same = [line for line in lines if line.kind is LineKind.stands]
        if moved := [line for line in lines if line.kind is not LineKind.stands]:
            same += await self._move(moved)
        return same

    async def _move(self, lines: Sequence[Line]) -> list[Line]:
        tasks = {
            agent: asyncio.create_task(self._items_of(agent)) for agent in dict.fromkeys(line.agent for line in lines)
        }
        try:
            await asyncio.wait(tasks.values(), timeout=self._patience)
        finally:
            for task in tasks.values():
                task.cancel()  # who is not asked yet, and who does not answer
        await asyncio.wait(tasks.values())
        kept: list[Line] = []
        for line in lines:
            task = tasks[line.agent]
            items = None if task.cancelled() else task.result()
            if items is None:
                self._owner.counters["roster_unanswered"] += 1
                kept.append(line)
            elif self._put(line, items.get(contact_bare(line.customer, self._owner.profile.domain))):
                kept.append(line)
        return kept

    async def _items_of(self, agent: str) -> dict[str, _Item] | None:
        """The agent's contacts by JID, None where the server gives none."""
        async with self._places:
            an_id, answer = self._ask(agent)
            try:
                return _items(await answer)
            finally:
                self._asked.pop(an_id, None)
                if answer.cancelled():
                    self._strikes[agent] += 1

    def answered(self, sender: str, id: str, xml: ET.Element) -> bool:
        """An answer came; whether it is one of these. Only the agent's own server speaks for an account."""
        if id in self._setting and sender == self._setting[id]:
            del self._strikes[self._setting.pop(id)]
            self._losses = 0
            return True
        agent, future = self._asked.get(id, ("", None))
        if future is None or sender != agent:
            return False
        if not future.done():
            future.set_result(xml)
        return True

    def lost(self) -> None:
        """The stream is gone."""
        under_way = {*self._setting.values()}
        for agent, future in self._asked.values():
            if not future.done():
                under_way.add(agent)
                future.set_result(None)
        self._setting.clear()
        self._strikes.update(under_way)
        self._losses += bool(under_way)

    def _ask(self, agent: str) -> tuple[str, asyncio.Future[ET.Element | None]]:
        an_id = random_id()
        future: asyncio.Future[ET.Element | None] = asyncio.get_running_loop().create_future()
        query = f"<iq type='get'{attributes(from_=self._owner.profile.domain, to=agent, id=an_id)}>"
        able = self._strikes[agent] < _STRIKES and self._losses < _LOSSES
        if able and self._owner.write(f"{query}<query xmlns='{_SPACE}'/></iq>"):
            self._asked[an_id] = (agent, future)
        else:
            future.set_result(None)
        return an_id, future

    def _put(self, line: Line, had: _Item | None) -> bool:
        """Whether the contact is in the roster afterwards."""
        if line.kind is LineKind.opened:
            others = had.groups - {GROUP} if had is not None else frozenset()
            ours = had is None or _is_ours(had, line)
            name = line.text if ours else had.name if had is not None else ""
            self._set(line, name, {*others, GROUP}, subscription="both")
            return True
        if had is None or GROUP not in had.groups:
            return had is not None
        if _is_ours(had, line):
            self._set(line, "", set(), subscription="remove")
            return False
        self._set(line, had.name, {*had.groups} - {GROUP})
        return True

    def _set(self, line: Line, name: str, groups: set[str], subscription: str = "") -> None:
        domain = self._owner.profile.domain
        self._owner.counters["roster_sets"] += 1
        inner = "".join(f"<group>{escape(group)}</group>" for group in sorted(groups))
        an_id = random_id()
        self._setting[an_id] = line.agent
        if len(self._setting) > _SETTING:  # nobody answers for an account that is none
            del self._setting[next(iter(self._setting))]
        item = attributes(jid=contact_bare(line.customer, domain), name=name, subscription=subscription)
        self._owner.write(
            f"<iq type='set'{attributes(from_=domain, to=line.agent, id=an_id)}>"
            f"<query xmlns='{_SPACE}'><item{item}>{inner}</item></query></iq>"
        )


def _is_ours(had: _Item, line: Line) -> bool:
    """Whether it is as we put it there: what the agent gave a name or a group is theirs."""
    return had.groups == {GROUP} and had.name in {line.text, line.customer, line.about or line.customer}


def _items(answer: ET.Element | None) -> dict[str, _Item] | None:
    """Contacts by JID, None where the server gave none."""
    query = answer.find(f"{_ROSTER}query") if answer is not None and answer.get("type") == "result" else None
    if query is None:
        return None
    return {
        item.get("jid", ""): _Item(
            item.get("name", ""), frozenset(group.text or "" for group in item.iterfind(f"{_ROSTER}group"))
        )
        for item in query.iterfind(f"{_ROSTER}item")
    }
