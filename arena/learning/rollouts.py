"""Rollouts of fixed length for on-policy agents, and generalised advantages over them."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.learning.transitions import Block, TransitionStream

Array = npt.NDArray[Any]


@dataclasses.dataclass(slots=True)
class Rollout:
    """T vector steps of N environments. Rows where `valid` is False only reset an environment; leave them out of batches."""

    observations: Array
    """`[T, N, *obs]`"""
    actions: Array
    """`[T, N, *act]`"""
    extras: tuple[Array, ...]
    """Further arrays that `act` returned with the actions, each `[T, N, ...]`: log probabilities, values, logits."""
    rewards: Array
    """`float32 [T, N]`"""
    terminated: Array
    """`bool [T, N]`"""
    truncated: Array
    """`bool [T, N]`"""
    valid: Array
    """`bool [T, N]`"""
    last_observations: Array
    """Observations after the last step, `[N, *obs]`."""
    final_observations: list[tuple[int, int, Array]]
    """One `(t, n, observation)` for every end of an episode: its true next observation, whose value a truncated episode bootstraps from."""
    num_env_steps: int
    """Number of valid rows."""
    act_seconds: float
    """Wall seconds spent inside `act`."""


def collect_rollout(stream: TransitionStream, length: int, act: Callable[[Array], tuple[Array, ...]]) -> Rollout:
    """Takes `length` vector steps.

    Args:
        stream: Environments to step; call its `start` first.
        length: T, the vector steps of the rollout.
        act: `[N, *obs]` -> `(actions [N, *act], *extras)`.

    Raises:
        BudgetExhausted: if the budget ends before the rollout does; the rollout is then lost.
    """
    if stream.begin_block(length):
        return _collect_block(stream, length, act)
    steps = []
    all_extras: list[tuple[Array, ...]] = []
    final_observations = []
    num_env_steps, act_seconds = 0, 0.0
    for t in range(length):
        start = time.perf_counter()
        actions, *extras = act(stream.observations)
        act_seconds += time.perf_counter() - start
        step = stream.step(actions)
        steps.append(step)
        all_extras.append(tuple(extras))
        num_env_steps += stream.num_valid
        ended = (step.terminated | step.truncated) & step.valid
        if ended.any():
            final_observations += [(t, int(n), step.next_observations[n]) for n in np.flatnonzero(ended)]
    return Rollout(
        observations=np.stack([step.observations for step in steps]),
        actions=np.stack([step.actions for step in steps]),
        extras=tuple(np.stack(extra) for extra in zip(*all_extras, strict=True)),
        rewards=np.stack([step.rewards for step in steps]),
        terminated=np.stack([step.terminated for step in steps]),
        truncated=np.stack([step.truncated for step in steps]),
        valid=np.stack([step.valid for step in steps]),
        last_observations=stream.observations,
        final_observations=final_observations,
        num_env_steps=num_env_steps,
        act_seconds=act_seconds,
    )


def _collect_block(stream: TransitionStream, length: int, act: Callable[[Array], tuple[Array, ...]]) -> Rollout:
    """Does what `collect_rollout` does where the meter's log holds all of the steps: they are looked at when all are taken."""
    env, observations, clock = stream.env, stream.observations, time.perf_counter
    outputs: list[tuple[Array, ...]] = []
    infos: dict[int, dict[str, Any]] = {}
    act_seconds = 0.0
    for t in range(length):
        start = clock()
        output = act(observations)
        act_seconds += clock() - start
        outputs.append(output)
        observations, _, _, _, info = env.step(output[0])
        if info:
            infos[t] = info
    block = stream.end_block(observations, length)
    actions, *extras = (np.concatenate(parts).reshape(length, *parts[0].shape) for parts in zip(*outputs, strict=True))
    return Rollout(
        observations=block.observations,
        actions=actions,
        extras=tuple(extras),
        rewards=block.rewards,
        terminated=block.terminated,
        truncated=block.truncated,
        valid=block.valid,
        last_observations=observations,
        final_observations=[(t, n, _true_next(block, t, n, infos.get(t, {}), observations)) for t, n in np.argwhere(block.ended).tolist()],
        num_env_steps=int(np.count_nonzero(block.valid)),
        act_seconds=act_seconds,
    )


def _true_next(block: Block, t: int, n: int, info: dict[str, Any], last_observations: Array) -> Array:
    """Returns what an environment showed after a step that ended an episode: in `info` where the next one has begun at once."""
    if "_final_obs" in info and info["_final_obs"][n]:
        return np.asarray(info["final_obs"][n])
    return np.asarray(last_observations[n] if t + 1 == len(block.observations) else block.observations[t + 1, n])


def next_values(rollout: Rollout, values: Array, value_function: Callable[[Array], Array]) -> Array:
    """Returns the value of each true next observation, `float32 [T, N]`.

    Args:
        rollout: T steps of N environments.
        values: Values of `rollout.observations`, `[T, N]`.
        value_function: `[M, *obs]` -> `[M]`; called once, for the ends of episodes and of the rollout.
    """
    following = np.empty_like(values)
    following[:-1] = values[1:]
    ends = [observation for _, _, observation in rollout.final_observations]
    observations = np.concatenate([rollout.last_observations, np.stack(ends)]) if ends else rollout.last_observations
    tail = value_function(observations)
    num_envs = values.shape[1]
    following[-1] = tail[:num_envs]
    for (t, n, _), value in zip(rollout.final_observations, tail[num_envs:], strict=True):
        following[t, n] = value
    return following


def rollout_advantages(
    rollout: Rollout, values: Array, value_function: Callable[[Array], Array], *, discount: float, gae_lambda: float
) -> Array:
    """Returns the generalised advantages of a rollout, `float32 [T, N]`: `generalized_advantages` with the values of `next_values`.

    Args:
        rollout: T steps of N environments.
        values: Values of `rollout.observations`, `[T, N]`.
        value_function: `[M, *obs]` -> `[M]`; called once, for the ends of episodes and of the rollout.
        discount: Weight of the next value.
        gae_lambda: Weight of longer returns.
    """
    following = next_values(rollout, values, value_function)
    return generalized_advantages(
        rollout.rewards, values, following, rollout.terminated, rollout.truncated, discount=discount, gae_lambda=gae_lambda
    )


def generalized_advantages(
    rewards: Array, values: Array, following: Array, terminated: Array, truncated: Array, *, discount: float, gae_lambda: float
) -> Array:
    """Returns generalised advantages `float32 [T, N]` (Schulman et al., 2016, arXiv:1506.02438, equation 16).

    Truncation is not termination: `following` is bootstrapped from at a truncation, and the sum over later steps stops there.

    Args:
        rewards: `[T, N]`
        values: Values of the observations, `[T, N]`.
        following: Values of the true next observations, `[T, N]` (see `next_values`).
        terminated: `bool [T, N]`
        truncated: `bool [T, N]`
        discount: Weight of the next value.
        gae_lambda: Weight of longer returns.
    """
    deltas = rewards + discount * following * ~terminated - values
    weights = np.float32(discount * gae_lambda) * ~(terminated | truncated)
    advantages = np.empty_like(deltas, dtype=np.float32)
    running = np.zeros(deltas.shape[1], np.float32)
    for t in range(len(deltas) - 1, -1, -1):
        running = deltas[t] + weights[t] * running
        advantages[t] = running
    return advantages
