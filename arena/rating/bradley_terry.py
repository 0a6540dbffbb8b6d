"""Strengths of players from the results of their matches: Bradley-Terry with ties and seats, fitted by penalised maximum likelihood.

The model is Davidson's (`arena.rating.likelihood`); without ties and seats it is plain Bradley-Terry. In it a tie moves two strengths as
half a win of each does, so that points (1, 1/2, 0) and the number of ties say everything about a pair; Rao and Kupper's model (1967) has
no such property.

The likelihood is concave and sees every match at once, so the order of matches cannot matter, unlike in sequential Elo. A normal prior
on every parameter keeps a player finite who always wins; its pull is that of a fraction of one match.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.likelihood import DavidsonLikelihood
from arena.rating.matches import Matches

Array = npt.NDArray[Any]

ELO_PER_LOG_ODDS = 400 / np.log(10)
"""Elo points per unit of strength: 400 points are odds of 10 to 1."""
PRIOR_STD = 3.0
"""Standard deviation of the prior in log-odds: 521 Elo points, so a player who won all of 100 matches ends about 1,000 above."""
MAX_DENSE_PLAYERS = 3_000
"""Largest number of players for which Newton steps use dense matrices; beyond it, they use products of sparse ones."""
MAX_ITERATIONS = 100
"""Largest number of Newton steps."""
STEP_TOLERANCE = 1e-9
"""Largest change of a parameter in the last Newton step, in log-odds."""


@dataclasses.dataclass(frozen=True, eq=False)
class FittedStrengths:
    """Fitted parameters, in log-odds (`ELO_PER_LOG_ODDS`). Strengths mean something only relative to each other; their mean is zero."""

    strengths: Array
    """`float64 [P]`, strength of each player."""
    seat_advantage: float
    """What moving first adds to the strength; 0 without seats."""
    log_tie_ratio: float
    """log(nu): ties relative to wins of either side, between equals; -inf without ties."""


def fit(matches: Matches, num_players: int, *, prior_std: float = PRIOR_STD, max_dense_players: int = MAX_DENSE_PLAYERS) -> FittedStrengths:
    """Fits strengths to results.

    Args:
        matches: the results, among the players `0..num_players - 1`.
        num_players: number of players P.
        prior_std: standard deviation of the normal prior of every parameter, in log-odds.
        max_dense_players: largest P for which dense matrices `[P, P]` are used.

    Raises:
        ArenaError: if a match names an unknown player.
    """
    if len(matches.first) and max(matches.first.max(), matches.second.max()) >= num_players:
        raise ArenaError(f"a match names player {max(matches.first.max(), matches.second.max())}, but there are {num_players}")
    likelihood = DavidsonLikelihood(matches, num_players, prior_std=prior_std)
    parameters = _maximise(likelihood, dense=num_players <= max_dense_players)
    return FittedStrengths(
        strengths=parameters[:num_players],
        seat_advantage=float(parameters[-2]),
        log_tie_ratio=float(parameters[-1]) if likelihood.has_ties else -np.inf,
    )


def _maximise(likelihood: DavidsonLikelihood, *, dense: bool) -> Array:
    """Returns the parameters `[P + 2]` of largest likelihood, by Newton's method with step halving."""
    parameters = np.zeros(likelihood.num_parameters)
    logs = likelihood.log_probabilities(parameters)
    value = likelihood.value(parameters, logs)
    for _ in range(MAX_ITERATIONS):
        gradient = likelihood.gradient(parameters, logs)
        step = likelihood.newton_step(logs, gradient, dense=dense)
        enough = 1e-4 * gradient @ step  # the growth of the likelihood that a full step must bring (Armijo)
        for scale in 0.5 ** np.arange(30):  # halved until the likelihood grows enough, up to rounding
            trial = parameters + scale * step
            logs = likelihood.log_probabilities(trial)
            if (new := likelihood.value(trial, logs)) >= value + scale * enough - 1e-10 * abs(value):
                break
        parameters, value = trial, new
        if np.abs(scale * step).max() < STEP_TOLERANCE:
            break
    return parameters
