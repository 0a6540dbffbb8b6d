"""The penalised likelihood of match results in Davidson's model, with the derivatives that its maximisation needs.

Between the first and the second player let d = strength of the first - strength of the second + seat advantage. The first player wins,
ties and loses in the ratio `exp(d / 2) : nu : exp(-d / 2)` (Davidson, 1970, doi:10.1080/01621459.1970.10481082; the seat after Davidson
and Beaver, 1977, doi:10.2307/2529467). With x points (1, 1/2, 0) and t = 1 for a tie, the log-likelihood of a match is
`(x - 1/2) d + t log(nu) - log(exp(d / 2) + nu + exp(-d / 2))`. A normal prior on every parameter is subtracted from the sum.

Symbols: M matches; R ordered pairs (first, second) that met, over which the matches are summed; P players. The parameters are
`[strengths of the P players, seat advantage, log(nu)]`, `[P + 2]`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from arena.rating.matches import Matches

Array = npt.NDArray[Any]
LogProbabilities = tuple[Array, Array, Array]
"""Logarithms of the probabilities of win, tie and loss of the first player, `[R]` each."""


class DavidsonLikelihood:
    """The penalised log-likelihood of the parameters `[P + 2]`, and its derivatives.

    Points and ties are summed for each ordered pair. Sums of halves are exact in floating point, so the order of matches leaves no trace.

    Args:
        matches: the results, among the players `0..num_players - 1`.
        num_players: P.
        prior_std: standard deviation of the normal prior of every parameter, in log-odds.
    """

    def __init__(self, matches: Matches, num_players: int, *, prior_std: float) -> None:
        self.num_parameters = num_players + 2
        self._prior_std = prior_std
        first, second = matches.first.astype(np.int64), matches.second.astype(np.int64)
        keys, pair = np.unique(first * num_players + second, return_inverse=True)  # [R], [M]: the ordered pair of each match
        self._count = np.bincount(pair, minlength=len(keys)).astype(np.float64)  # [R]
        self._points = np.bincount(pair, matches.points, minlength=len(keys))  # [R]
        self._ties = np.bincount(pair, matches.points == 0.5, minlength=len(keys))  # [R]
        self.has_ties = bool(self._ties.any())
        self._design = self._design_matrix(keys // max(num_players, 1), keys % max(num_players, 1), matches.seated)  # [R, P + 2]
        self._transposed = self._design.T.tocsr()  # [P + 2, R]

    def _design_matrix(self, first: Array, second: Array, seated: bool) -> scipy.sparse.csr_array:
        """Returns the matrix `[R, P + 2]` that takes parameters to d. The prior holds a parameter with an empty column at zero."""
        rows, ones = np.arange(len(first)), np.ones(len(first))
        seat = np.full(len(first), self.num_parameters - 2)
        entries = np.concatenate([ones, -ones, ones * seated])
        places = np.tile(rows, 3), np.concatenate([first, second, seat])
        return scipy.sparse.csr_array((entries, places), shape=(len(first), self.num_parameters))

    def log_probabilities(self, parameters: Array) -> LogProbabilities:
        """Returns the logarithms of the probabilities of win, tie and loss of the first player, `[R]` each."""
        half = self._design @ parameters / 2  # [R], d / 2
        tie = parameters[-1] if self.has_ties else -np.inf
        largest = np.maximum(np.abs(half), tie)  # subtracted from the exponents, so that none overflows
        total = largest + np.log(np.exp(half - largest) + np.exp(tie - largest) + np.exp(-half - largest))
        return half - total, tie - total, -half - total

    def value(self, parameters: Array, logs: LogProbabilities) -> float:
        """Returns the penalised log-likelihood of `parameters`, whose `log_probabilities` are `logs`."""
        win, tie, loss = logs
        wins = self._points - self._ties / 2
        ties = self._ties @ tie if self.has_ties else 0.0
        losses = self._count - wins - self._ties
        return float(wins @ win + ties + losses @ loss - parameters @ parameters / (2 * self._prior_std**2))

    def gradient(self, parameters: Array, logs: LogProbabilities) -> Array:
        """Returns the derivatives of `value` `[P + 2]`: points and ties minus their expectations, and the pull of the prior."""
        win, tie = np.exp(logs[0]), np.exp(logs[1])
        gradient = self._transposed @ (self._points - self._count * (win + tie / 2)) - parameters / self._prior_std**2
        gradient[-1] += (self._ties - self._count * tie).sum()
        return np.asarray(gradient)

    def information(self, logs: LogProbabilities) -> Array:
        """Returns minus the second derivatives of `value`, dense `[P + 2, P + 2]`."""
        in_d, mixed, in_tie = self._curvatures(logs)
        dense = (self._transposed @ self._design.multiply(in_d[:, None])).toarray()
        dense[-1] = dense[:, -1] = self._transposed @ mixed
        dense[-1, -1] = in_tie
        dense[np.diag_indices_from(dense)] += self._prior_std**-2
        return np.asarray(dense)

    def newton_step(self, logs: LogProbabilities, gradient: Array, *, dense: bool) -> Array:
        """Returns the step `[P + 2]` to the maximum of the quadratic approximation: `information^-1 @ gradient`.

        Args:
            logs: from `log_probabilities` at the current parameters.
            gradient: from `gradient` at the current parameters.
            dense: whether to solve with the dense matrix; else by conjugate gradients, with products of sparse matrices alone.
        """
        if dense:
            return np.asarray(scipy.linalg.solve(self.information(logs), gradient, assume_a="pos"))
        in_d, mixed, in_tie = self._curvatures(logs)

        def product(vector: Array) -> Array:
            """Returns `information @ vector`."""
            d = self._design @ vector
            result = self._transposed @ (in_d * d + mixed * vector[-1]) + vector / self._prior_std**2
            result[-1] += mixed @ d + in_tie * vector[-1]
            return np.asarray(result)

        diagonal = self._transposed.multiply(self._transposed) @ in_d + self._prior_std**-2
        diagonal[-1] += in_tie
        shape = (self.num_parameters, self.num_parameters)
        information = scipy.sparse.linalg.LinearOperator(shape, product, dtype=np.float64)
        jacobi = scipy.sparse.linalg.LinearOperator(shape, lambda vector: vector / diagonal, dtype=np.float64)
        return np.asarray(scipy.sparse.linalg.cg(information, gradient, rtol=1e-3, M=jacobi)[0])

    def _curvatures(self, logs: LogProbabilities) -> tuple[Array, Array, float]:
        """Returns minus the second derivatives in (d, d) `[R]`, (d, log nu) `[R]` and (log nu, log nu)."""
        win, tie, loss = (np.exp(log) for log in logs)
        in_d = self._count * (win + loss - (win - loss) ** 2) / 4
        return in_d, -self._count * tie * (win - loss) / 2, float((self._count * tie * (1 - tie)).sum())
