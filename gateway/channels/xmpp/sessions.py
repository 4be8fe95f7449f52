"""Sessions of ad-hoc commands (XEP-0050, 2.2 and 4.4): an id says for which command, contact and agent it was begun.

Nothing is kept: an id proves itself, also after a restart, with what only we and the agents' server know. So no form
that was shown for one thing does another.
"""

import hmac
from dataclasses import dataclass, field

from gateway.channels.xmpp.writing import random_id

_PROOF = 32  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class Sessions:
    """Those of an agent (bare JID) with a contact. secret: the component's."""

    secret: str = field(repr=False)
    agent: str
    customer: str

    def begun(self, node: str) -> str:
        """The id of a new session of a command."""
        name = random_id()
        return f"{name}.{self._proof(node, name)}"

    def knows(self, node: str, session: str) -> bool:
        """Whether the session was begun for this command, by this agent, on this contact."""
        name, _, proof = session.partition(".")
        return hmac.compare_digest(proof.encode(), self._proof(node, name).encode())

    def _proof(self, node: str, name: str) -> str:
        bound = "\n".join(("ad-hoc session", node, self.agent, self.customer, name))
        return hmac.digest(self.secret.encode(), bound.encode(), "sha256").hex()[:_PROOF]
