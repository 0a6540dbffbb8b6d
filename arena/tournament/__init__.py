"""Policies meet: players, matches, schedules, ratings that know their uncertainty."""
