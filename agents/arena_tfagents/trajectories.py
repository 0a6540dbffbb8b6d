"""Transitions as the trajectories that TF-Agents' agents learn from."""

from typing import Any

import numpy.typing as npt

from arena_tfagents.framework import StepType, Trajectory, tf

Array = npt.NDArray[Any]


def scaled(observations: tf.Tensor, largest: float | Array | None) -> tf.Tensor:
    """Returns images of bytes divided by their largest values; TF-Agents' networks neither scale them nor take `uint8`."""
    return observations if largest is None else tf.cast(observations, tf.float32) / largest


def trajectories(
    observations: tf.Tensor,
    actions: tf.Tensor,
    rewards: tf.Tensor,
    next_observations: tf.Tensor,
    terminated: tf.Tensor,
    *,
    largest: float | Array | None = None,
) -> Trajectory:
    """Returns transitions `[B]` as trajectories `[B, 2]`, of which agents read both observations and the first of all else."""

    def twice(x: tf.Tensor) -> tf.Tensor:
        return tf.stack([x, x], axis=1)

    middle = tf.fill((tf.shape(actions)[0], 2), StepType.MID)  # no LAST: those rows would be masked out of the loss
    return Trajectory(
        step_type=middle,
        observation=tf.stack([scaled(observations, largest), scaled(next_observations, largest)], axis=1),
        action=twice(actions),
        policy_info=(),
        next_step_type=middle,
        reward=twice(rewards),
        discount=twice(1.0 - tf.cast(terminated, tf.float32)),  # a truncated transition keeps discount 1: bootstrap
    )
