"""Estimates, intervals and tests, on plain arrays."""
