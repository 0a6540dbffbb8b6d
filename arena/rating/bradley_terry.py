"""Strengths of players from the results of their matches: Bradley-Terry, fitted by penalised maximum likelihood.

With d = strength of the first player - strength of the second + seat advantage, the first wins, ties and loses in the ratio
`exp(d / 2) : nu : exp(-d / 2)`: ties after Davidson (1970, doi:10.1080/01621459.1970.10481082), the seat after Davidson and Beaver
(1977, doi:10.2307/2529467). In this model a tie moves two strengths as half a win of each does, so that points (1, 1/2, 0) and the
number of ties say all about a pair; Rao and Kupper's model (1967) has no such property. Without ties and seat it is plain Bradley-Terry.

The likelihood is concave and sees every match at once, so the order of matches cannot matter, unlike in sequential Elo. A normal prior
of `PRIOR_STD` on every parameter keeps a player finite who always wins; its pull is that of a fraction of one match.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from arena.errors import ArenaError

Array = npt.NDArray[Any]
Logs = tuple[Array, Array, Array]

ELO_PER_LOG_ODDS = 400 / np.log(10)
"""Elo points per unit of strength: 400 points are odds of 10 to 1."""
PRIOR_STD = 3.0
"""Standard deviation of the prior in log-odds: 521 Elo points, so a player who won all of 100 matches ends about 1,000 above."""
MAX_DENSE_PLAYERS = 3_000
"""Up to here the covariance of all strengths is computed; beyond, only their variances."""
MAX_ITERATIONS = 100
STEP_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """Results in one environment.

    Raises:
        ArenaError: if the arrays do not fit together, a player meets itself, or points are none of 1, 0.5, 0.
    """

    first: Array
    """`int64 [M]`, players; the one who moves first, where the environment has seats."""
    second: Array
    """`int64 [M]`, their opponents."""
    points: Array
    """`float64 [M]` of the first player: 1, 0.5 or 0."""
    start: Array | None = None
    """`int64 [M]`: matches with the same start (reset seed, opening) are not independent of each other. None: all are."""
    seated: bool = False
    """Whether moving first can be an advantage; duels have no seats."""

    def __post_init__(self) -> None:
        arrays = [self.first, self.second, self.points, *([] if self.start is None else [self.start])]
        if any(array.shape != (len(self.first),) for array in arrays):
            raise ArenaError(f"matches need arrays of one length; got shapes {', '.join(str(array.shape) for array in arrays)}")
        if len(self.first) and min(self.first.min(), self.second.min()) < 0:
            raise ArenaError("players of matches are counted from zero; one is negative")
        if (self.first == self.second).any():
            raise ArenaError(
                f"match {int((self.first == self.second).argmax())} has player {self.first[self.first == self.second][0]} twice"
            )
        if not np.isin(self.points, (0.0, 0.5, 1.0)).all():
            raise ArenaError("points of a match must be 1, 0.5 or 0")


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """Fitted parameters, in log-odds (`ELO_PER_LOG_ODDS`). Strengths mean something only relative to each other; their mean is zero."""

    strengths: Array
    """`float64 [P]`"""
    seat_advantage: float
    """What moving first adds; 0 without seats."""
    log_tie_ratio: float
    """log(nu): ties relative to wins of either side, between equals; -inf without ties."""
    covariance: Array | None
    """`float64 [P, P]` of the strengths, from match noise alone, were all matches independent; None beyond `MAX_DENSE_PLAYERS`."""
    shared: Array | None
    """`float64 [P, P]`: what dependence between the matches of one start adds to the covariance; None where matches are independent."""
    variance: Array
    """`float64 [P]`: its diagonal, or an approximation of it for the strength relative to the mean."""
    num_starts: float
    """Independent starts behind the covariance; infinite where matches are independent."""


def fit(matches: Matches, num_players: int) -> Fit:
    """Fits strengths to results.

    Args:
        matches: among the players `0..num_players - 1`.
        num_players: P.

    Raises:
        ArenaError: if a match names an unknown player.
    """
    if len(matches.first) and max(matches.first.max(), matches.second.max()) >= num_players:
        raise ArenaError(f"a match names player {max(matches.first.max(), matches.second.max())}, but there are {num_players}")
    data = _Likelihood(matches, num_players)
    parameters = np.zeros(num_players + 2)
    logs = data.log_probabilities(parameters)
    value = data.value(parameters, logs)
    for _ in range(MAX_ITERATIONS):
        gradient = data.gradient(parameters, logs)
        step = data.newton_step(logs, gradient)
        enough = 1e-4 * gradient @ step
        for scale in 0.5 ** np.arange(30):  # halved until the likelihood grows, but for rounding
            trial = parameters + scale * step
            logs = data.log_probabilities(trial)
            if (new := data.value(trial, logs)) >= value + scale * enough - 1e-10 * abs(value):
                break
        parameters, value = trial, new
        if np.abs(scale * step).max() < STEP_TOLERANCE:
            break
    covariance = shared = None
    if num_players <= MAX_DENSE_PLAYERS:
        inverse = np.linalg.inv(data.information(logs))
        covariance = inverse[:num_players, :num_players]
        if matches.start is not None:
            shared = (inverse @ data.shared_scores(logs, matches.start) @ inverse)[:num_players, :num_players]
    variance = data.approximate_variance(logs) if covariance is None else np.diag(covariance)
    num_starts = np.inf if matches.start is None else len(np.unique(matches.start))
    log_tie_ratio = float(parameters[-1]) if data.has_ties else -np.inf
    return Fit(parameters[:num_players], float(parameters[-2]), log_tie_ratio, covariance, shared, variance, num_starts)


class _Likelihood:
    """The penalised log-likelihood and its derivatives in the parameters `[strengths, seat advantage, log(nu)]` `[P + 2]`.

    Matches are counted per ordered pair first: R rows. Sums of halves are exact, so the order of matches leaves no trace.
    """

    def __init__(self, matches: Matches, num_players: int) -> None:
        self.matches, self.num_parameters = matches, num_players + 2
        first, second = matches.first.astype(np.int64), matches.second.astype(np.int64)
        keys, self.row_of_match = np.unique(first * num_players + second, return_inverse=True)  # [R], [M]
        self.count = np.bincount(self.row_of_match, minlength=len(keys)).astype(np.float64)  # [R]
        self.points = np.bincount(self.row_of_match, matches.points, minlength=len(keys))  # [R]
        self.is_tie = matches.points == 0.5  # [M]
        self.ties = np.bincount(self.row_of_match, self.is_tie, minlength=len(keys))  # [R]
        self.has_ties = bool(self.ties.any())
        self.design = self._design(keys // max(num_players, 1), keys % max(num_players, 1))  # [R, P + 2]
        self.transposed = self.design.T.tocsr()

    def _design(self, first: Array, second: Array) -> scipy.sparse.csr_array:
        """Returns the matrix `[R, P + 2]` that takes parameters to d; the prior holds a parameter with an empty column at zero."""
        rows, ones = np.arange(len(first)), np.ones(len(first))
        seat = np.full(len(first), self.num_parameters - 2)
        entries = np.concatenate([ones, -ones, ones * self.matches.seated])
        places = np.tile(rows, 3), np.concatenate([first, second, seat])
        return scipy.sparse.csr_array((entries, places), shape=(len(first), self.num_parameters))

    def log_probabilities(self, parameters: Array) -> Logs:
        """Returns the logs of the probabilities of win, tie and loss of the first player, `[R]` each."""
        half = self.design @ parameters / 2
        tie = parameters[-1] if self.has_ties else -np.inf
        largest = np.maximum(np.abs(half), tie)
        total = largest + np.log(np.exp(half - largest) + np.exp(tie - largest) + np.exp(-half - largest))
        return half - total, tie - total, -half - total

    def value(self, parameters: Array, logs: Logs) -> float:
        win, tie, loss = logs
        wins = self.points - self.ties / 2
        ties = self.ties @ tie if self.has_ties else 0.0
        return float(wins @ win + ties + (self.count - wins - self.ties) @ loss - parameters @ parameters / (2 * PRIOR_STD**2))

    def gradient(self, parameters: Array, logs: Logs) -> Array:
        win, tie = np.exp(logs[0]), np.exp(logs[1])
        gradient = self.transposed @ (self.points - self.count * (win + tie / 2)) - parameters / PRIOR_STD**2
        gradient[-1] += (self.ties - self.count * tie).sum()
        return np.asarray(gradient)

    def _curvatures(self, logs: Logs) -> tuple[Array, Array, float]:
        """Returns minus the second derivatives in (d, d) `[R]`, (d, log nu) `[R]` and (log nu, log nu)."""
        win, tie, loss = (np.exp(log) for log in logs)
        in_d = self.count * (win + loss - (win - loss) ** 2) / 4
        return in_d, -self.count * tie * (win - loss) / 2, float((self.count * tie * (1 - tie)).sum())

    def information(self, logs: Logs) -> Array:
        """Returns minus the Hessian, dense `[P + 2, P + 2]`."""
        in_d, mixed, in_tie = self._curvatures(logs)
        dense = (self.transposed @ self.design.multiply(in_d[:, None])).toarray()
        dense[-1] = dense[:, -1] = self.transposed @ mixed
        dense[-1, -1] = in_tie
        dense[np.diag_indices_from(dense)] += PRIOR_STD**-2
        return np.asarray(dense)

    def newton_step(self, logs: Logs, gradient: Array) -> Array:
        if self.num_parameters <= MAX_DENSE_PLAYERS + 2:
            return np.asarray(scipy.linalg.solve(self.information(logs), gradient, assume_a="pos"))
        in_d, mixed, in_tie = self._curvatures(logs)

        def product(vector: Array) -> Array:
            d = self.design @ vector
            result = self.transposed @ (in_d * d + mixed * vector[-1]) + vector / PRIOR_STD**2
            result[-1] += mixed @ d + in_tie * vector[-1]
            return np.asarray(result)

        diagonal = self.transposed.multiply(self.transposed) @ in_d + PRIOR_STD**-2
        diagonal[-1] += in_tie
        shape = (self.num_parameters, self.num_parameters)
        information = scipy.sparse.linalg.LinearOperator(shape, product, dtype=np.float64)
        jacobi = scipy.sparse.linalg.LinearOperator(shape, lambda vector: vector / diagonal, dtype=np.float64)
        return np.asarray(scipy.sparse.linalg.cg(information, gradient, rtol=1e-3, M=jacobi)[0])

    def shared_scores(self, logs: Logs, start: Array) -> Array:
        """Returns the sum `[P + 2, P + 2]` over all ordered pairs of different matches of one start of the products of their scores.

        These are the terms by which the clustered sandwich estimator differs from the inverse information. That estimator is not taken
        whole: for a player who always wins it is near zero, where the inverse information rightly is large.
        """
        win, tie = np.exp(logs[0]), np.exp(logs[1])
        residual = self.matches.points - (win + tie / 2)[self.row_of_match]  # [M]
        scores = self.design[self.row_of_match].multiply(residual[:, None]).tocsr()  # [M, P + 2]
        tie_scores = self.is_tie - tie[self.row_of_match] if self.has_ties else np.zeros(len(residual))
        scores = scores + scipy.sparse.csr_array(
            (tie_scores, (np.arange(len(residual)), np.full(len(residual), self.num_parameters - 1))), shape=scores.shape
        )
        starts, group = np.unique(start, return_inverse=True)
        membership = scipy.sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(len(starts), len(group)))
        sums = membership @ scores  # [starts, P + 2]
        correction = len(starts) / max(len(starts) - 1, 1)  # as for any variance estimated from that many groups
        return np.asarray((correction * (sums.T @ sums) - scores.T @ scores).toarray())

    def approximate_variance(self, logs: Logs) -> Array:
        """Returns variances `[P]` of strengths relative to their mean: the Neumann series of the inverse information, to second order.

        With D its diagonal and A minus the rest, `1 / D_i + sum_j A_ij^2 / (D_i^2 D_j)`: close where players have many opponents.
        """
        in_d, _, _ = self._curvatures(logs)
        strengths = self.design[:, :-2]
        information = (strengths.T @ strengths.multiply(in_d[:, None])).tocsr()
        diagonal = information.diagonal() + PRIOR_STD**-2
        rest = information - scipy.sparse.diags_array(information.diagonal())
        return np.asarray(1 / diagonal + rest.multiply(rest) @ (1 / diagonal) / diagonal**2)
