"""Shares of simulated experiments, with their error."""

import numpy as np


def share(value: float, count: int) -> str:
    """Returns a share of so many experiments with its standard error in its last digit: 0.043(7) is 0.043 with an error of 0.007."""
    return f"{value:.3f}({max(1, round(1000 * np.sqrt(max(value * (1 - value), 1 / count) / count)))})"
