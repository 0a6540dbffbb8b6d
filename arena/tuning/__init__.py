"""Searches hyperparameters with Optuna. Everything that is tried is a run like any other."""
