"""Observations that are stacks of frames, with every frame stored once.

A stack `[H, W, K]` and the one that follows it have K - 1 frames in common, so a replay buffer of whole stacks holds each frame about 2 K
times. Here transitions hold the numbers of their frames, and `FrameStore` the frames. Nothing is taken on trust: a frame is shared only
where its pixels are equal, so that every stack comes back exactly, whatever environment it came from.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.learning.segments import restore_ring, save_ring

Array = npt.NDArray[Any]

RING = "frames"
"""Name of the ring of frames in a checkpoint."""


class FrameStore:
    """A ring of frames that grows where it must; a frame's number says how many came before it.

    Args:
        shape: Shape of a stack, `[H, W, K]`.
        capacity: Number of frames that there is room for at first.
    """

    def __init__(self, shape: tuple[int, ...], capacity: int) -> None:
        height, width, self.depth = shape
        self.frames = np.zeros((capacity, height, width), np.uint8)
        """Frames, `uint8 [capacity, H, W]`; frame i is in row `i % capacity`."""
        self.num_added = 0
        """Number of frames ever added."""
        self.oldest = 0
        """Number of the first frame that may still be needed."""
        self._newest: dict[int, tuple[Array, Array]] = {}  # environment -> its newest stack `[H, W, K]`, and the numbers of its frames

    def add(self, observations: Array, following: Array, envs: Iterable[int], first_held: Callable[[], int]) -> tuple[Array, Array]:
        """Stores what is new in the stacks of some transitions.

        Args:
            observations: Stacks `[N, H, W, K]`.
            following: Stacks that follow them, `[N, H, W, K]`.
            envs: Number of each row's environment.
            first_held: Returns the smallest number of a frame of the transitions that the replay buffer holds.

        Returns:
            The numbers of the frames of both, `int64 [N, K]` each.
        """
        self._make_room(2 * self.depth * len(observations), first_held)
        befores, afters = np.empty((2, len(observations), self.depth), np.int64)
        frames = np.ascontiguousarray(np.moveaxis(following, -1, 1))  # [N, K, H, W]
        for row, env in enumerate(envs):
            newest = self._newest.get(env)
            if newest is not None and np.array_equal(newest[0], observations[row]):
                befores[row] = newest[1]
            else:
                befores[row] = self._add_stack(np.moveaxis(observations[row], -1, 0))
            if all(np.array_equal(self.frames[number % len(self.frames)], frames[row, k]) for k, number in enumerate(befores[row, 1:])):
                afters[row, :-1] = befores[row, 1:]
                afters[row, -1] = self._add_frame(frames[row, -1])
            else:
                afters[row] = self._add_stack(frames[row])
            self._newest[env] = (following[row].copy(), afters[row])
        return befores, afters

    def stacks(self, numbers: Array) -> Array:
        """Returns the stacks `uint8 [..., H, W, K]` of frames with these `numbers` `[..., K]`."""
        return np.ascontiguousarray(np.moveaxis(self.frames[numbers % len(self.frames)], -3, -1))

    def save(self, directory: Path, first_held: Callable[[], int]) -> dict[str, int]:
        """Writes the frames that are needed in segments below `directory` and returns the rest of the state, fit for JSON.

        Args:
            directory: The agent's folder of a checkpoint, at which environments are cut: what follows are new episodes.
            first_held: Returns the smallest number of a frame of the transitions held, as for `add`.
        """
        self._newest.clear()
        self.oldest = self._first_needed(first_held())
        save_ring(directory, {"frames": self.frames}, self.num_added, name=RING, oldest=self.oldest)
        return {"capacity": len(self.frames), "num_added": self.num_added, "oldest": self.oldest}

    def restore(self, directory: Path, state: dict[str, int]) -> None:
        """Takes over what `save` wrote and returned."""
        self._newest.clear()
        self.frames = np.zeros((state["capacity"], *self.frames.shape[1:]), np.uint8)
        self.num_added, self.oldest = state["num_added"], state["oldest"]
        restore_ring(directory, {"frames": self.frames}, self.num_added, name=RING, oldest=self.oldest)

    def _add_stack(self, frames: Array) -> list[int]:
        """Adds the frames `[K, H, W]`, of which an episode's first ones are often equal, and returns their numbers."""
        numbers: list[int] = []
        for index, frame in enumerate(frames):
            is_same = index > 0 and np.array_equal(frame, frames[index - 1])
            numbers.append(numbers[-1] if is_same else self._add_frame(frame))
        return numbers

    def _add_frame(self, frame: Array) -> int:
        self.frames[self.num_added % len(self.frames)] = frame
        self.num_added += 1
        return self.num_added - 1

    def _make_room(self, count: int, first_held: Callable[[], int]) -> None:
        """Sees to it that `count` frames can be added without overwriting one that is needed."""
        capacity = len(self.frames)
        if self.num_added + count - self.oldest <= capacity:
            return
        self.oldest = self._first_needed(first_held())
        needed = self.num_added + count - self.oldest
        if needed <= capacity - capacity // 16:  # less room would be used up at once, and to look for it takes a while
            return
        numbers = np.arange(self.oldest, self.num_added)
        larger = np.zeros((needed + needed // 4, *self.frames.shape[1:]), np.uint8)
        larger[numbers % len(larger)] = self.frames[numbers % capacity]
        self.frames = larger

    def _first_needed(self, first_held: int) -> int:
        return min([first_held, *(int(numbers.min()) for _, numbers in self._newest.values())])
