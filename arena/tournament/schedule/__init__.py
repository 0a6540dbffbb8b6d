"""Who meets whom, and from which openings: the tasks of a tournament, round by round."""
