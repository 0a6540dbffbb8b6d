"""Ratings of entrants from the results of their matches; nothing here knows a tournament's folder.

An *entrant* is an agent; its *players* are the policies of its training seeds. From results to a leaderboard:

1. `matches`: the results in one environment, as arrays.
2. `pair_cells`: the points of every pair of entrants. `predicted_cells` fills the cells of pairs that never met, or all cells if some
   pairs met much more often
   than others, by a Bradley-Terry model of entrants.
3. `field_points`: each entrant's expected points against the field, with intervals (`field_variance`), decisions about all pairs at
   once, ranks and ratings.
   These rank a leaderboard.

`win_matrix` has the shares of points of all pairs, and the circles among them.

`bradley_terry` fits the strengths of all players in one environment with ties and seats (`likelihood` has the function that it maximises),
which tells what moving first is worth.

Symbols in all modules: M matches, P players, E entrants, T environments (tables of matches). Strengths are in log-odds: a
difference of d means odds of exp(d) to 1 of winning against losing.
"""
