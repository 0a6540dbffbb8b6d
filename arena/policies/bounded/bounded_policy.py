"""A policy file that plays in a process of its own, for whoever may have written it."""

import contextlib
import dataclasses
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.policies.bounded.bounds import Bounds
from arena.policies.bounded.channel import ACTIONS, EPISODES, ERROR, MAX_TEXT_BYTES, SCORES, SIGN_OF_LIFE, Closed, Garbled, TooLate
from arena.policies.bounded.player_processes import PlayerProcess, ServerGone
from arena.policies.bounded.whole_episodes import SIGN_SECONDS, WholeEpisodes, read_episodes
from arena.policies.policy import PolicySignature, best_allowed

Array = npt.NDArray[Any]


class PolicyBroke(ArenaError):
    """Raised when a policy breaks a bound of its process, fails, or answers what no policy may; the message is the reason."""


class BoundedPolicy:
    """A policy file, ready to act in a process of its own, with bounds of memory and of time for each call.

    It answers what `arena.policies.policy.OnnxPolicy` answers. Once its process has ended, each further call fails for the same reason. One
    thread at a time may use it. Close it, or use it in a `with` statement: otherwise its process stays until this process ends.

    Args:
        path: The ONNX file.
        shown_as: Path to name in errors instead, for a copy of another file.
        bounds: Bounds of the process.

    Raises:
        ArenaError: If the file isn't a policy, or breaks a bound while it is loaded; says what is wrong.
    """

    def __init__(self, path: Path, *, shown_as: Path | None = None, bounds: Bounds | None = None) -> None:
        self.path = path
        self.bounds = bounds or Bounds()
        self._broke = ""
        shown = f"policy {shown_as or path}"
        self._process = PlayerProcess(path, shown, self.bounds)
        try:
            self._process.channel.set_timeout(self.bounds.load_seconds)
            self.signature = self._load(shown)
            self._process.channel.set_timeout(self.bounds.call_seconds)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "BoundedPolicy":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether the process is there to answer, as far as is known."""
        return not self._broke

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns greedy actions `[N, *act]` for `observations` `[N, *obs]`.

        Args:
            observations: Observations in the shape and type of `signature`.
            action_masks: Allowed actions, `bool [N, A]`; the best allowed action is taken. Discrete actions only.

        Raises:
            PolicyBroke: If the policy breaks a bound, fails, or gives scores that are not finite; says which.
        """
        if action_masks is not None:
            return best_allowed(self.scores(observations), action_masks)
        signature = self.signature
        return self._ask(ACTIONS, observations, signature.action_dtype, signature.action_shape)

    def scores(self, observations: Array) -> Array:
        """Returns action scores `float32 [N, A]` for `observations` `[N, *obs]`; raises as `act`."""
        return self._ask(SCORES, observations, np.dtype(np.float32), (self.signature.num_scores,))

    def play(self, asked: WholeEpisodes) -> tuple[Array, Array] | None:
        """Returns returns `float64 [E]` and lengths `int64 [E]` of episodes that the policy's process plays by itself.

        Returns None if it could not play them to their ends, or breaks a bound, which ends the process: `act`, asked step by step from
        the same initial states, then tells what is wrong.

        Args:
            asked: Episodes to play.
        """
        if self._broke:
            return None
        try:
            self._process.channel.set_timeout(self.bounds.call_seconds + 2 * SIGN_SECONDS)
            played = self._played(asked)
            self._process.channel.set_timeout(self.bounds.call_seconds)
        except (TooLate, Closed, Garbled):
            self.close()
            return None
        except BaseException:  # an interrupt: what comes later would answer another question
            self.close()
            raise
        return played

    def close(self) -> None:
        """Ends the process."""
        if not self._broke:
            self._broke = "it is closed"
            with contextlib.suppress(ServerGone):
                self._process.end()

    def _load(self, shown: str) -> PolicySignature:
        try:
            kind, content = self._process.channel.receive(MAX_TEXT_BYTES)
        except TooLate:
            raise ArenaError(f"{shown} was not through its checks after {self.bounds.load_seconds:g} seconds") from None
        except (Closed, Garbled):
            self._broke = str(self._process.end())
            raise ArenaError(f"{shown} broke the process that loaded it, which may take {self.bounds.memory}: {self._broke}") from None
        text = bytes(content).decode(errors="replace")
        if kind == ERROR:
            raise ArenaError(text)
        return _signature(text)

    def _played(self, asked: WholeEpisodes) -> tuple[Array, Array] | None:
        """Returns what the process played; it has as long as that many calls step by step."""
        channel, start = self._process.channel, time.monotonic()
        longest = self.bounds.call_seconds * asked.max_calls
        channel.send(EPISODES, json.dumps(dataclasses.asdict(asked)).encode())
        while True:
            answered, content = channel.receive(max(asked.num_bytes, MAX_TEXT_BYTES))
            if answered == ACTIONS:
                return read_episodes(content, asked)
            if answered == ERROR:
                return None
            if answered != SIGN_OF_LIFE:
                raise Garbled
            if time.monotonic() - start > longest:
                raise TooLate
            channel.send(SIGN_OF_LIFE, b"")

    def _ask(self, kind: int, observations: Array, dtype: Any, shape: tuple[int, ...]) -> Array:
        if self._broke:
            raise PolicyBroke(self._broke)
        signature = self.signature
        if observations.dtype != signature.observation_dtype or observations.shape[1:] != signature.observation_shape:
            raise ArenaError(f"observations {observations.dtype} {observations.shape} do not fit the policy, which takes {signature}")
        count, channel = len(observations), self._process.channel
        num_bytes = count * dtype.itemsize
        for size in shape:
            num_bytes *= size
        try:
            channel.send(kind, np.ascontiguousarray(observations))
            answered, content = channel.receive(max(num_bytes, MAX_TEXT_BYTES))
        except TooLate:
            self._break(f"it gave no answer to {count} observations within {self.bounds.call_seconds:g} seconds")
        except Closed:
            self._break(None)
        except Garbled:
            self._break("its process sent what is no answer")
        except BaseException:  # an interrupt: the answer that comes later would be to another question
            self.close()
            raise
        if answered == ERROR:
            raise PolicyBroke(bytes(content).decode(errors="replace"))
        if content.nbytes != num_bytes:
            self._break("its process sent what is no answer")
        return np.frombuffer(content, dtype).reshape(count, *shape).copy()

    def _break(self, reason: str | None) -> NoReturn:
        """Ends the process, and raises the reason; None takes it from how the process ended."""
        self._broke = reason or "it is closed"
        ending = self._process.end()
        self._broke = reason or str(ending)
        raise PolicyBroke(self._broke) from None


def _signature(text: str) -> PolicySignature:
    """Returns the signature that a policy's process sent."""
    content = json.loads(text)
    return PolicySignature(
        observation_shape=tuple(map(int, content["observation_shape"])),
        observation_dtype=np.dtype(content["observation_dtype"]),
        action_shape=tuple(map(int, content["action_shape"])),
        action_dtype=np.dtype(content["action_dtype"]),
        num_scores=int(content["num_scores"]),
        choices=tuple(map(int, content["choices"])),
    )
