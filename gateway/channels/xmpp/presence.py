"""Who is there, and who may know that a contact is (RFC 6121, 3 and 4). slixmpp's roster has no part in it."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.channels.xmpp import avatars
from gateway.channels.xmpp.jids import Contact, Sender, contact_bare, contact_jid
from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.writing import presence
from gateway.model.desk import Show

_MOST_KNOWN = 20_000  # agents, and colleagues on their server
_DEVICES = 50  # of one agent; the one heard of longest ago is forgotten
_SHOWS = {"chat": Show.chat, "away": Show.away, "xa": Show.xa, "dnd": Show.dnd}
_DESK_STATUS = "Care desk"


@dataclass(slots=True)
class _Agent:
    """devices: resource -> how much it is there, and whether it told the desk or only a customer's contact. visible:
    whether the desk may see it."""

    devices: dict[str, tuple[Show, bool]] = field(default_factory=dict)
    visible: bool = False
    told: Show = Show.unknown


class Attendance:
    """How much each agent is there, best over all devices, since the session began. patience: seconds for the answer
    to a probe.
    """

    def __init__(self, owner: DeskOwner, patience: float) -> None:
        self._owner, self._patience = owner, patience
        self._agents: dict[str, _Agent] = {}
        self._wrote: dict[str, str] = {}
        self.managed = False
        """Whether the server shows us all presences (XEP-0356)."""

    def resources(self, agent: str) -> list[str]:
        """Where an agent is."""
        known = self._agents.get(agent)
        return [resource for resource in known.devices if resource] if known else []

    def wrote(self, agent: str, resource: str) -> None:
        """A listed agent wrote from there."""
        self._wrote[agent] = resource

    def last_device(self, agent: str) -> str:
        """Where an agent wrote last, "" = nowhere; it may be gone."""
        return self._wrote.get(agent, "")

    def forget(self) -> None:
        """The session is lost: nobody tells us any more."""
        agents, self._agents, self.managed = self._agents, {}, False
        for bare, agent in agents.items():
            if agent.told is not Show.unknown:
                self._owner.events.attends(bare, Show.unknown)

    def ask(self, agents: Sequence[str], *, managed: bool) -> None:
        """Asks how much agents are there.

        Where the server shows us all of them (managed, XEP-0356), by a probe. Else by asking to be let see it: who has
        let us is answered for at once, and probed then. Not before: Prosody answers the probe of one who has not with
        an `unsubscribed` that takes our request back.
        """
        self.managed = managed
        for agent in agents:
            if (known := self._agents.get(agent)) is not None and known.told is not Show.unknown:
                self._owner.events.attends(agent, known.told)  # told before it became an agent
            self._owner.write(presence(self._owner.profile.domain, agent, "probe" if managed else "subscribe"))

    def absent(self, agents: Sequence[str]) -> None:
        """Those of whom a server that shows us all presences has said nothing are not there (Prosody answers no probe
        of an agent who is offline).
        """
        for bare in agents:
            agent = self._agents.setdefault(bare, _Agent())
            if agent.told is Show.unknown:
                self._tell(bare, agent)

    def leave(self, agents: Sequence[str]) -> None:
        """Tells agents that the desk goes away."""
        for agent in agents:
            self._owner.write(presence(self._owner.profile.domain, agent, "unavailable"))

    def show(self, to: str, agent: str, customer: str) -> bool:
        """Tells one JID of an agent how a contact stands; whether there is such a contact."""
        sender = contact_jid(customer, self._owner.profile.domain)
        status = self._owner.events.shows(agent, customer) if customer else _DESK_STATUS
        photo = avatars.picture_id(contact_bare(customer, self._owner.profile.domain)) if status is not None else ""
        self._owner.write(presence(sender, to, "unavailable" if status is None else "", status or "", photo))
        return status is not None

    def read(self, xml: ET.Element, sender: Sender, contact: Contact | None, *, agent: bool) -> None:
        """One presence stanza that came. contact: whom it is for."""
        kind = xml.get("type")
        if not agent and self._colleague(kind, _show(xml), sender, contact):
            return
        if not agent:
            self._owner.counters["refused_strangers"] += 1
            if kind == "subscribe":
                self._owner.write(presence(_bare(xml.get("to", "")), sender.bare, "unsubscribed"))
            return
        if contact is None:
            if kind == "subscribe":
                self._owner.write(presence(_bare(xml.get("to", "")), sender.bare, "unsubscribed"))
        elif kind is None:
            self._attends(sender, _show(xml), desk=not contact.customer)
        elif kind == "unavailable":
            self._leaves(sender, desk=not contact.customer)
        elif kind == "subscribe":
            self._subscribes(sender, contact)
        elif kind in ("subscribed", "unsubscribed"):
            (self._lets_see if kind == "subscribed" else self._hides)(sender, contact)
        elif kind == "unsubscribe":
            self._owner.write(presence(_bare(contact.full), sender.bare, "unsubscribed"))
        elif kind == "probe":
            self.show(sender.full, sender.bare, contact.customer)

    def _colleague(self, kind: str | None, show: Show, sender: Sender, contact: Contact | None) -> bool:
        """Where the server shows us everybody: one who is no agent may become one, and is not told of again then."""
        known = self.managed and sender.domain in self._owner.profile.agent_domains
        if not known or contact is None or contact.customer or kind not in (None, "unavailable"):
            return False
        if sender.bare not in self._agents and len(self._agents) >= _MOST_KNOWN:
            return False
        if kind is None:
            self._attends(sender, show, desk=True)
        else:
            self._leaves(sender, desk=True)
        return True

    def _lets_see(self, sender: Sender, contact: Contact) -> None:
        if contact.customer:
            return
        agent = self._agents.setdefault(sender.bare, _Agent())
        agent.visible = True
        self._owner.write(presence(self._owner.profile.domain, sender.bare, "probe"))
        # ejabberd answers no probe of an agent who is offline.
        asyncio.get_running_loop().call_later(self._patience, self._silent, sender.bare, agent)

    def _hides(self, sender: Sender, contact: Contact) -> None:
        """We may not see the agent, or not any more: whether they are there only a customer's contact may know."""
        agent = self._agents.get(sender.bare)
        if contact.customer or self.managed or agent is None:
            return
        agent.visible = False
        agent.devices = {name: its for name, its in agent.devices.items() if not its[1]}
        if agent.devices:
            self._tell(sender.bare, agent)
        elif agent.told is not Show.unknown:
            agent.told = Show.unknown
            if self._owner.events.listed(sender.bare):
                self._owner.events.attends(sender.bare, Show.unknown)

    def _silent(self, bare: str, agent: _Agent) -> None:
        if self._agents.get(bare) is agent and agent.told is Show.unknown:
            self._tell(bare, agent)

    def _subscribes(self, sender: Sender, contact: Contact) -> None:
        ours = _bare(contact.full)
        if contact.customer and self._owner.events.shows(sender.bare, contact.customer) is None:
            self._owner.write(presence(ours, sender.bare, "unsubscribed"))
            return
        self._owner.write(presence(ours, sender.bare, "subscribed"))
        if not contact.customer:
            self._owner.write(presence(ours, sender.bare, "subscribe"))
        self.show(sender.bare, sender.bare, contact.customer)

    def _attends(self, sender: Sender, show: Show, *, desk: bool) -> None:
        agent = self._agents.setdefault(sender.bare, _Agent())
        known = agent.devices.get(sender.resource)
        if known is not None and known[1] and not desk:
            return  # what it told one contact is less than what it told the desk
        agent.visible = agent.visible or desk
        agent.devices.pop(sender.resource, None)
        agent.devices[sender.resource] = (show, desk)
        if len(agent.devices) > _DEVICES:
            del agent.devices[next(iter(agent.devices))]
        self._tell(sender.bare, agent)

    def _leaves(self, sender: Sender, *, desk: bool) -> None:
        """From a bare JID: all its devices. Of an agent we may not see it says nothing (Prosody answers a request so,
        and both servers tell it of each device when the agent says no). To a contact only, perhaps because the agent
        removed that contact: it counts only for a device that never told the desk.
        """
        agent = self._agents.setdefault(sender.bare, _Agent())
        if sender.resource not in agent.devices and not agent.visible and not self.managed:
            return
        for resource, (_, told_desk) in list(agent.devices.items()):
            if sender.resource in {"", resource} and (desk or not told_desk):
                del agent.devices[resource]
        was_there = agent.told < Show.offline
        if desk or not agent.devices:
            self._tell(sender.bare, agent)
        if was_there and agent.told is Show.offline:
            asyncio.get_running_loop().call_later(self._patience, self._make_sure, sender.bare, agent)

    def _make_sure(self, bare: str, agent: _Agent) -> None:
        """A server that is behind with its work tells of the end of an agent's old connection after the beginning of
        the next, on the same device (seen of ejabberd): who seems gone may be there. One who is not is not answered
        for, or with what we know.
        """
        if self._agents.get(bare) is agent and agent.told is Show.offline and (agent.visible or self.managed):
            self._owner.write(presence(self._owner.profile.domain, bare, "probe"))

    def _tell(self, bare: str, agent: _Agent) -> None:
        best = min((show for show, _ in agent.devices.values()), default=Show.offline)
        if best is not agent.told:
            agent.told = best
            if self._owner.events.listed(bare):
                self._owner.events.attends(bare, best)


def _show(xml: ET.Element) -> Show:
    for space in ("{jabber:component:accept}", "{jabber:client}"):
        found = xml.find(f"{space}show")
        if found is not None:
            return _SHOWS.get((found.text or "").strip(), Show.online)
    return Show.online


def _bare(jid: str) -> str:
    return jid.partition("/")[0]
