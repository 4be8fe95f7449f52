"""Careline: a two-way customer-care gateway between business systems, customers' phones and care agents."""

__version__ = "0.1.0"
