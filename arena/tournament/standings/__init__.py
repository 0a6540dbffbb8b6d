"""The standings of a tournament: ranks, ratings, scores and costs, computed from its matches."""
