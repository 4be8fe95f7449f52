"""What the web server is handed by the composition root; a test builds it from a real store and an engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.care.desk import Desk
from gateway.care.engine import Engine
from gateway.care.playbook import Playbook
from gateway.care.taking import Taking
from gateway.floor.commands import Commands
from gateway.model.channel import LinkStatus
from gateway.model.ids import Ids
from gateway.settings import GatewayFile
from gateway.store.database import Store
from gateway.store.units import Due
from gateway.telemetry import Metrics, metrics


def _no_figures(_carrier: str) -> Mapping[str, int]:
    return {}


@dataclass(slots=True)
class Services:
    """All that the API needs of the running gateway.

    now: wall clock, ms. push: hands committed work to its lane. carriers: state of each link. receipts: figures of one
    carrier's receipts by name (matched, parked, unknown, stale). ready: (does it work at all, what does not work as it
    should). queued: outgoing parts on disk. presence: of an agent, by JID.
    """

    store: Store
    engine: Engine
    taking: Taking
    desk: Desk
    commands: Commands
    playbook: Playbook
    ids: Ids
    now: Callable[[], int]
    push: Callable[[Due], None]
    settings: GatewayFile
    carriers: Callable[[], Sequence[LinkStatus]]
    ready: Callable[[], tuple[bool, list[str]]]
    queued: Callable[[], int]
    receipts: Callable[[str], Mapping[str, int]] = _no_figures
    presence: Callable[[str], str] = lambda _: "unknown"
    metrics: Metrics = field(default_factory=lambda: metrics)

    @property
    def book(self) -> Playbook:
        """The playbook of this moment: a reload gives the engine a new one."""
        return self.engine.playbook

    @property
    def public_url(self) -> str:
        """How others reach this server, without a slash at the end."""
        return self.settings.http.public_url.rstrip("/")
