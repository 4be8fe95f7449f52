"""The composition root: what belongs together is built, started and stopped here, and nowhere else."""

from gateway.app.gateway import Gateway
from gateway.app.reading import CannotStart, live_problems, playbook_of, profile_of

__all__ = ["CannotStart", "Gateway", "live_problems", "playbook_of", "profile_of"]
