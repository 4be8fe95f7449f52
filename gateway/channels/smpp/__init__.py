"""SMPP: the carriers. `SmppLink` is the channel of one carrier, `CarrierProfile` all that can be set of it."""

from gateway.channels.smpp.link import SmppLink
from gateway.channels.smpp.profile import BadProfile, CarrierProfile, read_errors

__all__ = ["BadProfile", "CarrierProfile", "SmppLink", "read_errors"]
