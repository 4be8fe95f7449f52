"""Named points at which a test ends the process: between which two steps it dies is then no chance.

Nothing happens unless the environment says so: `GATEWAY_FAILPOINT=after_commit:17` is kill -9 at the 17th visit.
"""

import os
import signal

VARIABLE = "GATEWAY_FAILPOINT"


def _read(text: str) -> dict[str, int]:
    name, _, count = text.partition(":")
    return {name: int(count or "1")} if name else {}


_left = _read(os.environ.get(VARIABLE, ""))


def hit(name: str) -> None:
    """A point was reached. Costs a look-up in an empty dict."""
    if name in _left:
        _left[name] -= 1
        if _left[name] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
