"""Saliency of images by occlusion (Zeiler and Fergus, 2014, arXiv:1311.2901): how much a score changes where a patch is covered."""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena.explain.shapley import Function

Array = npt.NDArray[Any]

MAX_PATCHES = 12
"""Largest number of patches along a side of the image."""


def occlusion(function: Function, images: Array, background: Array) -> Array:
    """Returns the saliency of patches `[N, P, Q]`: the mean absolute change of the scores when a patch shows the background's mean.

    Args:
        function: Function to explain, `[N, H, W, C]` -> `[N, A]`.
        images: Images to explain, `[N, H, W, C]`.
        background: Images whose mean covers a patch, `[B, H, W, C]`.
    """
    cover = background.mean(0).astype(images.dtype)
    rows, columns = (np.array_split(np.arange(size), min(size, MAX_PATCHES)) for size in images.shape[1:3])
    found = []
    for image in images:
        covered = np.repeat(image[None], len(rows) * len(columns) + 1, axis=0)
        for index, (row, column) in enumerate((row, column) for row in rows for column in columns):
            covered[index][np.ix_(row, column)] = cover[np.ix_(row, column)]
        scores = function(covered).astype(np.float64)
        found.append(np.abs(scores[:-1] - scores[-1]).mean(-1).reshape(len(rows), len(columns)))
    return np.array(found)
