"""Replay of n-step transitions, uniform or prioritised (Schaul et al., 2016, arXiv:1511.05952), as RLlib does it, in arrays.

Draws, weights and priorities are those of RLlib's `PrioritizedEpisodeReplayBuffer` (ray 2.60), draw for draw with the same
generator and one environment; that class keeps lists of episode objects and costs more than the update it feeds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.formats.npz import read_arrays, write_arrays
from arena.learning.segments import restore_ring, save_ring
from arena.learning.transitions import Transitions

Array = npt.NDArray[Any]

MAX_DRAWS = 1_000


class NStepReplay:
    """Keeps the last vector steps, row by row, and draws initial rows of n consecutive steps of one episode.

    The time of `sample` grows with `capacity` (a cumulative sum over it), about 0.2 ms at 50,000.

    Args:
        capacity: transitions kept, rounded up to whole vector steps.
        num_envs: N, rows per vector step.
        observation_space: Space of one environment.
        n_step: Steps whose discounted rewards are summed before bootstrapping; `(low, high)` draws them for each transition, below `high`.
        discount: weight of the next step's reward.
        alpha: exponent of priorities; 0 draws uniformly.
        beta: exponent of the importance weights.
        seed: Seed of the draws.
    """

    FIELDS = ("observations", "actions", "rewards", "next_observations", "terminated")
    CHANGING = ("ended", "priorities")

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        observation_space: gym.Space[Any],
        *,
        n_step: int | Sequence[int],
        discount: float,
        alpha: float,
        beta: float,
        seed: int,
    ) -> None:
        self.capacity = -(-capacity // num_envs) * num_envs
        self.num_envs, self.discount, self.alpha, self.beta = num_envs, discount, alpha, beta
        self.n_step = (n_step, n_step + 1) if isinstance(n_step, int) else (n_step[0], n_step[1])
        shape = (self.capacity, *(observation_space.shape or ()))
        self._arrays: dict[str, Array] = {
            "observations": np.zeros(shape, observation_space.dtype),
            "actions": np.zeros(self.capacity, np.int64),
            "rewards": np.zeros(self.capacity, np.float32),
            "next_observations": np.zeros(shape, observation_space.dtype),
            "terminated": np.zeros(self.capacity, np.bool_),
            "ended": np.zeros(self.capacity, np.bool_),  # the next row of this environment is of another episode
            "priorities": np.zeros(self.capacity),  # to the power of alpha; 0 for a row without a transition
        }
        self._num_added = 0  # rows, also those without a transition
        self._max_priority = 1.0
        self.rng = np.random.default_rng(seed)

    def add(self, transitions: Transitions) -> None:
        """Appends one vector step; new transitions get the highest priority seen."""
        rows = slice(self._next, self._next + self.num_envs)
        for name in self.FIELDS:
            self._arrays[name][rows] = getattr(transitions, name)
        self._arrays["ended"][rows] = transitions.terminated | transitions.truncated
        self._arrays["priorities"][rows] = np.where(transitions.valid, self._max_priority**self.alpha, 0.0)
        self._num_added += self.num_envs

    @property
    def _next(self) -> int:
        return self._num_added % self.capacity

    def cut(self) -> None:
        """Marks that all environments are about to be reset: what follows are other episodes."""
        self._arrays["ended"][np.arange(self._next - self.num_envs, self._next) % self.capacity] = True

    def sample(self, batch_size: int) -> tuple[Array, Array, Array, tuple[Array, Array, Array, Array, Array]]:
        """Returns indices `[B]`, importance weights and n `float32 [B]`, and n-step transitions in the order of `FIELDS`."""
        priorities = self._arrays["priorities"]
        cumulative = np.cumsum(priorities)
        total = cumulative[-1]
        starts, steps = np.empty(0, np.int64), np.empty(0, np.int64)
        for _ in range(MAX_DRAWS):
            uniform, num_steps = self._draw(batch_size - len(starts))
            draws = np.searchsorted(cumulative, uniform * total, side="right")
            complete = self._complete(draws, num_steps)
            starts, steps = np.concatenate([starts, draws[complete]]), np.concatenate([steps, num_steps[complete]])
            if len(starts) == batch_size:
                break
        else:
            raise ValueError(f"n_step={self.n_step[1] - 1} is too large: {MAX_DRAWS} draws found too few episodes as long as that")
        smallest = np.min(priorities, where=priorities > 0.0, initial=np.inf)
        weights = ((priorities[starts] / smallest) ** -self.beta).astype(np.float32)
        return starts, weights, steps.astype(np.float32), self._transitions(starts, steps)

    def _draw(self, count: int) -> tuple[Array, Array]:
        """Returns uniform numbers in [0, 1) and numbers of steps, `[count]` each, in RLlib's order: by turns where both are random."""
        low, high = self.n_step
        if low == high - 1:
            return self.rng.random(count), np.full(count, low)
        pairs = [(self.rng.random(), self.rng.integers(low, high)) for _ in range(count)]
        uniform, num_steps = zip(*pairs, strict=True)
        return np.array(uniform), np.array(num_steps)

    def _complete(self, starts: Array, num_steps: Array) -> Array:
        """Returns whether `num_steps` `[B]` steps of one episode begin at `starts` `[B]`."""
        age = (self._next - 1 - starts) % self.capacity // self.num_envs  # vector steps recorded since
        complete = age >= num_steps - 1
        for offset in range(self.n_step[1] - 2):
            complete &= ~self._arrays["ended"][self._later(starts, offset)] | (offset >= num_steps - 1)
        return complete

    def _transitions(self, starts: Array, num_steps: Array) -> tuple[Array, Array, Array, Array, Array]:
        arrays, last = self._arrays, self._later(starts, num_steps - 1)
        rewards = sum(
            np.where(offset < num_steps, self.discount**offset * arrays["rewards"][self._later(starts, offset)], np.float32(0.0))
            for offset in range(self.n_step[1] - 1)
        )
        return (
            arrays["observations"][starts],
            arrays["actions"][starts],
            np.asarray(rewards, np.float32),
            arrays["next_observations"][last],
            arrays["terminated"][last],
        )

    def _later(self, rows: Array, steps: int | Array) -> Array:
        return (rows + steps * self.num_envs) % self.capacity

    def update_priorities(self, indices: Array, td_errors: Array) -> None:
        """Sets priorities by absolute TD errors `[B]`; of equal indices the last counts."""
        if not self.alpha:
            return
        td_errors = np.maximum(td_errors.astype(np.float64), 1e-12)
        self._arrays["priorities"][indices] = td_errors**self.alpha
        self._max_priority = max(self._max_priority, float(td_errors.max()))

    def save(self, directory: Path) -> dict[str, Any]:
        """Writes the arrays below `directory` and returns the rest of the state, fit for JSON.

        What a transition consists of never changes and is written in segments; the ends of episodes and the priorities are written anew.
        """
        save_ring(directory, {name: self._arrays[name] for name in self.FIELDS}, self._num_added)
        write_arrays(directory / "replay.npz", {name: self._arrays[name] for name in self.CHANGING}, compressed=True)
        return {"num_added": self._num_added, "max_priority": self._max_priority, "rng": self.rng.bit_generator.state}

    def restore(self, directory: Path, state: dict[str, Any]) -> None:
        """Takes over what `save` wrote and returned."""
        restore_ring(directory, {name: self._arrays[name] for name in self.FIELDS}, state["num_added"])
        arrays = read_arrays(directory / "replay.npz")
        for name in self.CHANGING:
            self._arrays[name][:] = arrays[name]
        self._num_added, self._max_priority = state["num_added"], state["max_priority"]
        self.rng.bit_generator.state = state["rng"]
