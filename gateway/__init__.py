"""Careline: a two-way customer-care gateway between business systems, customers' phones and care agents."""

from importlib.util import find_spec

__version__ = "0.1.0"


def compiled() -> bool:
    """Whether the rooms that a text passes run as compiled code (docs/decisions/0016), or as they are written."""
    spec = find_spec("gateway.jobs.lane")
    return spec is not None and not (spec.origin or "").endswith(".py")
