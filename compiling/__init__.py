"""Builds the hot rooms of the gateway as native code (docs/decisions/0016). Nothing here runs in the gateway."""
