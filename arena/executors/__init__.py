"""Executors: where the workers of an experiment run."""
