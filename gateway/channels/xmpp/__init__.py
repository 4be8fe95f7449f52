"""XMPP: the agents' desk. `XmppLink` is a component (XEP-0114) that speaks the words of `gateway.model.desk`."""

from gateway.channels.xmpp.link import XmppLink
from gateway.channels.xmpp.patience import Patience

__all__ = ["Patience", "XmppLink"]
