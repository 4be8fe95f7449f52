"""Asks the agents' server what it is (XEP-0092; XEP-0030 for one that does not tell its version), after each connect:
`careline doctor` cannot ask it, since a log-in as the component would throw us out.
"""

import asyncio
import logging
import xml.etree.ElementTree as ET

from gateway.channels.xmpp.owner import DeskOwner
from gateway.channels.xmpp.writing import attributes, random_id
from gateway.model.chat_server import ChatServer, faults, told

log = logging.getLogger("gateway.xmpp")

_VERSION, _INFO = "jabber:iq:version", "http://jabber.org/protocol/disco#info"


class Software:
    """patience: seconds for both answers; what is known then is told, and nothing where the stream is lost before."""

    def __init__(self, owner: DeskOwner, patience: float) -> None:
        self._owner, self._patience = owner, patience
        self._asked: dict[str, str] = {}  # what was asked, by id
        self._server = ""
        self._name = self._version = self._identity = ""
        self._timer: asyncio.TimerHandle | None = None
        self._warned: set[ChatServer] = set()

    def ask(self, server: str) -> None:
        """Of a session that just began."""
        self.lost()
        self._server = server
        self._name = self._version = self._identity = ""
        for space in (_VERSION, _INFO):
            an_id = random_id()
            self._asked[an_id] = space
            its = attributes(from_=self._owner.profile.domain, to=server, id=an_id)
            self._owner.write(f"<iq type='get'{its}><query xmlns='{space}'/></iq>")
        self._timer = asyncio.get_running_loop().call_later(self._patience, self._tell)

    def lost(self) -> None:
        """The stream is gone."""
        self._asked.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def answered(self, sender: str, id: str, xml: ET.Element) -> bool:
        """An answer came; whether it is one of these."""
        if sender != self._server or id not in self._asked:
            return False
        space = self._asked.pop(id)
        query = xml.find(f"{{{space}}}query") if xml.get("type") == "result" else None
        if query is not None and space == _VERSION:
            self._name = query.findtext(f"{{{space}}}name") or ""
            self._version = query.findtext(f"{{{space}}}version") or ""
        elif query is not None:
            known = (one for one in query.iterfind(f"{{{space}}}identity") if one.get("category") == "server")
            self._identity = next((one.get("name", "") for one in known), "")
        if not self._asked:
            self._tell()
        return True

    def _tell(self) -> None:
        self.lost()
        found = told(self._name or self._identity, self._version)
        self._owner.events.server(found)
        if found in self._warned:
            return
        self._warned.add(found)
        for what, todo in faults(found):
            log.warning("desk %s: its server is %s: %s: %s", self._owner.profile.domain, found, what, todo)
