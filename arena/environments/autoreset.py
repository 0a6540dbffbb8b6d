"""Vector steps that only reset an environment, in Gymnasium's autoreset mode `NEXT_STEP`."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def only_reset_steps(ended: Array, waiting: Array) -> Array:
    """Returns which steps `bool [K, N]` only reset an environment: those after an end. What they say of an end is cleared."""
    only_reset = np.empty_like(ended)
    only_reset[0], only_reset[1:] = waiting, ended[:-1]
    if (only_reset & ended).any():  # an environment that repeats its flags when it is reset
        for t in range(len(ended)):
            only_reset[t] = waiting if t == 0 else ended[t - 1]
            ended[t] &= ~only_reset[t]
    return only_reset
