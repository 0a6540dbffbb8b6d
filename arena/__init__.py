"""Trains agents of several frameworks on the same environments and compares them honestly."""

__version__ = "0.1.0"
