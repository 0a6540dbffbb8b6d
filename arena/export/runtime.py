"""What answers for an export: the policy as another runtime plays it."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class NoRuntime(Exception):
    """Raised where nothing on this machine can run an export; the message says what is missing."""


class Runtime(Protocol):
    """A policy in another runtime."""

    def answer(self, observations: Array) -> tuple[Array, Array]:
        """Returns actions `[N, *act]` and action scores `float32 [N, A]` for `observations` `[N, *obs]`."""


class RuntimePolicy:
    """A policy in another runtime, as evaluations play it.

    Args:
        runtime: The policy.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns greedy actions `[N, *act]` for `observations` `[N, *obs]`; only those allowed by `action_masks` `bool [N, A]`."""
        actions, scores = self._runtime.answer(observations)
        return actions if action_masks is None else np.asarray(np.where(action_masks, scores, -np.inf).argmax(-1))
