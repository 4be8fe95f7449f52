"""The simulated carrier: an SMSC with phones on a web page, and every fault that a real one has shown.

It stands alone: it imports nothing else of `gateway`, and reads and builds PDUs with stock smpplib, so that it is an
independent oracle for the gateway's own codec.
"""

from gateway.simulator.carrier import Options, SimulatedCarrier, main, run
from gateway.simulator.faults import FAULTS, Faults, Switch
from gateway.simulator.texts import NoAnswer, NobodyBound, TextRequest, TextResult

__all__ = [
    "FAULTS",
    "Faults",
    "NoAnswer",
    "NobodyBound",
    "Options",
    "SimulatedCarrier",
    "Switch",
    "TextRequest",
    "TextResult",
    "main",
    "run",
]
