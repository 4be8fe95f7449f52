"""What the parts of the link need of it, and how they tell of a failure without telling what was said."""

import traceback
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Protocol

from gateway.channels.xmpp.lanes import Lanes
from gateway.model.desk import DeskEvents, DeskProfile


class DeskOwner(Protocol):
    """The link, as its parts see it. None of it blocks."""

    profile: DeskProfile
    events: DeskEvents
    counters: Counter[str]
    lanes: Lanes

    def write(self, stanza: str) -> bool:
        """Writes XML; False, and nothing is written, while there is no session."""

    def failed(self, what: str, problem: Exception) -> None:
        """Care raised something."""

    def answered(self, sender: str, id: str, xml: ET.Element) -> None:
        """A query of ours has an answer, whatever it says."""

    def privileged(self, privileges: tuple[str, ...]) -> None:
        """The server told what we may do (XEP-0356)."""


def where(error: BaseException) -> str:
    """An error for the log: its kind and where it was raised. Its words may be those of a customer."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
