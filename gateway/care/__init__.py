"""The decisions, each a short transaction; no protocol and no SQL library."""
