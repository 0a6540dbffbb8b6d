"""Estimates, intervals and tests on plain arrays; nothing here knows a run folder or a tournament.

The arrays are named alike everywhere: S (or K) training seeds, E evaluation episodes, M environments, P points of a curve, B resamples.

- `estimate`: a number with its interval, as every report and leaderboard passes it on.
- `metrics`: IQM, mean, median, optimality gap and performance profiles of scores; `score_scale` turns returns into scores.
- `bootstrap`: intervals of these metrics; `mean_intervals`: t intervals of mean returns and of paired differences.
- `proportions`: Wilson's and Clopper and Pearson's intervals; `order_statistics`: the interval of a median.
- `variance_components`: variances by seeds and by starts, and the degrees of freedom of their sums.
- `improvement`, `permutation`, `multiple_tests`, `comparison`: which of two agents is better, and how sure that is over all pairs.
- `group_sequential`: when to stop adding seeds.
"""
