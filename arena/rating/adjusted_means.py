"""Means over environments, of entrants that need not have played the same ones.

Strengths of two environments share neither zero nor scale. A plain mean would be unfair: an entrant that played only where all are far
above the random player would come out above its equals. So a rating is an *adjusted* (least squares) mean, as of any two-way table
with empty cells (Searle, Speed and Milliken, 1980, doi:10.1080/00031305.1980.10483031). `strength[t, i] = rating[i] + effect[t]` is fitted
by least squares to the cells that were played. Where an entrant did not play, it is assumed to stand in the same relation to the others
as where it did. If all played everything, this is the plain mean.

The anchor is zero everywhere and no part of that fit, because the distance to it is just what differs between environments. Environments
that no entrant but the anchor links make groups; entrants of different groups are rated over different environments.

Symbols: T environments, E entrants. A *cell* `[t, i]` is an entrant in an environment that it played. Everything here is linear in the
strengths `[T, E]`, so that variances of ratings follow from `contrast`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

Array = npt.NDArray[Any]


class AdjustedMeans:
    """The linear map from strengths in T environments to the ratings of E entrants.

    Args:
        present: `bool [T, E]`, who played what.
        anchor: entrant whose rating is 0; with None, or an anchor that played nothing, the mean of all is 0.
    """

    def __init__(self, present: Array, anchor: int | None = None) -> None:
        self.present = present
        self.anchor = anchor if anchor is not None and present[:, anchor].any() else None
        anchored = np.zeros(len(present), np.bool_) if self.anchor is None else present[:, self.anchor]
        self._cells = present.astype(np.float64)  # [T, E], 1 for a cell of the fit
        # The zero of an environment, as weights of strengths: the anchor's strength or, without it, the mean of all that played.
        self._zero = self._cells / np.maximum(self._cells.sum(1, keepdims=True), 1)  # [T, E]
        if self.anchor is not None:
            self._zero[anchored] = np.arange(present.shape[1]) == self.anchor
            self._cells[:, self.anchor] = 0.0
        self._share = self._cells / np.maximum(self._cells.sum(0), 1)  # [T, E], weight of each environment in an entrant's plain mean
        self._inverse = np.linalg.inv(self._normal_matrix(anchored))  # [T, T]
        self._rated = present.any(0)  # [E]

    def _normal_matrix(self, anchored: Array) -> Array:
        """Returns the matrix `[T, T]` of the normal equations of the effects, once the ratings are eliminated.

        By themselves these equations are singular once for each group of linked environments. So the effects of a group are made to sum to
        zero, over the environments where the anchor played if there are any.
        """
        normal = np.diag(self._cells.sum(1)) - self._cells @ self._share.T
        _, group = scipy.sparse.csgraph.connected_components(scipy.sparse.csr_array(normal != 0), directed=False)
        for label in np.unique(group):
            members = group == label
            held = (members & anchored if (members & anchored).any() else members).astype(np.float64)
            normal += np.outer(held, held)
        return np.asarray(normal)

    def ratings(self, strengths: Array) -> Array:
        """Returns the ratings `[E]`; NaN for an entrant that played nothing. `strengths` `[T, E]` outside of cells are ignored."""
        ratings = (self._share * (np.where(self.present, strengths, 0.0) - self.offsets(strengths)[:, None])).sum(0)
        return np.where(self._rated, ratings, np.nan)

    def offsets(self, strengths: Array) -> Array:
        """Returns what each environment adds to the strengths `[T, E]` of all entrants `[T]`: its zero and its effect."""
        strengths = np.where(self.present, strengths, 0.0)
        zeros = (self._zero * strengths).sum(1)  # [T]
        relative = self._cells * (strengths - zeros[:, None])  # [T, E]
        means = (self._share * relative).sum(0)  # [E], plain means
        effects = self._inverse @ (relative - self._cells * means).sum(1)  # [T]
        if self.anchor is not None or not self._rated.any():
            return np.asarray(zeros + effects)
        return np.asarray(zeros + effects + (means - effects @ self._share)[self._rated].mean())

    def contrast(self, env: int) -> Array:
        """Returns the derivative `[E, E]` of the ratings in the strengths of environment number `env`."""
        by_effect = self._share.T @ self._inverse  # [E, T]
        weights = np.diag(self._share[env]) - np.outer(by_effect[:, env], self._cells[env])
        weights += (by_effect @ self._cells) * self._share[env]
        weights -= np.outer(weights.sum(1), self._zero[env])
        if self.anchor is None and self._rated.any():
            weights -= weights[self._rated].mean(0)
        return np.asarray(weights)

    def own_weights(self) -> tuple[Array, Array]:
        """Returns the weights `[T, E]` of an entrant's own strength and of the anchor's in its rating, as if effects were known."""
        by_effect = self._share.T @ self._inverse  # [E, T]
        through_effects = by_effect @ (self._cells @ self._share.T) - by_effect * self._cells.sum(1)  # [E, T]
        anchor = np.zeros_like(self._share) if self.anchor is None else self._share + through_effects.T
        return self._share, -anchor
