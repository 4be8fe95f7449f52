"""What the tests of this room share."""

from tests.doubles.database import schema, store

__all__ = ["schema", "store"]
