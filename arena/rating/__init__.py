"""Ratings: strengths fitted to the results of matches, with intervals that include the spread over training seeds."""
