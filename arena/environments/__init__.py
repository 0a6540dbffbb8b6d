"""Environments in the one form that all agents see: made, seeded, metered; their spaces, games and reference scores."""
