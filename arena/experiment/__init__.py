"""Experiments: agents x environments x seeds, read from a file, planned and run."""
