"""Loggers: what happens in a run, written for people and programs. None imports a framework."""
