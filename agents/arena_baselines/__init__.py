"""Agents that learn nothing, to measure the others against."""
