"""Policies loaded for play: the only place in which a tournament opens a player's policy to act with it.

A file plays within bounds, in a process of its own: neither a folder nor what stands in it says who wrote it. The processes are kept from
task to task. What breaks in one task fails to the end of that task, whichever process plays it, and begins anew in the next.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.player_processes import ServerGone
from arena.policies.bounded.whole_episodes import WholeEpisodes
from arena.policies.policy import OnnxPolicy, Policy, UniformPolicy
from arena.tournament.entry.env_spaces import Spaces
from arena.tournament.entry.player import PlaysWith

Array = npt.NDArray[Any]

MAX_PROCESSES = 16
"""Max number of policies that this process keeps ready, each in a process of its own."""


def load_policy(source: PlaysWith, spaces: Spaces, rng: np.random.Generator | None, *, trusted: bool = False) -> Policy:
    """Returns the policy that plays for a player in one task.

    Args:
        source: The player's policy file or program; None for the uniformly random player.
        spaces: Observation and action space of what is played.
        rng: Random numbers of the uniformly random player, and of a program; None for a file, which draws none.
        trusted: Whether the file is the caller's own, and plays in this process without bounds.
    """
    if isinstance(source, Path):
        return _onnx_policy(source) if trusted else PlayingPolicy(source)
    assert rng is not None
    if source is None:
        return UniformPolicy(spaces[1], rng, spaces[0])
    return source.policy(spaces, rng)


class PlayingPolicy:
    """A policy file in one task. Whatever fails, also its loading, fails when it is to act: it loses its own matches, and no other's.

    Args:
        path: The player's policy file.

    Raises:
        ArenaError: If the file is gone, or no process can be started, which is not the policy's fault.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failure: Exception | None = None
        if not path.exists():
            raise ArenaError(f"{path} is missing; put the file back, or begin another tournament")
        try:
            _processes.policy(path)
        except ServerGone:
            raise
        except ArenaError as error:
            self._failure = error

    def play(self, asked: WholeEpisodes) -> tuple[Array, Array] | None:
        """Returns returns and lengths of whole episodes that the policy's process plays by itself; None where `act` is to be asked."""
        if self._failure is not None:
            return None
        policy = _processes.policy(self._path)
        played = policy.play(asked)
        if not policy.is_alive:
            _processes.end(self._path)
        return played

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns the policy's actions `[N, *act]`; raises what it raised before, if it ever did."""
        if self._failure is not None:
            raise self._failure
        try:
            return _processes.policy(self._path).act(observations, action_masks=action_masks)
        except Exception as error:
            self._failure = error
            _processes.end(self._path)
            raise


class _Processes:
    """The policies that are ready, those used last at the end."""

    def __init__(self) -> None:
        self._policies: dict[Path, BoundedPolicy] = {}

    def policy(self, path: Path) -> BoundedPolicy:
        """Returns the policy of a file, which is loaded if need be."""
        policy = self._policies.pop(path, None) or BoundedPolicy(path, shown_as=Path(path.name))
        self._policies[path] = policy
        while len(self._policies) > MAX_PROCESSES:
            self.end(next(iter(self._policies)))
        return policy

    def end(self, path: Path) -> None:
        """Ends the process of a file's policy, if there is one."""
        if policy := self._policies.pop(path, None):
            policy.close()


_processes = _Processes()


@functools.lru_cache(maxsize=256)
def _onnx_policy(path: Path) -> OnnxPolicy:
    return OnnxPolicy(path)
