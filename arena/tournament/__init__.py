"""Policies of any origin meet in duels and in games, and are rated with intervals that know their training seeds."""
