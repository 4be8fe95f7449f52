"""The HTTP side: API, landing pages, health and documents (contract section 4)."""
