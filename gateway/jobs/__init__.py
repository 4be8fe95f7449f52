"""Durable work: what is due, in order per customer, and the clock."""
