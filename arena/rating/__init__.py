"""Ratings of entrants from the results of their matches; nothing here knows a tournament's folder.

An *entrant* is an agent; its *players* are the policies of its training seeds. From results to a leaderboard:

1. `matches`: the results in one environment, as arrays.
2. `bradley_terry` fits the strengths of all players in one environment; `likelihood` has the function that it maximises.
3. `strengths` averages them over the players of each entrant, and adds up how uncertain that is (`uncertainty`).
4. `adjusted_means` turns strengths in several environments into one rating for each entrant, even if not all played everything.
5. `ratings` puts this on the Elo scale, with intervals, decisions about all pairs at once, and ranks.

`win_matrix` has the shares of points of all pairs, without a model.

Symbols in all modules: M matches, P players, E entrants, K players of one entrant, T environments (tables of matches). Strengths are in
log-odds: a difference of d means odds of exp(d) to 1 of winning against losing.
"""
